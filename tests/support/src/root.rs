//! A tree of files in a temporary directory: modules, indexes, configuration, /proc and /sys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::compress::{Compression, compress};
use crate::elf::Module;

/// The default kernel release of a root.
pub const RELEASE: &str = "6.1.0-test";

/// A tree of files in a temporary directory, which is removed when the value is dropped. Paths are relative
/// to the tree; missing parent directories are created. Methods panic on failure, since only tests use them.
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
    /// Creates an empty tree for the kernel [`RELEASE`].
    pub fn new() -> Self {
        Self::for_release(RELEASE)
    }

    /// Creates an empty tree for the kernel `release`.
    ///
    /// # Panics
    /// If the temporary directory cannot be created.
    pub fn for_release(release: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("oxmod-root-").tempdir().expect("a temporary directory");
        Self { dir, release: release.into() }
    }

    /// Returns the absolute path of a file in this tree; `""` is the tree itself.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(relative.as_ref())
    }

    /// Returns the release of the kernel whose module directory [`Root::module`] writes to.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Returns `lib/modules/RELEASE/relative`, relative to the tree.
    pub fn in_modules(&self, relative: &str) -> PathBuf {
        Path::new("lib/modules").join(&self.release).join(relative)
    }

    /// Writes a file.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn file(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Creates a directory.
    ///
    /// # Panics
    /// If the directory cannot be created.
    pub fn dir(&self, path: impl AsRef<Path>) -> &Self {
        fs::create_dir_all(self.path(path)).expect("a directory");
        self
    }

    /// Creates a symbolic link to `target`.
    ///
    /// # Panics
    /// If the link cannot be created.
    pub fn link(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        symlink(target, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Writes a module below the module directory, compressed according to its name. `fill` is passed a
    /// module with a license, a name and a version magic.
    pub fn module(&self, relative: &str, fill: impl FnOnce(Module) -> Module) -> &Self {
        let base = relative.rsplit('/').next().unwrap_or_default();
        let name = base.split('.').next().unwrap_or_default().replace('-', "_");
        let magic = format!("{} SMP preempt mod_unload modversions ", self.release);
        let module = fill(Module::new().info("license", "GPL"));
        let bytes = module.info("name", &name).info("vermagic", &magic).build();
        self.file(self.in_modules(relative), compress(&bytes, Compression::of_name(relative)))
    }

    /// Adds a loaded module as the kernel shows it: appends a line to /proc/modules and creates the directory
    /// in /sys/module.
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

    /// Returns the contents of each regular file below `path`, keyed by path relative to it.
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
