//! Runs a program in a mount namespace in which a [`Root`](crate::Root) is `/`.
//!
//! The tree itself supplies `/etc`, `/run`, `/proc`, `/sys`, `/usr/lib/modprobe.d`, `/usr/local`,
//! `/lib/modules` and whatever else module tools read; a file that is missing from the tree is missing for
//! the program. The machine supplies the programs and their libraries (`/usr/bin`, the libraries in
//! `/usr/lib/ARCH-linux-gnu`), the basic devices, and every other top-level directory, such as `/tmp` and the
//! one that contains the build. The sandbox works for static and dynamic programs, for root (with a mount
//! namespace) and for other users (with a user namespace in addition).
//!
//! The mount points remain in the tree as empty files and directories; the mounts end with the program.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The bind mounts to make, and the ID maps to write.
struct Plan {
    root: PathBuf,
    binds: Vec<(PathBuf, PathBuf)>,
    /// `None` for root, which needs no user namespace.
    maps: Option<[(&'static str, String); 3]>,
}

/// Top-level names that the tree supplies, or that are assembled from parts.
const OWN: [&str; 13] = [
    "usr",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "bin",
    "sbin",
    "etc",
    "proc",
    "sys",
    "run",
    "dev",
    "lost+found",
];

const DEVICES: [&str; 4] = ["null", "zero", "full", "tty"];
const RANDOM_DEVICES: [&str; 2] = ["random", "urandom"];

/// Makes `command` run inside `root` once it is started. `random`: whether it has the devices of random bytes.
#[allow(unsafe_code)]
pub(crate) fn confine(command: &mut Command, root: &Path, random: bool) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    let plan = Plan::new(root, random)?;
    // SAFETY: between fork and exec the closure makes system calls on data that was prepared before,
    // and touches no lock that another thread of the parent may hold.
    unsafe {
        command.pre_exec(move || plan.enter());
    }
    Ok(())
}

impl Plan {
    fn new(root: &Path, random: bool) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let mut plan = Self { root, binds: Vec::new(), maps: maps() };
        for entry in fs::read_dir("/")?.flatten() {
            let path = entry.path();
            if entry.file_name().to_str().is_some_and(|name| OWN.contains(&name)) || !path.is_dir() {
                continue;
            }
            plan.bind(&path)?;
        }
        for dir in ["/bin", "/sbin", "/lib", "/lib64", "/lib32"] {
            plan.program_dir(Path::new(dir))?;
        }
        for dir in ["/usr/bin", "/usr/sbin", "/usr/lib64", "/usr/lib32"] {
            if Path::new(dir).is_dir() {
                plan.bind(Path::new(dir))?;
            }
        }
        plan.libraries(Path::new("/usr/lib"))?;
        let random_devices = RANDOM_DEVICES.into_iter().filter(|_| random);
        for device in DEVICES.into_iter().chain(random_devices) {
            plan.bind(&Path::new("/dev").join(device))?;
        }
        Ok(plan)
    }

    /// Recreates a link into /usr; binds a real directory, except /lib, which contains modules.
    fn program_dir(&mut self, dir: &Path) -> io::Result<()> {
        let own = self.own(dir);
        if let Ok(target) = fs::read_link(dir) {
            // A tree with files in lib has a real directory there; the machine's libraries are then bound
            // into it.
            if own.is_symlink() {
                return Ok(());
            }
            if own.exists() {
                return if dir == Path::new("/lib") { self.libraries(dir) } else { Ok(()) };
            }
            return symlink(target, own);
        }
        match dir.to_str() {
            Some("/lib") => self.libraries(dir),
            _ if dir.is_dir() => self.bind(dir),
            _ => Ok(()),
        }
    }

    /// Binds the libraries in `dir`: the architecture directories and the dynamic linkers.
    fn libraries(&mut self, dir: &Path) -> io::Result<()> {
        for entry in fs::read_dir(dir)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains("-linux-") || name.starts_with("ld-") {
                self.bind(&entry.path())?;
            }
        }
        Ok(())
    }

    fn bind(&mut self, path: &Path) -> io::Result<()> {
        let to = self.own(path);
        if path.is_dir() {
            fs::create_dir_all(&to)?;
        } else if path.exists() {
            fs::create_dir_all(to.parent().unwrap_or(&self.root))?;
            if !to.exists() {
                fs::File::create(&to)?;
            }
        } else {
            return Ok(());
        }
        self.binds.push((path.to_owned(), to));
        Ok(())
    }

    fn own(&self, absolute: &Path) -> PathBuf {
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Enters the sandbox. Runs in the child, between fork and exec.
    fn enter(&self) -> io::Result<()> {
        let none: Option<&str> = None;
        if let Some(maps) = &self.maps {
            unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
            for (path, text) in maps {
                fs::write(path, text)?;
            }
        } else {
            unshare(CloneFlags::CLONE_NEWNS)?;
        }
        mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none)?;
        for (from, to) in &self.binds {
            mount(Some(from), to, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
        }
        let cwd = std::env::current_dir();
        nix::unistd::chroot(&self.root)?;
        // A working directory that does not exist in the tree is replaced by its root.
        cwd.and_then(std::env::set_current_dir).or_else(|_| std::env::set_current_dir("/"))
    }
}

fn maps() -> Option<[(&'static str, String); 3]> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    (!user.is_root()).then(|| {
        [
            ("/proc/self/setgroups", "deny".to_owned()),
            ("/proc/self/uid_map", format!("0 {user} 1")),
            ("/proc/self/gid_map", format!("0 {group} 1")),
        ]
    })
}
