//! The kernel's own symbols, from System.map or Module.symvers.
//!
//! They tell which needs the kernel itself satisfies; only `-e` asks for that.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

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
    /// `prefix` is a character that the architecture puts before every symbol. Bad lines go to `bad`.
    pub fn from_system_map(text: &[u8], prefix: Option<u8>, mut bad: impl FnMut(BadLine)) -> Self {
        let mut symbols = Self::with_fakes(false);
        for (at, line) in text.lines_with_terminator().enumerate() {
            let Some(name) = system_map_name(line) else {
                bad(BadLine { line: at + 1, text: line.into() });
                continue;
            };
            if let Some(symbol) = skip_prefix(name, prefix).strip_prefix(b"__ksymtab_") {
                symbols.add(symbol, 0, prefix);
            }
        }
        symbols
    }

    /// Reads Module.symvers: `CRC NAME WHERE ...` a line, of which those with WHERE `vmlinux` count.
    pub fn from_symvers(text: &[u8], prefix: Option<u8>, mut bad: impl FnMut(BadLine)) -> Self {
        let mut symbols = Self::with_fakes(true);
        for (at, line) in text.lines().enumerate() {
            let mut fields = line.fields_with(|char| matches!(char, ' ' | '\t'));
            let (Some(crc), Some(name), Some(place)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if place != b"vmlinux" {
                continue;
            }
            match parse_crc(crc) {
                Some(crc) => symbols.add(name, crc, prefix),
                None => bad(BadLine { line: at + 1, text: crc.into() }),
            }
        }
        symbols
    }

    /// The CRC of a symbol of the kernel.
    pub(super) fn crc(&self, name: &[u8]) -> Option<u64> {
        self.crcs.get(name.as_bstr()).copied()
    }

    fn with_fakes(versions: bool) -> Self {
        let crcs = FAKE_SYMBOLS.iter().map(|name| (BString::from(*name), 0)).collect();
        Self { crcs, versions }
    }

    fn add(&mut self, name: &[u8], crc: u64, prefix: Option<u8>) {
        self.crcs.insert(bare(name, prefix).into(), crc);
    }
}

/// `name` without the dot of function descriptors (64-bit PowerPC) and without the architecture's prefix.
pub(super) fn bare(name: &[u8], prefix: Option<u8>) -> &[u8] {
    skip_prefix(name.strip_prefix(b".").unwrap_or(name), prefix)
}

fn skip_prefix(name: &[u8], prefix: Option<u8>) -> &[u8] {
    match (name.split_first(), prefix) {
        (Some((first, rest)), Some(prefix)) if *first == prefix => rest,
        _ => name,
    }
}

/// The third field of `ADDRESS TYPE NAME`; the type is one character.
fn system_map_name(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = line.trim_end_with(|char| char == '\n').split_once_str(" ")?;
    rest.split_at_checked(1)?.1.strip_prefix(b" ")
}

/// A hexadecimal number, with or without `0x`, as strtoull reads it.
fn parse_crc(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).unwrap_or(text);
    u64::from_str_radix(digits.to_str().ok()?, 16).ok()
}
