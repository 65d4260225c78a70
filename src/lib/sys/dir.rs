//! Listing directories.

use std::ffi::OsString;
use std::path::Path;

use crate::error::{Error, Result};

/// The names in a directory, sorted by their bytes, without `.` and `..`.
///
/// Errors: whatever opening or reading the directory answers, `ENOTDIR` when it is none.
pub fn names(path: &Path) -> Result<Vec<OsString>> {
    let listing = std::fs::read_dir(path).map_err(Error::at(path))?;
    let mut names = listing
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(Error::at(path))?;
    names.sort_unstable();
    Ok(names)
}
