//! The symbols that a module exports and needs: everything depmod reads from the symbol table, in one pass.
//!
//! Owns [`ModuleSymbols`], which holds the names in a buffer of its own, so that the module's bytes can be dropped immediately
//! and a scan of thousands of modules stays small. Must not resolve anything.
//!
//! The order is part of the contract. Exports are in the order of `modprobe --show-exports` (symbol table order). Needs
//! are in kmod's order: the undefined symbols in table order, then the entries of `__versions` that are not among them
//! (typically `module_layout`). The order of needs determines the order of depmod's dependencies.

use goblin::elf::header::{EM_SPARC, EM_SPARC32PLUS, EM_SPARCV9};
use goblin::elf::section_header::SHN_UNDEF;
use goblin::elf::sym::{STB_GLOBAL, STB_LOCAL, STB_WEAK, Sym};

use super::Result;
use super::damage::Damage;
use super::exports::Export;
use super::module::ElfModule;
use super::symbols::{MAX_NAMES, SymbolTable, too_many_names, until_nul};
use super::versions::{SECTIONS as VERSION_SECTIONS, Version};
use crate::error::FormatError;
use crate::hash::IndexMap;

/// `STT_SPARC_REGISTER`: declares the use of a register and does not name a symbol.
const STT_SPARC_REGISTER: u8 = 13;

/// The maximum number of exports and needs of one module, 4 million; the largest real module has 6,000.
const MAX_LINKS: usize = 4 << 20;

/// The value used for a CRC that is outside its section, as in kmod.
const UNREADABLE_CRC: u64 = u64::MAX;

/// The binding of an undefined symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// `STB_LOCAL`; linkers never leave a local symbol undefined.
    Local,
    /// `STB_GLOBAL`: loading fails without the symbol.
    Global,
    /// `STB_WEAK`: the symbol may be missing.
    Weak,
    /// The symbol is listed in the version section only, or has another binding.
    Unknown,
}

/// A symbol that the module needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undefined<'a> {
    /// The symbol's name.
    pub name: &'a [u8],
    /// The binding, which tells whether the symbol may be missing.
    pub bind: Binding,
    /// The version that the module was built against; `None` if the module does not record one.
    pub crc: Option<u64>,
}

/// The exports and needs of one module. Owns the names, so it is independent of the module's bytes.
#[derive(Debug, Default)]
pub struct ModuleSymbols {
    names: Vec<u8>,
    exports: Vec<(Span, u64)>,
    needs: Vec<(Span, Binding, Option<u64>)>,
    damage: Damage,
}

