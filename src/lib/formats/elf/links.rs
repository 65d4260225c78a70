//! What a module offers to others and what it needs of them: all that depmod wants of the symbols, in one pass.
//!
//! Owns [`Links`], which holds the names in one buffer of its own, so that the module's bytes can be dropped at once
//! and a scan of thousands of modules stays small. Must not resolve anything.
//!
//! Order is contract: exports as `modprobe --show-exports` lists them (symbol table order), needs as kmod counts
//! them: the undefined symbols in table order, then the entries of `__versions` that were not among those (typically
//! `module_layout`). The first decides depmod's order of dependencies.

use std::collections::HashMap;

use goblin::elf::header::{EM_SPARC, EM_SPARC32PLUS, EM_SPARCV9};
use goblin::elf::section_header::SHN_UNDEF;
use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL, STB_WEAK, Sym};

use super::Result;
use super::exports::Export;
use super::module::Module;
use super::symbols::{MAX_NAMES, SymbolTable, too_many_names, until_nul};
use super::versions::Version;

/// `STT_SPARC_REGISTER`: declares the use of a register, not a symbol.
const STT_SPARC_REGISTER: u8 = 13;

/// The most exports and needs of one module, 4 million; the largest real module has 6,000.
const MAX_LINKS: usize = 4 << 20;

/// How strongly an undefined symbol binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// `STB_LOCAL`; no linker leaves an undefined one.
    Local,
    /// `STB_GLOBAL`: loading fails without the symbol.
    Global,
    /// `STB_WEAK`: the symbol may be missing.
    Weak,
    /// Known from the version section only, or of another binding.
    Unknown,
}

/// A symbol that the module needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need<'a> {
    /// The symbol's name.
    pub name: &'a [u8],
    /// How strongly it is needed.
    pub bind: Bind,
    /// The version it was built against, `None` when the module records none.
    pub crc: Option<u64>,
}

/// Exports and needs of one module; owns its names, independent of the module's bytes.
#[derive(Debug, Default)]
pub struct Links {
    names: Vec<u8>,
    exports: Vec<(Span, u64)>,
    needs: Vec<(Span, Bind, Option<u64>)>,
}

/// A range of [`Links::names`]; both below [`MAX_NAMES`], hence 32 bits.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl Links {
    /// The exported symbols in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = Export<'_>> {
        self.exports.iter().map(|&(span, crc)| Export { name: self.name(span), crc })
    }

    /// The needed symbols in order.
    pub fn needs(&self) -> impl ExactSizeIterator<Item = Need<'_>> {
        self.needs.iter().map(|&(span, bind, crc)| Need { name: self.name(span), bind, crc })
    }

    fn name(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.names.get(start..start.saturating_add(span.len as usize)).unwrap_or_default()
    }

    fn intern(&mut self, name: &[u8]) -> Result<Span> {
        let links = self.exports.len().saturating_add(self.needs.len());
        if links >= MAX_LINKS || name.len() > MAX_NAMES.saturating_sub(self.names.len()) {
            return Err(too_many_names());
        }
        let start = u32::try_from(self.names.len()).map_err(|_| too_many_names())?;
        let len = u32::try_from(name.len()).map_err(|_| too_many_names())?;
        self.names.extend_from_slice(name);
        Ok(Span { start, len })
    }
}

/// The sections that [`Module::links`] looks at, those for modules of old or odd kernels left out.
pub const LINK_SECTIONS: [&str; 6] =
    [".symtab", ".strtab", "__versions", "__ksymtab_strings", "__kcrctab", "__kcrctab_gpl"];

impl Module<'_> {
    /// Exports and needs, by one walk over the symbol table.
    ///
    /// Errors: malformed when a symbol, name, version or CRC leads out of its section; limit above 64 MiB of names
    /// or 4 million of them; else what the source answered. A module without symbol table has no needs but those of its versions.
    pub fn links(&self) -> Result<Links> {
        let versions = self.versions()?;
        let mut versions = Claims::new(versions.entries()?);
        let mut links = Links::default();
        let table = self.symbol_table()?;
        if let Some(table) = &table {
            self.walk(table, &mut versions, &mut links)?;
        }
        if links.exports.is_empty() {
            for name in self.unversioned_exports(table.as_ref())? {
                let span = links.intern(&name)?;
                links.exports.push((span, 0));
            }
        }
        for version in versions.unclaimed() {
            let span = links.intern(version.name)?;
            links.needs.push((span, Bind::Unknown, Some(version.crc)));
        }
        Ok(links)
    }

    fn walk(&self, table: &SymbolTable<'_>, versions: &mut Claims<'_>, links: &mut Links) -> Result<()> {
        for symbol in table.iter() {
            let name = table.name_onwards(&symbol)?;
            if let Some(exported) = name.strip_prefix(b"__crc_") {
                let span = links.intern(until_nul(exported))?;
                links.exports.push((span, self.crc(&symbol)?));
            }
            if self.is_needed(&symbol) {
                let name = until_nul(name);
                if !name.is_empty() {
                    let span = links.intern(name)?;
                    links.needs.push((span, bind(&symbol), versions.take(name)));
                }
            }
        }
        Ok(())
    }

    fn is_needed(&self, symbol: &Sym) -> bool {
        let sparc = matches!(self.machine, EM_SPARC | EM_SPARC32PLUS | EM_SPARCV9);
        symbol.st_shndx == SHN_UNDEF as usize && !(sparc && symbol.st_type() == STT_SPARC_REGISTER)
    }
}

fn bind(symbol: &Sym) -> Bind {
    match symbol.st_bind() {
        STB_LOCAL => Bind::Local,
        STB_GLOBAL => Bind::Global,
        STB_WEAK => Bind::Weak,
        _ => Bind::Unknown,
    }
}

/// The version entries, and which of them an undefined symbol has claimed.
///
/// modpost writes the entries in the order of the undefined symbols, so the next one asked for is nearly always
/// one of the next few entries; a map is built only for a module where that fails.
struct Claims<'a> {
    versions: Vec<Version<'a>>,
    claimed: Vec<bool>,
    next: usize,
    map: Option<HashMap<&'a [u8], usize>>,
}

/// How far ahead of the expected entry to look before a map is built.
const LOOK_AHEAD: usize = 8;

impl<'a> Claims<'a> {
    fn new(versions: Vec<Version<'a>>) -> Self {
        Self { claimed: vec![false; versions.len()], versions, next: 0, map: None }
    }

    /// The CRC recorded for `name`, whose entry is then claimed.
    fn take(&mut self, name: &[u8]) -> Option<u64> {
        let index = self.position(name)?;
        self.next = index.saturating_add(1);
        *self.claimed.get_mut(index)? = true;
        self.versions.get(index).map(|version| version.crc)
    }

    fn position(&mut self, name: &[u8]) -> Option<usize> {
        let ahead = self.versions.iter().enumerate().skip(self.next).take(LOOK_AHEAD);
        if let Some((index, _)) = ahead.into_iter().find(|(_, version)| version.name == name) {
            return Some(index);
        }
        if self.versions.is_empty() {
            return None;
        }
        let map = self.map.get_or_insert_with(|| {
            // In reverse, so that the first of several equal names stays.
            self.versions.iter().enumerate().rev().map(|(index, version)| (version.name, index)).collect()
        });
        map.get(name).copied()
    }

    /// The entries that no undefined symbol asked for, in section order.
    fn unclaimed(&self) -> impl Iterator<Item = &Version<'a>> {
        self.versions.iter().zip(&self.claimed).filter(|(_, claimed)| !**claimed).map(|(version, _)| version)
    }
}
