//! The kernel's own symbols, from System.map or Module.symvers.
//!
//! They tell which needs the kernel itself satisfies; only `-e` asks for that.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use crate::number::{self, Base};

/// Symbols that the kernel or its module loader provides without exporting them.
const FAKE_SYMBOLS: [&str; 3] = ["__this_module", "_GLOBAL_OFFSET_TABLE_", "TOC."];

/// The names, each with its CRC (0 where unknown).
#[derive(Debug, Default, Clone)]
pub struct KernelSymbols {
    crcs: HashMap<BString, u64>,
    /// Whether CRCs are known, so that versions can be compared.
    pub versions: bool,
}

/// A line that does not have the form of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What was expected to be something else; a whole line has its newline.
    pub text: BString,
}

impl KernelSymbols {
    /// Reads System.map: `ADDRESS TYPE NAME` a line, of which `__ksymtab_NAME` are exported symbols.
    ///
    /// `prefix` is a character that the architecture puts before every symbol, here before the whole
    /// `__ksymtab_NAME`. Bad lines go to `bad`.
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

    /// Reads Module.symvers: `CRC NAME WHERE ...` a line, of which those with WHERE `vmlinux` count.
    pub fn from_symvers(text: &[u8], prefix: Option<u8>, mut bad: impl FnMut(BadLine)) -> Self {
        let mut symbols = Self::with_fakes(true);
        for (at, line) in text.lines_with_terminator().enumerate() {
            // The newline stays, so that a line that ends with WHERE does not count: there must be an export type.
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

    /// The CRC of a symbol of the kernel.
    pub(crate) fn crc(&self, name: &[u8]) -> Option<u64> {
        self.crcs.get(name.as_bstr()).copied()
    }

    fn with_fakes(versions: bool) -> Self {
        let crcs = FAKE_SYMBOLS.iter().map(|name| (BString::from(*name), 0)).collect();
        Self { crcs, versions }
    }
}

/// What a needed symbol is looked up by: without the dot of function descriptors (64-bit PowerPC) and without
/// the architecture's prefix. Exported symbols are kept with their dot.
pub(crate) fn bare(name: &[u8], prefix: Option<u8>) -> &[u8] {
    skip_prefix(name.strip_prefix(b".").unwrap_or(name), prefix)
}

/// `name` without the architecture's prefix.
pub(crate) fn skip_prefix(name: &[u8], prefix: Option<u8>) -> &[u8] {
    match (name.split_first(), prefix) {
        (Some((first, rest)), Some(prefix)) if *first == prefix => rest,
        _ => name,
    }
}

/// What stands behind the second space of `ADDRESS TYPE NAME`.
fn system_map_name(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = line.strip_suffix(b"\n").unwrap_or(line).split_once_str(" ")?;
    rest.split_once_str(" ").map(|(_, name)| name)
}

/// A hexadecimal number and nothing else.
fn parse_crc(text: &[u8]) -> Option<u64> {
    number::unsigned(text, Base::Hexadecimal).filter(|(_, rest)| rest.is_empty()).map(|(crc, _)| crc)
}

#[cfg(test)]
mod tests {
    use super::parse_crc;

    #[test]
    fn a_crc_is_a_whole_field() {
        for (text, crc) in [("0x1f", Some(0x1f)), ("1F", Some(0x1f)), ("", None), ("0x", None), ("1g", None)]
        {
            assert_eq!(parse_crc(text.as_bytes()), crc, "{text:?}");
        }
    }
}
