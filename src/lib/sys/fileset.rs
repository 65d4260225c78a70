//! Publishing a set of files in one directory: all of them complete, or none of them touched.
//!
//! Every file is written under a temporary name, checked, made durable; only when all are does the
//! first one get its real name. Until then the old set stays as it was, and temporary files vanish
//! with an error. A lock on the directory keeps two writers apart; who holds it removes what a killed
//! writer left behind.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

use super::parallel;

/// Begins the names of temporary files; what is left of a killed run can be told by it.
pub const TEMPORARY_PREFIX: &str = ".modules-new-";

/// Mode of the files, less the umask.
const FILE_MODE: u32 = 0o644;

/// Creates `dir` and its parents, mode 0755 less the umask.
pub fn create_dir(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(Error::at(dir))
}

/// Writes `files`, pairs of file name and contents, into `dir`, in this order.
///
/// Errors name the file that failed, `EISDIR` for a name that is taken by a directory; before the first rename nothing
/// has changed. A rename that fails half-way leaves whole files, some old and some new.
pub fn publish<'a>(dir: &Path, files: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) -> Result<()> {
    let directory = File::open(dir).map_err(Error::at(dir))?;
    // Held until the end; released with the file. File systems without locks are used without.
    let locked = Flock::lock(directory, FlockArg::LockExclusive);
    if locked.is_ok() {
        remove_leftovers(dir);
    }
    for (name, _) in files.clone() {
        replaceable(&dir.join(name))?;
    }
    let written = files
        .clone()
        .map(|(name, bytes)| write_temporary(dir, bytes).map_err(|error| Error::new(dir.join(name), error)))
        .collect::<Result<Vec<_>>>()?;
    make_durable(dir, files.clone().map(|(name, _)| name), &written)?;
    for ((name, _), temporary) in files.zip(written) {
        let path = dir.join(name);
        temporary.persist(&path).map_err(|error| Error::new(&path, error.error))?;
    }
    let sync = |directory: &File| match directory.sync_all() {
        // Some file systems cannot sync a directory; there is nothing to wait for then.
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => Err(error),
        _ => Ok(()),
    };
    match &locked {
        Ok(directory) => sync(directory),
        Err((directory, _)) => sync(directory),
    }
    .map_err(Error::at(dir))
}

/// Removes temporary files. To be called with the lock only, when none of them can be in use; one that cannot be removed
/// does no harm.
fn remove_leftovers(dir: &Path) {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    for name in names.filter(|name| name.as_bytes().starts_with(TEMPORARY_PREFIX.as_bytes())) {
        let _ = fs::remove_file(dir.join(name));
    }
}

/// A directory would stop the renames half-way.
fn replaceable(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Err(Error::new(path, io::Error::from_raw_os_error(libc::EISDIR)))
        }
        _ => Ok(()),
    }
}

fn write_temporary(dir: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
    let mut file = tempfile::Builder::new().prefix(TEMPORARY_PREFIX).make_in(dir, create)?;
    // Through the file itself: the wrapper would hide the errno.
    file.as_file_mut().write_all(bytes)?;
    // What the file system says it has must be what was given.
    if file.as_file().metadata()?.len() != bytes.len() as u64 {
        return Err(io::Error::from_raw_os_error(libc::EIO));
    }
    Ok(file)
}

/// Waits until all files are on the disk; together, since a file system that keeps a journal then commits it once
/// instead of once a file.
fn make_durable<'a>(
    dir: &Path,
    names: impl Iterator<Item = &'a str>,
    written: &[NamedTempFile],
) -> Result<()> {
    let synced = parallel::map(written.len(), written, || (), |(), file| file.as_file().sync_all());
    names.zip(synced).try_for_each(|(name, synced)| synced.map_err(|error| Error::new(dir.join(name), error)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn all_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "old").unwrap();
        publish(dir.path(), [("a", &b"new"[..]), ("b", b"")].into_iter()).unwrap();
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"new");
        let mode = fs::metadata(dir.path().join("b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, FILE_MODE);
        // A directory in the way of the second file: the first is not touched, nothing is left over, not even of a
        // run that was killed.
        fs::create_dir(dir.path().join("c")).unwrap();
        fs::write(dir.path().join(format!("{TEMPORARY_PREFIX}killed")), "x").unwrap();
        let error = publish(dir.path(), [("a", &b"x"[..]), ("c", b"")].into_iter()).unwrap_err();
        assert!(error.path.ends_with("c"));
        assert_eq!(error.errno(), libc::EISDIR);
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"new");
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("x/y");
        assert_eq!(publish(&missing, std::iter::empty()).unwrap_err().errno(), libc::ENOENT);
        create_dir(&missing).unwrap();
        publish(&missing, std::iter::empty()).unwrap();
    }
}
