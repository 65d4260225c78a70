//! FIFOs, sockets and devices in place of files: an error at once. kmod is not run, because it waits for the
//! other end of a FIFO.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use oxmod_test_support::{Answer, RELEASE, Root, Run, Shim, Side, sides};

use super::tree;

/// What can be in the place of a file.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Fifo,
    Socket,
    /// A link to a device that never comes to an end.
    Zero,
}

impl Kind {
    /// Replaces the file at `path`, or creates it.
    fn put(self, path: &Path) {
        let _ = fs::remove_file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self {
            Self::Fifo => nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
            Self::Zero => std::os::unix::fs::symlink("/dev/zero", path).unwrap(),
        }
    }
}

/// Runs a script in the tree. One that does not end in a minute is killed, and returns 137.
fn run(root: &Root, script: &str) -> Answer {
    Shim::new().run(root, &Run::shell(&format!("timeout -s KILL 60 {script}")), Side::Ours).answer
}

/// A file, a command that reads it, its exit code and a part of its message.
type Case = (&'static str, &'static str, i32, &'static str);

/// `M` stands for the module directory, `R` for the tree, `V` for the kernel's release.
const CASES: [Case; 27] = [
    ("M/modules.softdep", "depmod -n V", 0, "unsupported file type"),
    ("etc/depmod.d/x.conf", "depmod -n V", 0, "x.conf: not a regular file"),
    ("etc/x.conf", "depmod -n -C /etc/x.conf V", 0, "/etc/x.conf: not a regular file"),
    ("map", "depmod -e -F R/map V", 1, "/map: not a regular file"),
    ("symvers", "depmod -e -E R/symvers V", 1, "/symvers: not a regular file"),
    ("M/late.ko", "depmod V", 0, "unsupported file type"),
    ("x.ko", "depmod V R/x.ko", 0, "not a regular file"),
    ("M/modules.dep.bin", "modprobe -S V -n -v top", 0, "modules.dep.bin: not a regular file"),
    ("M/modules.builtin.bin", "modprobe -S V -n -v top", 0, "modules.builtin.bin: not a regular file"),
    ("M/modules.softdep", "modprobe -S V -n -v top", 0, "modules.softdep: not a regular file"),
    ("M/modules.alias.bin", "modprobe -S V -n -q some:alias", 1, ""),
    ("M/modules.weakdep", "modprobe -S V -c", 0, "modules.weakdep: not a regular file"),
    ("M/meta.pb", "modprobe -S V -n top", 0, ""),
    ("m.pb", "modprobe --meta R/m.pb -S V -n top", 1, "m.pb: not a regular file"),
    ("etc/modprobe.d/x.conf", "modprobe -S V -n top", 0, "x.conf: not a regular file"),
    ("etc/x.conf", "modprobe -C /etc/x.conf -S V -n top", 0, "/etc/x.conf: not a regular file"),
    ("proc/cmdline", "modprobe -S V -n top", 0, "/proc/cmdline: not a regular file"),
    ("M/top.ko", "modprobe -S V -D top", 0, ""),
    ("M/top.ko", "modprobe --show-exports R/M/top.ko", 1, "top.ko: Operation not supported"),
    ("M/top.ko", "modprobe --show-modversions R/M/top.ko", 1, "top.ko: Operation not supported"),
    ("M/top.ko", "modinfo -k V top", 1, "(not a regular file)"),
    ("M/top.ko", "kmod firmware list -k V top", 1, "top.ko: not a regular file"),
    ("x.ko", "modinfo R/x.ko", 1, "not found"),
    ("proc/modules", "lsmod", 1, "could not open /proc/modules: Operation not supported"),
    // The kernel refuses a device; these are pipes.
    ("M/top.ko", "modprobe -S V top", 1, "could not insert 'top': Operation not supported"),
    ("x.ko", "insmod R/x.ko", 1, "not a regular file"),
    ("x.ko", "insmod -f R/x.ko", 1, "not a regular file"),
];

#[test]
fn special_files_are_errors_at_once() {
    let mut wrong = Vec::new();
    for (path, command, code, words) in CASES {
        let inserts = command.starts_with("insmod") || command == "modprobe -S V top";
        for kind in [Kind::Fifo, Kind::Socket, Kind::Zero] {
            if inserts && matches!(kind, Kind::Zero) {
                continue;
            }
            let root = tree();
            let full = |text: &str| {
                let text = text
                    .replace("M/", &format!("lib/modules/{RELEASE}/"))
                    .replace(" V", &format!(" {RELEASE}"));
                text.replace("R/", &format!("{}/", root.path("").display()))
            };
            kind.put(&root.path(full(path)));
            let answer = run(&root, &full(command));
            let text = answer.stderr_text();
            let says = text.contains(words)
                || matches!(kind, Kind::Socket) && text.contains("No such device or address");
            if answer.code != code || !says {
                wrong.push(format!("{kind:?} {path}, {command}: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// depmod does not wait either, whatever it makes of the missing list.
#[test]
fn lists_of_depmod() {
    for name in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        for kind in [Kind::Fifo, Kind::Socket, Kind::Zero] {
            let root = tree();
            kind.put(&root.path(root.in_modules(name)));
            let answer = run(&root, &format!("depmod {RELEASE}"));
            assert!(answer.code < 2 && answer.stderr_text().contains(name), "{kind:?} {name}: {answer:?}");
        }
    }
}

/// A FIFO in place of the directory that is written to. Locking it opens it.
#[test]
fn directories() {
    let root = tree();
    let top = root.path("").display().to_string();
    Kind::Fifo.put(&root.path("lib/modules/6.2.0"));
    Kind::Fifo.put(&root.path("fifo"));
    for script in [
        "depmod 6.2.0".to_owned(),
        "depmod -A 6.2.0".to_owned(),
        format!("kmod meta build -k {RELEASE} -o {top}/fifo/meta.pb"),
        format!("kmod firmware prune -k {RELEASE} --copy-to {top}/fifo"),
    ] {
        let answer = run(&root, &script);
        assert_eq!(answer.code, 1, "{script}: {answer:?}");
        let stderr = answer.stderr_text();
        assert!(stderr.contains("Not a directory") || stderr.contains("File exists"), "{script}: {answer:?}");
    }
}

/// A link to /dev/null is an empty file; that is how a file of the configuration is masked.
#[test]
fn the_null_device_is_an_empty_file() {
    let root = tree();
    root.file("usr/lib/modprobe.d/x.conf", "install top exit 3\n").link("etc/modprobe.d/x.conf", "/dev/null");
    for &side in sides() {
        for script in ["modprobe -S V top", "modprobe -C /dev/null -S V base", "depmod -n -C /dev/null V"] {
            let run = Run::shell(&script.replace('V', RELEASE));
            assert_eq!(Shim::new().run(&root, &run, side).answer.code, 0, "{side:?} {script}");
        }
    }
}

/// A list that only the command line names may come through a pipe.
#[test]
fn lists_may_be_pipes() {
    let root = tree();
    let script =
        format!("mkfifo /list; printf 'base\\nmid\\n' >/list & modprobe -S {RELEASE} --load-list /list");
    let shimmed = Shim::new().run(&root, &Run::shell(&script), Side::Ours);
    assert_eq!(shimmed.answer.code, 0, "{:?}", shimmed.answer);
    assert!(shimmed.calls.contains("finit mid.ko"), "{}", shimmed.calls);
}
