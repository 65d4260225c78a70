//! Files that a choice of firmware is read from, and those that an image builder gets.

use std::path::{Path, PathBuf};

use bstr::BString;

use super::need::needs_of_builtin;
use super::search::FirmwareSearch;
use crate::error::{Error, Result};
use crate::formats::firmware::whence::Whence;
use crate::formats::index::text;
use crate::sys::{file, process, publish};

/// The names and patterns in a file: a line each, without the blanks around it; empty lines and comments do not count.
///
/// Errors: it cannot be read.
pub fn names_in(path: &Path) -> Result<Vec<BString>> {
    let text = file::read_stream(path)?;
    let names = text::lines(&text).map(|line| BString::from(line.trim_ascii()));
    Ok(names.filter(|name| !name.is_empty()).collect())
}

/// The names and patterns in several files.
///
/// Errors: one of them cannot be read.
pub fn names_in_all(paths: &[PathBuf]) -> Result<Vec<BString>> {
    let mut names = Vec::new();
    for path in paths {
        names.extend(names_in(path)?);
    }
    Ok(names)
}

/// Reads a WHENCE.
///
/// Errors: it cannot be read.
pub fn read_whence(path: &Path) -> Result<Whence> {
    file::read(path).map(|text| Whence::parse(&text))
}

/// What a modules.builtin.modinfo asks for, each with the module that does.
///
/// Errors: it cannot be read.
pub fn needs_of_builtin_in(path: &Path) -> Result<Vec<(BString, BString)>> {
    file::read(path).map(|modinfo| needs_of_builtin(&modinfo).collect())
}

impl FirmwareSearch {
    /// The files of the list in a file, as [`FirmwareSearch::listed`] has it.
    ///
    /// Errors: it cannot be read; those of [`FirmwareSearch::listed`].
    pub fn listed_in(path: &Path) -> Result<Self> {
        let list = file::read_stream(path)?;
        Self::listed(&list).map_err(|error| Error::new(path, error))
    }
}

/// Writes the files that describe an image, all of them or none.
///
/// Errors: one of them cannot be written; two have the same path.
pub fn write_all(files: &[(&Path, &[u8])]) -> Result<()> {
    process::let_long_files_fail();
    publish::replace_all(files)
}
