//! Publishing a set of files in one directory: either all of them, or none.
//!
//! The new files are written into a directory of their own next to the old ones, checked, and made durable. A single
//! rename then gives this directory the name that makes it valid. From then on the new set is in effect, and readers
//! that call [`staged`] first see all of it. Only after that are its files moved to their places, one by one. A run that
//! is killed before the first rename leaves the old set and some temporary files; the moves of a run that is killed after
//! it are completed by the next run.
//!
//! A lock on the directory excludes other writers. A file whose contents have not changed is not replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, FormatError, FormatKind, Result};

use super::retry::Retry;
use super::temporary::{Temporary, remove};
use super::{dir, file, host, parallel};

/// The directory of a set that is in effect but has not been moved to its place yet.
const STAGED: &str = ".modules-new";
/// The prefix of directories that are being filled. The directories of killed runs are recognised by it.
const STAGING_PREFIX: &str = ".modules-new-";
/// The prefix of the names of published files, and the one exception. No other file is moved or removed.
const PUBLISHED_PREFIX: &str = "modules.";
const PUBLISHED_TOO: &str = "meta.pb";

/// The modes of new files and directories, before the umask.
const FILE_MODE: u32 = 0o644;
const DIR_MODE: u32 = 0o755;
/// The mode bits that an unchanged file must have, and those that it must not have, to be left alone. Less strict than
/// [`FILE_MODE`], because a file system may not support that mode.
const READ_BY_ALL: u32 = 0o444;
const WRITTEN_BY_OTHERS: u32 = 0o022;

/// How long a writer waits for another one. Every user who may list a directory can also lock it, and must not be able to
/// block writers forever.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_millis(20);

/// A file to publish.
#[derive(Debug, Clone)]
pub struct NewFile<'a> {
    /// Its name, which begins with `modules.` or is `meta.pb`.
    pub name: &'a str,
    /// Its contents, in pieces.
    pub pieces: Vec<&'a [u8]>,
}

/// The only writer of a directory. On a file system without locks, or after waiting for five minutes, there may be other
/// writers. Their files are then treated as those of a killed run, so these writers fail with an error.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    /// The directory, locked.
    handle: File,
}

/// Creates `dir` and its parents.
///
/// Errors: those of mkdir.
pub fn create_dir(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(Error::at(dir))
}

/// Returns the current location of the file for `path` if it belongs to a set that is in effect and has not been moved
/// yet, unless the file at `path` is newer.
pub fn staged(path: &Path) -> Option<PathBuf> {
    let new = path.parent()?.join(STAGED).join(path.file_name()?);
    let modified = |path: &Path| file::stat(path).map(|stat| stat.modified);
    let time = modified(&new).ok()?;
    modified(path).ok().is_none_or(|old| old <= time).then_some(new)
}

/// Whether `dir` contains a set that is in effect but has not been moved yet, so that each file must be looked up with
/// [`staged`]. A link to a directory does not count, because its target may belong to another user.
pub fn is_staged(dir: &Path) -> bool {
    file::is_own_dir(&dir.join(STAGED))
}

/// Reads a file of a set, which belongs at `path`, with `read`, wherever it currently is.
///
/// Errors: those of `read`.
pub fn read<T>(path: &Path, read: impl Fn(&Path) -> Result<T>) -> Result<T> {
    if let Some(new) = staged(path) {
        match read(&new) {
            // The file has been moved to its place in the meantime.
            Err(error) if error.errno() == libc::ENOENT => {}
            answer => return answer,
        }
    }
    read(path)
}

impl Writer {
    /// Waits for other writers of `dir`, then completes or removes the sets of killed runs.
    ///
    /// Errors: the directory cannot be opened.
    pub fn open(dir: &Path) -> Result<Self> {
        let handle = dir::open(dir).map_err(Error::at(dir))?;
        lock(&handle, PATIENCE);
        let writer = Self { dir: dir.into(), handle };
        writer.clean_up();
        Ok(writer)
    }

