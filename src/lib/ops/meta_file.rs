//! One meta.pb as a file: found, shown, searched, checked, written.
//!
//! Owns which file is meant and what is asked of it; making the bytes is depmod's, the checks are those of
//! [`meta_check`].

use std::path::{Path, PathBuf};

use super::meta_check::{self, DeviceModule, Flaw, ListedModule};
use crate::error::{Error, FormatError, Result};
use crate::formats::meta::{FILE_NAME, MetaReader};
use crate::name;
use crate::sys::{file, publish};

/// A meta.pb that was read.
#[derive(Debug)]
pub struct MetaFile {
    path: PathBuf,
    bytes: Vec<u8>,
    meta: MetaReader,
    /// The directory above the module directory, if it was found there: its paths are below that one.
    above: Option<PathBuf>,
}

/// Where the file of a module directory is.
pub fn path_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// Writes a file: all of it, or nothing.
///
/// Errors: it cannot be written; unsupported for what is not a regular file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    publish::replace(path, bytes)
}

impl MetaFile {
    /// Reads the file of this path, whatever kind of file it is.
    ///
    /// Errors: it cannot be read; malformed.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = publish::read(path, file::read)?;
        Self::new(path.to_path_buf(), bytes, None)
    }

    /// Reads the file of the module directory `dir`: the one in it, or else the one in the directory above.
    ///
    /// Errors: those of [`open`](Self::open); where there is neither, the one about the former.
    pub fn find(dir: &Path) -> Result<Self> {
        // Nobody waits for a pipe that merely happens to be there.
        let read = |path: &Path| publish::read(path, file::read);
        let path = path_in(dir);
        match (read(&path), dir.parent()) {
            (Err(error), Some(above)) if error.errno() == libc::ENOENT => {
                let path = path_in(above);
                let bytes = read(&path).map_err(|_| error)?;
                Self::new(path, bytes, Some(above.to_path_buf()))
            }
            (read, _) => Self::new(path, read?, None),
        }
    }

    fn new(path: PathBuf, bytes: Vec<u8>, above: Option<PathBuf>) -> Result<Self> {
        let meta = MetaReader::open(Box::new(bytes.clone())).map_err(Error::at(&path))?;
        Ok(Self { path, bytes, meta, above })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory above the module directory if that is where it was found; the modules in it are those of all of that
    /// directory.
    pub fn found_above(&self) -> Option<&Path> {
        self.above.as_deref()
    }

    /// The release of the kernel, if the file has it.
    ///
    /// Errors: malformed.
    pub fn release(&self) -> Result<Option<&[u8]>> {
        self.meta.release().map_err(self.at())
    }

    /// Every module, by position.
    ///
    /// Errors: malformed.
    pub fn modules(&self) -> Result<Vec<ListedModule<'_>>> {
        ListedModule::all(&self.meta).map_err(self.at())
    }

    /// The modules for a modalias, by name. What cannot be an alias matches nothing.
    ///
    /// Errors: malformed.
    pub fn serving(&self, modalias: &[u8]) -> Result<Vec<DeviceModule>> {
        match name::normalize_alias(modalias) {
            Ok(key) => meta_check::serving(&self.meta, &key).map_err(self.at()),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// What is wrong with it by itself.
    ///
    /// Errors: malformed.
    pub fn flaws(&self) -> Result<Vec<Flaw>> {
        let unindexed = MetaReader::open_unindexed(Box::new(self.bytes.clone())).map_err(self.at())?;
        meta_check::check(&self.meta, &unindexed).map_err(self.at())
    }

    /// What is wrong with it in comparison with `made`, the bytes of one that has just been made of the modules.
    ///
    /// Errors: malformed.
    pub fn differences(&self, made: Vec<u8>) -> Result<Vec<Flaw>> {
        let made = MetaReader::open(Box::new(made)).map_err(self.at())?;
        meta_check::compare(&self.meta, &made).map_err(self.at())
    }

    fn at(&self) -> impl FnOnce(FormatError) -> Error + '_ {
        Error::at(&self.path)
    }
}
