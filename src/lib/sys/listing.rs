//! Listing everything below a directory: files and links, without following links.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::error::{Error, FormatError, FormatKind, Result};

/// The type of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file of this size in bytes.
    File(u64),
    /// A symbolic link with this target.
    Link(Vec<u8>),
}

/// Returns the files and links below `top`, by their paths relative to it, in no particular order. Other files, and
/// those that vanish during the walk, are skipped.
///
/// Errors: `top` or a directory below it cannot be listed; an entry cannot be examined; [`FormatKind::Limit`] if there
/// are more than `most` entries, including directories.
pub fn below(top: &Path, most: usize) -> Result<Vec<(Vec<u8>, FileKind)>> {
    let mut room = most;
    let mut found = Vec::new();
    let mut pending = vec![Vec::new()];
    while let Some(directory) = pending.pop() {
        let here = match directory.as_slice() {
            [] => top.to_path_buf(),
            below => top.join(OsStr::from_bytes(below)),
        };
        let entries = match fs::read_dir(&here) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.is_empty() => continue,
            entries => entries.map_err(Error::at(&here))?,
        };
        for entry in entries {
            let entry = entry.map_err(Error::at(&here))?;
            let too_many = || Error::new(top, FormatError::new(FormatKind::Limit, "too many files"));
            room = room.checked_sub(1).ok_or_else(too_many)?;
            let mut path = directory.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(entry.file_name().as_bytes());
            match examined(&entry) {
                Ok(Examined::Directory) => pending.push(path),
                Ok(Examined::Entry(kind)) => found.push((path, kind)),
                Ok(Examined::Other) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::new(entry.path(), error)),
            }
        }
    }
    Ok(found)
}

enum Examined {
    Directory,
    Entry(FileKind),
    Other,
}

/// Returns the type of the file or link at a path; `None` for a directory.
///
/// Errors: it cannot be examined; unsupported for anything else.
pub fn one(path: &Path) -> Result<Option<FileKind>> {
    let metadata = fs::symlink_metadata(path).map_err(Error::at(path))?;
    if metadata.is_dir() {
        Ok(None)
    } else if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(Error::at(path))?;
        Ok(Some(FileKind::Link(target.into_os_string().into_vec())))
    } else if metadata.is_file() {
        Ok(Some(FileKind::File(metadata.len())))
    } else {
        Err(Error::new(path, FormatError::new(FormatKind::Unsupported, "not a regular file")))
    }
}

fn examined(entry: &fs::DirEntry) -> io::Result<Examined> {
    let kind = entry.file_type()?;
    Ok(if kind.is_dir() {
        Examined::Directory
    } else if kind.is_symlink() {
        Examined::Entry(FileKind::Link(fs::read_link(entry.path())?.into_os_string().into_vec()))
    } else if kind.is_file() {
        // This is the size of the entry itself, because no link is followed.
        Examined::Entry(FileKind::File(entry.metadata()?.len()))
    } else {
        Examined::Other
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_listed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        fs::write(dir.path().join("a/b/file"), "four").unwrap();
        std::os::unix::fs::symlink("a/b", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/nowhere", dir.path().join("a/dangling")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut found = below(dir.path(), 7).unwrap();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let link = |target: &str| FileKind::Link(target.into());
        let expected =
            [("a/b/file", FileKind::File(4)), ("a/dangling", link("/nowhere")), ("link", link("a/b"))];
        assert_eq!(found, expected.map(|(path, kind)| (path.into(), kind)));
        assert_eq!(below(&dir.path().join("nothing"), 1).unwrap_err().errno(), libc::ENOENT);
        assert_eq!(below(dir.path(), 6).unwrap_err().errno(), libc::EFBIG);
        assert_eq!(one(&dir.path().join("a/dangling")).unwrap(), Some(link("/nowhere")));
        assert_eq!(one(&dir.path().join("a/b/file")).unwrap(), Some(FileKind::File(4)));
        assert_eq!(one(dir.path()).unwrap(), None);
        assert!(one(&dir.path().join("pipe")).is_err() && one(&dir.path().join("nothing")).is_err());
    }
}
