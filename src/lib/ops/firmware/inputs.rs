//! The files that `kmod firmware` and `kmod fwprune` read besides modules and firmware, and those that they write.

use std::path::{Path, PathBuf};

use bstr::BString;

use super::need::needs_of_builtin;
use super::search::FirmwareSearch;
use crate::error::{Error, Result};
use crate::formats::firmware::whence::Whence;
use crate::formats::index::text::lines;
use crate::sys::{file, process, publish};
use crate::text;

/// Returns the names and patterns in a file, which has one per line. Surrounding blanks are removed; empty lines and
/// comments are skipped.
///
/// Errors: the file cannot be read.
pub fn names_in(path: &Path) -> Result<Vec<BString>> {
    let text = file::read_stream(path)?;
    let names = lines(text::without_byte_order_mark(&text)).map(|line| BString::from(line.trim_ascii()));
    Ok(names.filter(|name| !name.is_empty()).collect())
}

/// Returns the names and patterns in several files.
///
/// Errors: one of them cannot be read.
pub fn names_in_all(paths: &[PathBuf]) -> Result<Vec<BString>> {
    let mut names = Vec::new();
    for path in paths {
        names.extend(names_in(path)?);
    }
    Ok(names)
}

/// Reads a WHENCE file.
///
/// Errors: the file cannot be read.
pub fn read_whence(path: &Path) -> Result<Whence> {
    file::read(path).map(|text| Whence::parse(text::without_byte_order_mark(&text)))
}

/// Returns the firmware names in a modules.builtin.modinfo, each with the module that requests it.
///
/// Errors: the file cannot be read.
pub fn needs_of_builtin_in(path: &Path) -> Result<Vec<(BString, BString)>> {
    file::read(path).map(|modinfo| needs_of_builtin(&modinfo).collect())
}

impl FirmwareSearch {
    /// Returns a search of the files in a list, which is read from `path`; see [`FirmwareSearch::listed`].
    ///
    /// Errors: the list cannot be read; those of [`FirmwareSearch::listed`].
    pub fn listed_in(path: &Path) -> Result<Self> {
        let list = file::read_stream(path)?;
        Self::listed(text::without_byte_order_mark(&list)).map_err(|error| Error::new(path, error))
    }
}

/// Writes the files that describe an image: either all of them or none.
///
/// Errors: one of them cannot be written; two have the same path.
pub fn write_all(files: &[(&Path, &[u8])]) -> Result<()> {
    process::let_long_files_fail();
    publish::replace_all(files)
}