    /// Publishes those of `files` that do not exist yet with the same contents and suitable permissions, in this order.
    ///
    /// Errors name the file that failed; `EISDIR` if a directory has its name. An error before the new set is in effect
    /// leaves the old one untouched.
    pub fn publish(&self, files: &[NewFile<'_>]) -> Result<()> {
        let new: Vec<&NewFile<'_>> = files.iter().filter(|file| !self.has(file)).collect();
        if new.is_empty() { Ok(()) } else { self.replace(&new) }
    }

    /// Writes a file that can be regenerated and whose readers notice if it is incomplete. Does not wait for the disk.
    ///
    /// Errors: those of [`Writer::publish`].
    pub fn write_unsynced(&self, new: &NewFile<'_>) -> Result<()> {
        let path = self.dir.join(new.name);
        // Readers ignore the file of another user, even if it has the same contents.
        let is_ours = || file::stat(&path).is_ok_and(|stat| stat.owner == 0 || stat.owner == host::user());
        if self.has(new) && is_ours() {
            return Ok(());
        }
        let written = Temporary::create(&self.dir, STAGING_PREFIX, |path| write(path, new));
        let (temporary, _) = written.map_err(Error::at(&path))?;
        temporary.rename(&path).map_err(Error::at(&path))
    }

    /// Removes a file that was written with [`Writer::leave`], if it exists.
    ///
    /// Errors: those of unlink.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::new(path, error)),
            _ => Ok(()),
        }
    }

    fn replace(&self, files: &[&NewFile<'_>]) -> Result<()> {
        for file in files {
            self.replaceable(file.name)?;
        }
        let staged = self.dir.join(STAGED);
        self.stage(files)?.rename(&staged).map_err(Error::at(&staged))?;
        // Before its files leave the directory: otherwise the rename could be lost in a power failure after that.
        self.sync()?;
        for file in files {
            let path = self.dir.join(file.name);
            fs::rename(staged.join(file.name), &path).map_err(Error::at(&path))?;
        }
        let _ = fs::remove_dir(&staged);
        self.sync()
    }

    fn sync(&self) -> Result<()> {
        sync_dir(&self.handle).map_err(Error::at(&self.dir))
    }

    /// Writes all files into a new directory and makes them durable.
    fn stage(&self, files: &[&NewFile<'_>]) -> Result<Temporary> {
        let in_dir = |error| Error::new(self.dir.join(files.first().map_or("", |file| file.name)), error);
        let create = |path: &Path| DirBuilder::new().mode(DIR_MODE).create(path);
        let (staging, ()) = Temporary::create(&self.dir, STAGING_PREFIX, create).map_err(in_dir)?;
        self.fill(staging.path(), files)?;
        Ok(staging)
    }

    fn fill(&self, staging: &Path, files: &[&NewFile<'_>]) -> Result<()> {
        let at = |file: &NewFile<'_>| self.dir.join(file.name);
        let open: Vec<File> = files
            .iter()
            .map(|file| write(&staging.join(file.name), file).map_err(|error| Error::new(at(file), error)))
            .collect::<Result<_>>()?;
        // In parallel, since a file system with a journal then commits it once instead of once per file.
        let synced = parallel::map(open.len(), &open, || (), |(), file| file.sync_all());
        for (file, synced) in files.iter().zip(synced) {
            synced.map_err(|error| Error::new(at(file), error))?;
        }
        dir::open(staging).and_then(|dir| sync_dir(&dir)).map_err(Error::at(&self.dir))
    }

    /// Checks that no directory has the name of the file. It would make the moves stop halfway.
    fn replaceable(&self, name: &str) -> Result<()> {
        let path = self.dir.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Error::new(path, io::Error::from_raw_os_error(libc::EISDIR)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the file exists with exactly these contents, is readable by everyone, and writable by its owner only.
    fn has(&self, new: &NewFile<'_>) -> bool {
        let size: u64 = new.pieces.iter().map(|piece| piece.len() as u64).sum();
        let Ok((file, existing)) = file::open(&self.dir.join(new.name)) else { return false };
        let mode = file.0.metadata().map_or(0, |metadata| metadata.mode());
        let right_mode = mode & READ_BY_ALL == READ_BY_ALL && mode & WRITTEN_BY_OTHERS == 0;
        right_mode && existing == size && holds(&file.0, &new.pieces).unwrap_or(false)
    }

    /// Moves the files of a set that is in effect to their places, and removes sets that were never completed. Files
    /// that cannot be moved are left for the next run, and readers can cope with that. Links are not followed, and only
    /// regular files are part of a set.
    fn clean_up(&self) {
        let counting = self.dir.join(STAGED);
        if is_staged(&self.dir) {
            let is_file = |new: &PathBuf| fs::symlink_metadata(new).is_ok_and(|metadata| metadata.is_file());
            for name in names(&counting).filter(|name| is_published(name)) {
                let path = self.dir.join(name);
                let new = staged(&path).filter(is_file);
                if new.is_some_and(|new| fs::rename(new, path).is_err()) {
                    return;
                }
            }
        }
        if fs::symlink_metadata(&counting).is_ok() {
            remove(&counting);
        }
        remove_staging(&self.dir);
    }
}

/// Removes the incomplete sets of killed runs. The caller must hold the lock.
fn remove_staging(dir: &Path) {
    for name in names(dir).filter(|name| name.as_bytes().starts_with(STAGING_PREFIX.as_bytes())) {
        remove(&dir.join(name));
    }
}

fn is_published(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PUBLISHED_PREFIX.as_bytes()) || name == PUBLISHED_TOO
}

/// Replaces one file, in any directory, atomically. Waits for other writers of its directory and for the disk.
///
/// Errors: those of creating, writing and renaming; unsupported if the path is not a regular file, such as a device.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_all(&[(path, bytes)])
}

/// Does the same for several files, in any directories. None is replaced before all of them are written.
///
/// Errors: those of [`replace`]; unsupported if two paths are the same file.
pub fn replace_all(files: &[(&Path, &[u8])]) -> Result<()> {
    let mut dirs = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for &(path, _) in files {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        file::only_regular(path)?;
        let handle = dir::open(dir).map_err(Error::at(path))?;
        let metadata = handle.metadata().map_err(Error::at(path))?;
        let id = (metadata.dev(), metadata.ino());
        if !taken.insert((id, path.file_name())) {
            let why = "another output has the same path";
            return Err(Error::new(path, FormatError::new(FormatKind::Unsupported, why)));
        }
        dirs.entry(id).or_insert((path, dir, handle));
    }
    // Always in the same order, to avoid deadlocks between two runs.
    for (_, dir, handle) in dirs.values() {
        lock(handle, PATIENCE);
        remove_staging(dir);
    }
    let temporaries: Vec<_> =
        files.iter().map(|&(path, bytes)| write_temporary(path, bytes)).collect::<Result<_>>()?;
    for (temporary, &(path, _)) in temporaries.into_iter().zip(files) {
        temporary.rename(path).map_err(Error::at(path))?;
    }
    dirs.values().try_for_each(|(path, _, handle)| sync_dir(handle).map_err(Error::at(path)))
}

/// Writes the replacement of a file to a temporary file next to it, and waits until it is on the disk.
fn write_temporary(path: &Path, bytes: &[u8]) -> Result<Temporary> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = NewFile { name: "", pieces: vec![bytes] };
    let written = Temporary::create(dir, STAGING_PREFIX, |path| write(path, &new));
    let (temporary, file) = written.map_err(Error::at(path))?;
    file.sync_all().map_err(Error::at(path))?;
    Ok(temporary)
}

/// Waits for the lock on a directory, which is released when the file is closed, but no longer than `patience`. Does
/// not report whether it holds the lock, because there may be no support for locks.
pub(super) fn lock(dir: &File, patience: Duration) {
    let mut retry = Retry::new(patience, PAUSE, PAUSE);
    loop {
        // SAFETY: the descriptor belongs to `dir`, and flock does not access memory.
        #[allow(unsafe_code)]
        let locked = unsafe { libc::flock(dir.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
        let error = io::Error::last_os_error().kind();
        let again = matches!(error, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock);
        if locked == 0 || !again || !retry.pause() {
            return;
        }
    }
}

/// The names in a directory; none if it cannot be listed.
fn names(dir: &Path) -> impl Iterator<Item = OsString> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name())
}

fn write(path: &Path, new: &NewFile<'_>) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    let written = fill(&file, new);
    if written.is_err() {
        remove(path);
    }
    written.map(|()| file)
}

fn fill(file: &File, new: &NewFile<'_>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    new.pieces.iter().try_for_each(|piece| writer.write_all(piece))?;
    writer.flush()?;
    drop(writer);
    // The file system must report the size that was written.
    let given: u64 = new.pieces.iter().map(|piece| piece.len() as u64).sum();
    if file.metadata()?.size() != given {
        return Err(io::Error::from_raw_os_error(libc::EIO));
    }
    Ok(())
}

/// Whether the file contains `pieces`. Only compares as many bytes, because the caller has compared the size.
fn holds(file: &File, pieces: &[&[u8]]) -> io::Result<bool> {
    const STEP: u64 = 256 << 10;
    let (mut buffer, mut offset, mut used) = (Vec::new(), 0, 0);
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            if used == buffer.len() {
                file::read_range(file, offset, STEP, &mut buffer)?;
                (offset, used) = (offset + buffer.len() as u64, 0);
                if buffer.is_empty() {
                    return Ok(false);
                }
            }
            let len = piece.len().min(buffer.len() - used);
            let (part, rest) = piece.split_at(len);
            if buffer.get(used..used + len) != Some(part) {
                return Ok(false);
            }
            (piece, used) = (rest, used + len);
        }
    }
    Ok(true)
}

fn sync_dir(dir: &File) -> io::Result<()> {
    match dir.sync_all() {
        // Some file systems cannot sync a directory, so there is nothing to wait for.
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