/// A range of [`ModuleSymbols::names`]. Both ends are below [`MAX_NAMES`], so 32 bits suffice.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl ModuleSymbols {
    /// The exported symbols in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = Export<'_>> {
        self.exports.iter().map(|&(span, crc)| Export { name: self.name(span), crc })
    }

    /// The needed symbols in order.
    pub fn needs(&self) -> impl ExactSizeIterator<Item = Undefined<'_>> {
        self.needs.iter().map(|&(span, bind, crc)| Undefined { name: self.name(span), bind, crc })
    }

    /// The first malformed part that was left out, if any.
    pub fn damage(&self) -> Option<&FormatError> {
        self.damage.get()
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

/// The sections that [`ElfModule::links`] reads, except for those that only old or unusual kernels have.
pub const LINK_SECTIONS: [&str; 6] =
    [".symtab", ".strtab", "__versions", "__ksymtab_strings", "__kcrctab", "__kcrctab_gpl"];

impl ElfModule<'_> {
    /// Collects exports and needs in one walk over the symbol table. A module without a symbol table only has the needs
    /// listed in its version sections.
    ///
    /// Malformed parts are left out, see [`ModuleSymbols::damage`]. If the name of a symbol is malformed, the exports are those
    /// of `__ksymtab_strings`, without CRCs, as in kmod.
    ///
    /// Errors: limit above 64 MiB of names or 4 million of them; errors of the source.
    pub fn links(&self) -> Result<ModuleSymbols> {
        let mut links = ModuleSymbols::default();
        links.damage.read(self, &VERSION_SECTIONS)?;
        links.damage.read(self, &[".symtab", ".strtab"])?;
        let sections = links.damage.tolerate(self.versions())?;
        let entries =
            sections.as_ref().map(|versions| links.damage.tolerate(versions.entries())).transpose()?;
        let mut versions = Claims::new(entries.flatten().unwrap_or_default());
        let table = links.damage.tolerate(self.symbol_table())?.flatten();
        let all_named = match &table {
            Some(table) => self.walk(table, &mut versions, &mut links)?,
            None => true,
        };
        if links.exports.is_empty() || !all_named {
            let names = self.unversioned_exports(table.as_ref(), &mut links.damage)?;
            if !names.is_empty() {
                links.exports.clear();
            }
            for name in names {
                let span = links.intern(&name)?;
                links.exports.push((span, 0));
            }
        }
        for version in versions.unclaimed() {
            let span = links.intern(version.name)?;
            links.needs.push((span, Binding::Unknown, Some(version.crc)));
        }
        Ok(links)
    }

    /// Returns whether every symbol has a name.
    fn walk(
        &self,
        table: &SymbolTable<'_>,
        versions: &mut Claims<'_>,
        links: &mut ModuleSymbols,
    ) -> Result<bool> {
        let mut named = true;
        for symbol in table.iter() {
            let Some(name) = links.damage.tolerate(table.name_onwards(&symbol))? else {
                named = false;
                continue;
            };
            if let Some(exported) = name.strip_prefix(b"__crc_") {
                let span = links.intern(until_nul(exported))?;
                let crc = self.crc(&symbol, &mut links.damage)?;
                links.exports.push((span, crc.unwrap_or(UNREADABLE_CRC)));
            }
            if self.is_needed(&symbol) {
                let name = until_nul(name);
                if !name.is_empty() {
                    let span = links.intern(name)?;
                    links.needs.push((span, bind(&symbol), versions.take(name)));
                }
            }
        }
        Ok(named)
    }

    fn is_needed(&self, symbol: &Sym) -> bool {
        let sparc = matches!(self.machine, EM_SPARC | EM_SPARC32PLUS | EM_SPARCV9);
        symbol.st_shndx == SHN_UNDEF as usize && !(sparc && symbol.st_type() == STT_SPARC_REGISTER)
    }
}

fn bind(symbol: &Sym) -> Binding {
    match symbol.st_bind() {
        STB_LOCAL => Binding::Local,
        STB_GLOBAL => Binding::Global,
        STB_WEAK => Binding::Weak,
        _ => Binding::Unknown,
    }
}

/// The version entries, and which of them have been claimed by an undefined symbol.
///
/// modpost writes the entries in the order of the undefined symbols, so the wanted entry is nearly always among the
/// next few. A map is built only for a module where it is not.
struct Claims<'a> {
    versions: Vec<Version<'a>>,
    claimed: Vec<bool>,
    next: usize,
    map: Option<IndexMap<&'a [u8], usize>>,
}

/// The number of entries to try from the expected one on before a map is built.
const LOOK_AHEAD: usize = 8;

impl<'a> Claims<'a> {
    fn new(versions: Vec<Version<'a>>) -> Self {
        Self { claimed: vec![false; versions.len()], versions, next: 0, map: None }
    }

    /// Claims the entry of `name` and returns the CRC recorded in it.
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
            // In reverse, so that the first of several equal names wins.
            self.versions.iter().enumerate().rev().map(|(index, version)| (version.name, index)).collect()
        });
        map.get(name).copied()
    }

    /// The entries that no undefined symbol has claimed, in section order.
    fn unclaimed(&self) -> impl Iterator<Item = &Version<'a>> {
        self.versions.iter().zip(&self.claimed).filter(|(_, claimed)| !**claimed).map(|(version, _)| version)
    }
}
