//! A tree of files in a temporary directory: modules, indexes, configuration, /proc and /sys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::compress::{Compression, compress};
use crate::elf::Module;

/// The kernel that a root is for unless told otherwise.
pub const RELEASE: &str = "6.1.0-test";

/// A tree of files. Every path is relative to it; parent directories are made. Removed when dropped.
/// Methods panic on failure: this is for tests.
#[derive(Debug)]
pub struct Root {
    dir: TempDir,
    release: String,
}

impl Default for Root {
    fn default() -> Self {
        Self::new()
    }
}

impl Root {
    /// An empty tree for the kernel [`RELEASE`].
    pub fn new() -> Self {
        Self::for_release(RELEASE)
    }

    /// An empty tree for the kernel `release`.
    ///
    /// # Panics
    /// When there is no temporary directory.
    pub fn for_release(release: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("oxmod-root-").tempdir().expect("a temporary directory");
        Self { dir, release: release.into() }
    }

    /// Where a file of this tree is; `""` is the tree itself.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(relative.as_ref())
    }

    /// The kernel that [`Root::module`] files under.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// `lib/modules/RELEASE/relative`, relative to the tree.
    pub fn in_modules(&self, relative: &str) -> PathBuf {
        Path::new("lib/modules").join(&self.release).join(relative)
    }

    /// Writes a file.
    ///
    /// # Panics
    /// When it can't.
    pub fn file(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Makes a directory.
    ///
    /// # Panics
    /// When it can't.
    pub fn dir(&self, path: impl AsRef<Path>) -> &Self {
        fs::create_dir_all(self.path(path)).expect("a directory");
        self
    }

    /// Makes a symbolic link to `target`.
    ///
    /// # Panics
    /// When it can't.
    pub fn link(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        symlink(target, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Writes a module below this kernel's directory, compressed as its name says. `fill` starts from
    /// a module with a licence, a name and a version magic.
    pub fn module(&self, relative: &str, fill: impl FnOnce(Module) -> Module) -> &Self {
        let base = relative.rsplit('/').next().unwrap_or_default();
        let name = base.split('.').next().unwrap_or_default().replace('-', "_");
        let magic = format!("{} SMP preempt mod_unload modversions ", self.release);
        let module = fill(Module::new().info("license", "GPL"));
        let bytes = module.info("name", &name).info("vermagic", &magic).build();
        self.file(self.in_modules(relative), compress(&bytes, Compression::of_name(relative)))
    }

    /// A loaded module as the kernel shows it: a line for /proc/modules, which is appended to, and
    /// its directory in /sys.
    pub fn loaded(&self, name: &str, size: u64, count: u32, holders: &[&str]) -> &Self {
        let modules = self.path("proc/modules");
        let mut table = fs::read_to_string(&modules).unwrap_or_default();
        let users = if holders.is_empty() { "-".into() } else { holders.join(",") + "," };
        table.push_str(&[name, " ", &size.to_string(), " ", &count.to_string(), " ", &users].concat());
        table.push_str(" Live 0x0000000000000000\n");
        self.file("proc/modules", table);
        let sys = Path::new("sys/module").join(name);
        self.file(sys.join("initstate"), "live\n");
        self.file(sys.join("coresize"), format!("{size}\n"));
        self.file(sys.join("refcnt"), format!("{count}\n"));
        self.dir(sys.join("holders"));
        for holder in holders {
            self.link(sys.join("holders").join(holder), format!("../../{holder}"));
        }
        self
    }

    /// The contents of every regular file below `path`, by path relative to that.
    pub fn snapshot(&self, path: impl AsRef<Path>) -> BTreeMap<PathBuf, Vec<u8>> {
        let top = self.path(path);
        let mut found = BTreeMap::new();
        let mut pending = vec![top.clone()];
        while let Some(dir) = pending.pop() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push(path),
                    Ok(kind) if kind.is_file() => {
                        let name = path.strip_prefix(&top).unwrap_or(&path).to_owned();
                        found.insert(name, fs::read(&path).unwrap_or_default());
                    }
                    _ => {}
                }
            }
        }
        found
    }
}
