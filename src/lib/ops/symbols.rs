//! The symbols that a module file needs or exports, with their versions.
//!
//! Contract: kmod's `kmod_module_get_versions` and `kmod_module_get_symbols`. Must not compare versions.

use std::path::Path;

use bstr::BString;

use crate::context::module_file::Opener;
use crate::error::{Error, FormatError, FormatKind, Result};
use crate::formats::elf::{self, ElfModule};

/// A symbol and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// The name.
    pub name: BString,
    /// The CRC; 0 if there is none.
    pub crc: u64,
}

/// Returns the symbols that a module needs, in the order of the file. Leading dots of names, which mark functions on some
/// architectures, are removed.
///
/// Errors: those of [`Opener::open`]; the file is not a module; absent if it has no symbol versions.
pub fn needed(path: &Path) -> Result<Vec<Symbol>> {
    of_module(path, |module| {
        let versions = module.versions()?;
        if !versions.is_present() {
            return Err(FormatError::new(FormatKind::Absent, "no symbol versions").into());
        }
        let symbol = |name: &[u8], crc| Symbol { name: name.strip_prefix(b".").unwrap_or(name).into(), crc };
        Ok(versions.entries()?.iter().map(|entry| symbol(entry.name, entry.crc)).collect())
    })
}

/// Returns the symbols that a module exports, in the order of the file, as far as they can be read.
///
/// Errors: those of [`Opener::open`]; the file is not a module; absent if it exports none, malformed if none can be
/// read.
pub fn exported(path: &Path) -> Result<Vec<Symbol>> {
    of_module(path, |module| {
        let links = module.links()?;
        if links.exports().len() == 0 {
            let none = || FormatError::new(FormatKind::Absent, "no exported symbols");
            return Err(links.damage().cloned().unwrap_or_else(none).into());
        }
        Ok(links.exports().map(|export| Symbol { name: export.name.into(), crc: export.crc }).collect())
    })
}

fn of_module(
    path: &Path,
    read: impl FnOnce(&ElfModule<'_>) -> elf::Result<Vec<Symbol>>,
) -> Result<Vec<Symbol>> {
    let mut opener = Opener::default();
    let file = opener.open(path)?;
    ElfModule::parse(file.source()).and_then(|module| read(&module)).map_err(Error::at(path))
}
