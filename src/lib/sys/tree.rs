//! Walking a directory tree in the order in which the file system lists it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// An item found by the walk.
#[derive(Debug)]
pub enum TreeEntry {
    /// A regular file, or a link to one.
    File(PathBuf),
    /// A file of another type, or a link to one, with its `st_mode`.
    Other(PathBuf, u32),
    /// An entry that could not be examined, typically a dangling link, or a directory that could not be listed.
    Error(Error),
}

/// A directory on the current path: its identity and its remaining entries.
struct Level {
    id: (u64, u64),
    path: PathBuf,
    entries: std::vec::IntoIter<(OsString, Option<fs::FileType>)>,
}

/// A depth-first walk over a tree that follows symbolic links. It never enters a directory inside itself; a link that
/// leads there is reported as `ELOOP`.
pub struct TreeWalk<'a> {
    levels: Vec<Level>,
    skip: &'a dyn Fn(&OsString, bool) -> bool,
}

impl<'a> TreeWalk<'a> {
    /// Starts at `top`. `skip` decides by the name of an entry whether to skip it. Its second argument is true when it
    /// is called for an entry that is a directory.
    ///
    /// Errors: `top` cannot be listed.
    pub fn new(top: &Path, skip: &'a dyn Fn(&OsString, bool) -> bool) -> Result<Self> {
        let id = identity(&fs::metadata(top).map_err(Error::at(top))?);
        Ok(Self { levels: vec![Level::open(top.to_path_buf(), id).map_err(Error::at(top))?], skip })
    }

    /// Examines one entry; `None` if it is skipped, or a directory that is entered.
    fn examine(&mut self, path: PathBuf, name: &OsString, kind: Option<fs::FileType>) -> Option<TreeEntry> {
        if (self.skip)(name, false) {
            return None;
        }
        if kind.is_some_and(|kind| kind.is_file()) {
            return Some(TreeEntry::File(path));
        }
        // Directories need their identity, and links and unknown types must be followed.
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) => return Some(TreeEntry::Error(Error::new(path, error))),
        };
        if metadata.is_file() {
            return Some(TreeEntry::File(path));
        }
        if !metadata.is_dir() {
            return Some(TreeEntry::Other(path, metadata.mode()));
        }
        if (self.skip)(name, true) {
            return None;
        }
        self.enter(path, identity(&metadata)).err().map(TreeEntry::Error)
    }

    fn enter(&mut self, path: PathBuf, id: (u64, u64)) -> Result<()> {
        if self.levels.iter().any(|level| level.id == id) {
            return Err(Error::new(path, io::Error::from_raw_os_error(libc::ELOOP)));
        }
        let level = Level::open(path.clone(), id).map_err(|error| Error::new(path, error))?;
        self.levels.push(level);
        Ok(())
    }
}

impl Level {
    fn open(path: PathBuf, id: (u64, u64)) -> io::Result<Self> {
        let entries = fs::read_dir(&path)?
            .map(|entry| entry.map(|entry| (entry.file_name(), entry.file_type().ok())))
            .collect::<io::Result<Vec<_>>>()?
            .into_iter();
        Ok(Self { id, path, entries })
    }
}

impl Iterator for TreeWalk<'_> {
    type Item = TreeEntry;

    fn next(&mut self) -> Option<TreeEntry> {
        loop {
            let level = self.levels.last_mut()?;
            let Some((name, kind)) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            // Joined byte for byte, because the start of a path is compared and printed as it was written.
            let mut path = level.path.clone().into_os_string();
            path.push("/");
            path.push(&name);
            let path = PathBuf::from(path);
            if let Some(found) = self.examine(path, &name, kind) {
                return Some(found);
            }
        }
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
