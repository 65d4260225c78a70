//! The symbols of the kernel image, from System.map or Module.symvers.
//!
//! They show which needed symbols the kernel itself provides. Only depmod's `-e` uses them.

use bstr::{BString, ByteSlice};

use crate::hash::IndexMap;
use crate::number::{self, Base};

/// Symbols that the kernel or its module loader provides without exporting them.
const FAKE_SYMBOLS: [&str; 3] = ["__this_module", "_GLOBAL_OFFSET_TABLE_", "TOC."];

/// The names of the symbols and their CRCs (0 if unknown).
#[derive(Debug, Default, Clone)]
pub struct KernelSymbols {
    crcs: IndexMap<BString, u64>,
    /// Whether CRCs are known, so that versions can be compared.
    pub versions: bool,
}

/// A line that does not match the format of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line number, counted from 1.
    pub line: usize,
    /// The offending text; a whole line includes its newline.
    pub text: BString,
}

impl KernelSymbols {
    /// Parses System.map, whose lines are `ADDRESS TYPE NAME`. The names `__ksymtab_NAME` are exported symbols.
    ///
    /// `prefix` is a character that the architecture puts before every symbol name, here before the whole
    /// `__ksymtab_NAME`. Bad lines are passed to `bad`.
    pub fn from_system_map(text: &[u8], prefix: Option<u8>, mut bad: impl FnMut(BadLine)) -> Self {
        let mut symbols = Self::with_fakes(false);
        for (at, line) in text.lines_with_terminator().enumerate() {
            let Some(name) = system_map_name(line) else {
                bad(BadLine { line: at + 1, text: line.into() });
                continue;
            };
            if let Some(symbol) = skip_prefix(name, prefix).strip_prefix(b"__ksymtab_") {
                symbols.crcs.insert(symbol.into(), 0);
            }
        }
        symbols
    }

    /// Parses Module.symvers, whose lines are `CRC NAME WHERE ...`. Only lines with the WHERE `vmlinux` are used.
    pub fn from_symvers(text: &[u8], prefix: Option<u8>, mut bad: impl FnMut(BadLine)) -> Self {
        let mut symbols = Self::with_fakes(true);
        for (at, line) in text.lines_with_terminator().enumerate() {
            // The newline is kept, so that a line that ends after WHERE is ignored: an export type is required.
            let mut fields = line.fields_with(|char| matches!(char, ' ' | '\t'));
            let (Some(crc), Some(name), Some(place)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if place != b"vmlinux" {
                continue;
            }
            match parse_crc(crc) {
                Some(crc) => {
                    symbols.crcs.insert(skip_prefix(name, prefix).into(), crc);
                }
                None => bad(BadLine { line: at + 1, text: crc.into() }),
            }
        }
        symbols
    }

    /// Whether the file lists no kernel symbols, and therefore does not belong to a kernel.
    pub fn is_empty(&self) -> bool {
        self.crcs.len() == FAKE_SYMBOLS.len()
    }

    /// Returns the CRC of a symbol of the kernel.
    pub(crate) fn crc(&self, name: &[u8]) -> Option<u64> {
        self.crcs.get(name.as_bstr()).copied()
    }

    fn with_fakes(versions: bool) -> Self {
        let crcs = FAKE_SYMBOLS.iter().map(|name| (BString::from(*name), 0)).collect();
        Self { crcs, versions }
    }
}

/// Returns the name by which a needed symbol is looked up: without the dot of function descriptors (64-bit PowerPC) and
/// without the architecture's prefix. Exported symbols keep their dot.
pub(crate) fn bare(name: &[u8], prefix: Option<u8>) -> &[u8] {
    skip_prefix(name.strip_prefix(b".").unwrap_or(name), prefix)
}

/// Returns `name` without the architecture's prefix.
pub(crate) fn skip_prefix(name: &[u8], prefix: Option<u8>) -> &[u8] {
    match (name.split_first(), prefix) {
        (Some((first, rest)), Some(prefix)) if *first == prefix => rest,
        _ => name,
    }
}

/// Returns the part of `ADDRESS TYPE NAME` after the second space.
fn system_map_name(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (_, rest) = line.strip_suffix(b"\r").unwrap_or(line).split_once_str(" ")?;
    rest.split_once_str(" ").map(|(_, name)| name)
}

/// A hexadecimal number and nothing else.
fn parse_crc(text: &[u8]) -> Option<u64> {
    number::unsigned_in_range(text, Base::Hexadecimal).filter(|(_, rest)| rest.is_empty()).map(|(crc, _)| crc)
}

#[cfg(test)]
mod tests {
    use super::parse_crc;

    #[test]
    fn crcs_are_parsed() {
        for (text, crc) in [("0x1f", Some(0x1f)), ("1F", Some(0x1f)), ("", None), ("0x", None), ("1g", None)]
        {
            assert_eq!(parse_crc(text.as_bytes()), crc, "{text:?}");
        }
    }
}
