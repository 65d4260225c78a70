//! One meta.pb as a file: opening, listing, searching, checking and writing it.
//!
//! This module owns the choice of the file. depmod builds the contents, and [`meta_check`] checks them.

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
    /// The parent of the module directory, if the file was found there: the paths in the file are relative to it.
    above: Option<PathBuf>,
}

/// Returns the path of the meta.pb in a module directory.
pub fn path_in(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

/// Replaces a file, either completely or not at all.
///
/// Errors: it cannot be written; unsupported if the path exists and is not a regular file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    publish::replace(path, bytes)
}

impl MetaFile {
    /// Reads the file at a path; it need not be a regular file.
    ///
    /// Errors: it cannot be read; malformed.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = publish::read(path, file::read)?;
        Self::new(path.to_path_buf(), bytes, None)
    }

    /// Reads the file of the module directory `dir`: the one in `dir` or, if that does not exist, the one in its parent.
    ///
    /// Errors: those of [`open`](Self::open); if neither file exists, the error for the one in `dir`.
    pub fn find(dir: &Path) -> Result<Self> {
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

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The parent of the module directory, if the file was found there; the file then contains all modules below it.
    pub fn found_above(&self) -> Option<&Path> {
        self.above.as_deref()
    }

    /// Returns the release of the kernel, if the file has it.
    ///
    /// Errors: malformed.
    pub fn release(&self) -> Result<Option<&[u8]>> {
        self.meta.release().map_err(self.at())
    }

    /// Returns all modules, by position.
    ///
    /// Errors: malformed.
    pub fn modules(&self) -> Result<Vec<ListedModule<'_>>> {
        ListedModule::all(&self.meta).map_err(self.at())
    }

    /// Returns the modules for a modalias, sorted by name. A string that is not a valid alias matches nothing.
    ///
    /// Errors: malformed.
    pub fn modules_for(&self, modalias: &[u8]) -> Result<Vec<DeviceModule>> {
        match name::normalize_alias(modalias) {
            Ok(key) => meta_check::modules_for(&self.meta, &key).map_err(self.at()),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Checks the file by itself and returns its defects.
    ///
    /// Errors: malformed.
    pub fn flaws(&self) -> Result<Vec<Flaw>> {
        let unindexed = MetaReader::open_unindexed(Box::new(self.bytes.clone())).map_err(self.at())?;
        meta_check::check(&self.meta, &unindexed).map_err(self.at())
    }

    /// Compares the file with `expected`, the contents that were just built from the modules, and returns its defects.
    ///
    /// Errors: malformed.
    pub fn differences(&self, expected: Vec<u8>) -> Result<Vec<Flaw>> {
        let expected = MetaReader::open(Box::new(expected)).map_err(self.at())?;
        meta_check::compare(&self.meta, &expected).map_err(self.at())
    }

    fn at(&self) -> impl FnOnce(FormatError) -> Error + '_ {
        Error::at(&self.path)
    }
}
