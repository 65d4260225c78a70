//! Temporary names next to the file or directory that will replace another one.
//!
//! A name is the owner's prefix, the process ID and a number, because names by chance would need random bytes of the
//! kernel, which it does not always have. Names need not be secret: what is created under one must not exist yet, and if
//! it does, the next number is tried. The owner removes what dead runs have left, by its prefix.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The number of names to try.
const TRIES: u32 = 1000;

/// The number of the next name.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Calls `create` with temporary names until one does not exist yet, and returns that one with the result. `create` must
/// fail if its name exists.
///
/// Errors: those of `create`; `EEXIST` if all names that were tried exist.
pub(super) fn with_name<T>(
    prefix: &str,
    create: impl Fn(&OsStr) -> io::Result<T>,
) -> io::Result<(OsString, T)> {
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Relaxed);
        let name = OsString::from(format!("{prefix}{}-{number}", std::process::id()));
        match create(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|created| (name, created)),
        }
    }
    Err(io::Error::from_raw_os_error(libc::EEXIST))
}

/// A file, or a directory with its contents, under a temporary name. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    /// Empty after the file has been given its final name.
    path: PathBuf,
}

impl Temporary {
    /// Calls `create` with the path of a temporary name in `dir`, as [`with_name`] does.
    ///
    /// Errors: those of [`with_name`].
    pub(super) fn create<T>(
        dir: &Path,
        prefix: &str,
        create: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<(Self, T)> {
        let (name, created) = with_name(prefix, |name| create(&dir.join(name)))?;
        Ok((Self { path: dir.join(name) }, created))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its final name; whatever has that name is replaced, as with `rename`.
    ///
    /// Errors: those of `rename`.
    pub(super) fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.path.clear();
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            remove(&self.path);
        }
    }
}

/// Removes a file, or a directory with its contents. A failure does no harm.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_dir_all(path).or_else(|_| fs::remove_file(path));
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn names(dir: &Path) -> Vec<OsString> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn existing_names_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let first = NEXT.load(Relaxed);
        // Other tests take numbers at the same time, but not all of these.
        for number in first..first + TRIES / 2 {
            fs::write(dir.path().join(format!("x-{}-{number}", std::process::id())), "old").unwrap();
        }
        let (temporary, _) = Temporary::create(dir.path(), "x-", |path| File::create_new(path)).unwrap();
        assert_eq!(fs::read(temporary.path()).unwrap(), b"");
        drop(temporary);
        let left = names(dir.path()).len();
        assert_eq!(left, usize::try_from(TRIES / 2).unwrap());
        assert!(names(dir.path()).iter().all(|name| fs::read(dir.path().join(name)).unwrap() == b"old"));

        let taken = |_: &OsStr| Err::<(), _>(io::Error::from_raw_os_error(libc::EEXIST));
        assert_eq!(with_name("x-", taken).unwrap_err().raw_os_error(), Some(libc::EEXIST));
    }

    #[test]
    fn what_has_no_final_name_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, _) = Temporary::create(dir.path(), "x-", |path| File::create_new(path)).unwrap();
        let (full, ()) = Temporary::create(dir.path(), "x-", |path| fs::create_dir(path)).unwrap();
        fs::write(full.path().join("inside"), "").unwrap();
        let (kept, _) = Temporary::create(dir.path(), "x-", |path| File::create_new(path)).unwrap();
        assert_eq!(names(dir.path()).len(), 3);
        kept.rename(&dir.path().join("final")).unwrap();
        assert!(file.rename(&dir.path().join("no/such/directory")).is_err());
        drop(full);
        assert_eq!(names(dir.path()), ["final"]);
    }
}
