//! The symbols that a module exports, with their CRCs and namespaces.
//!
//! Owns three sources, tried in this order. With `CONFIG_MODVERSIONS`, each exported `foo` has a symbol `__crc_foo`
//! whose value leads to the CRC. Without it, `__ksymtab_strings` holds the names of the symbols *and* of their
//! namespaces. The symbols `__ksymtab_foo` show which strings are symbol names. If they were stripped, the relocations
//! of the `__ksymtab` tables do: an entry is `{value, name, namespace}` (older kernels: no namespace), so a relocation
//! into the strings is a name if the one before it does not point into the strings. kmod treats every string as a
//! symbol; this module does so only if there is neither source of information. Must not look at needs.

use goblin::elf::reloc::RelocSection;
use goblin::elf::section_header::{SHN_ABS, SHN_UNDEF};
use goblin::elf::sym::Sym;

use super::damage::Damage;
use super::module::ElfModule;
use super::symbols::{Budget, SymbolTable, until_nul};
use super::versions::number;
use super::{Result, malformed, range};
use crate::hash::IndexSet;

const STRINGS: &str = "__ksymtab_strings";

/// The export tables, and the names of their relocation sections with and without addends.
const TABLES: [(&str, &str, &str); 2] = [
    ("__ksymtab", ".rela__ksymtab", ".rel__ksymtab"),
    ("__ksymtab_gpl", ".rela__ksymtab_gpl", ".rel__ksymtab_gpl"),
];

/// The sections that are read of a module without usable `__crc_` symbols, in addition to the symbol table.
const UNVERSIONED_SECTIONS: [&str; 7] = [
    STRINGS,
    "__ksymtab",
    ".rela__ksymtab",
    ".rel__ksymtab",
    "__ksymtab_gpl",
    ".rela__ksymtab_gpl",
    ".rel__ksymtab_gpl",
];

/// An exported symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export<'a> {
    /// The symbol's name.
    pub name: &'a [u8],
    /// Its CRC; 0 for a module built without `CONFIG_MODVERSIONS`.
    pub crc: u64,
}

impl ElfModule<'_> {
    /// Returns the namespace of each exported symbol that has one (`EXPORT_SYMBOL_NS`), as (symbol, namespace), in
    /// symbol table order. The result is empty if the symbols `__kstrtabns_foo`, from which it is read, were stripped;
    /// those whose names are damaged are skipped.
    pub fn export_namespaces(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let (Some(table), Some(strings)) = (self.symbol_table()?, self.section(STRINGS)?) else {
            return Ok(Vec::new());
        };
        let (mut namespaces, mut budget) = (Vec::new(), Budget::default());
        for symbol in table.iter() {
            let name = table.name_onwards(&symbol).ok().and_then(|name| name.strip_prefix(b"__kstrtabns_"));
            let Some(name) = name else { continue };
            let namespace = until_nul(from(strings, symbol.st_value));
            if !namespace.is_empty() {
                namespaces.push((budget.copy(until_nul(name))?, budget.copy(namespace)?));
            }
        }
        Ok(namespaces)
    }

    /// Returns the exported names of a module without usable `__crc_` symbols, in the order of `__ksymtab_strings`.
    pub(super) fn unversioned_exports(
        &self,
        table: Option<&SymbolTable<'_>>,
        damage: &mut Damage,
    ) -> Result<Vec<Vec<u8>>> {
        damage.read(self, &UNVERSIONED_SECTIONS)?;
        let Some(strings) = damage.tolerate(self.section(STRINGS))?.flatten() else { return Ok(Vec::new()) };
        let named = table.map(|table| damage.tolerate(named_by_symbols(table))).transpose()?;
        let mut real = named.flatten().unwrap_or_default();
        if real.is_empty() {
            real = damage.tolerate(self.named_by_relocations(table, strings))?.unwrap_or_default();
        }
        let tells = !real.is_empty();
        let all = strings.split(|&byte| byte == 0).filter(|name| !name.is_empty());
        Ok(all.filter(|name| !tells || real.swap_remove(*name)).map(<[u8]>::to_vec).collect())
    }

    /// Returns the CRC for a `__crc_` symbol: its value if it is absolute, else the 4 bytes at that offset of its section.
    /// `None` if it is outside its section.
    ///
    /// A section is requested once for each of its symbols. That does not copy it, because the source keeps what it has
    /// read, and its memory is bounded even if the headers of many sections claim the whole file.
    pub(super) fn crc(&self, symbol: &Sym, damage: &mut Damage) -> Result<Option<u64>> {
        let section = symbol.st_shndx;
        if section == SHN_ABS as usize || section == SHN_UNDEF as usize {
            return Ok(Some(symbol.st_value));
        }
        if damage.tolerate(self.check(section))?.is_none() {
            return Ok(None);
        }
        let crc = range(self.contents(section)?, symbol.st_value, 4).map(|crc| number(crc, self.ctx.le));
        damage.tolerate(crc.ok_or_else(|| malformed("CRC of an exported symbol is outside its section")))
    }

    fn named_by_relocations(
        &self,
        table: Option<&SymbolTable<'_>>,
        strings: &[u8],
    ) -> Result<IndexSet<Vec<u8>>> {
        let mut names = IndexSet::default();
        let (Some(table), Some(section)) = (table, self.find(STRINGS)) else { return Ok(names) };
        for (entries, rela, rel) in TABLES {
            for (relocations, is_rela) in [(self.section(rela)?, true), (self.section(rel)?, false)] {
                let (Some(relocations), Some(entries)) = (relocations, self.section(entries)?) else {
                    continue;
                };
                let targets = Targets { table, section, entries, is_rela, module: self };
                names.extend(targets.names(relocations, strings)?);
            }
        }
        Ok(names)
    }
}

/// Collects the names `foo` of the symbols `__ksymtab_foo`.
fn named_by_symbols(table: &SymbolTable<'_>) -> Result<IndexSet<Vec<u8>>> {
    let (mut names, mut budget) = (IndexSet::default(), Budget::default());
    for symbol in table.iter() {
        if let Some(name) = table.name_onwards(&symbol)?.strip_prefix(b"__ksymtab_") {
            names.insert(budget.copy(until_nul(name))?);
        }
    }
    Ok(names)
}

/// The relocations of one export table and what they point to.
struct Targets<'a, 's> {
    module: &'a ElfModule<'s>,
    table: &'a SymbolTable<'s>,
    /// The index of the section `__ksymtab_strings`.
    section: usize,
    /// The contents of the export table, which hold the addends of relocations without explicit addends.
    entries: &'s [u8],
    is_rela: bool,
}

impl Targets<'_, '_> {
    fn names(&self, relocations: &[u8], strings: &[u8]) -> Result<Vec<Vec<u8>>> {
        let section = RelocSection::parse(relocations, 0, relocations.len(), self.is_rela, self.module.ctx)
            .map_err(|_| malformed("invalid relocations of an export table"))?;
        let mut targets: Vec<(u64, Option<u64>)> = section
            .iter()
            .map(|reloc| (reloc.r_offset, self.string_offset(reloc.r_sym, reloc.r_addend, reloc.r_offset)))
            .collect();
        targets.sort_unstable_by_key(|&(at, _)| at);
        let (mut names, mut budget, mut before) = (Vec::new(), Budget::default(), None);
        for (_, target) in targets {
            if let (Some(offset), None) = (target, before) {
                names.push(budget.copy(until_nul(from(strings, offset)))?);
            }
            before = target;
        }
        Ok(names)
    }

    /// Returns the offset in the strings that a relocation points to; `None` if it points elsewhere.
    fn string_offset(&self, symbol: usize, addend: Option<i64>, at: u64) -> Option<u64> {
        let symbol = self.table.get(symbol).filter(|symbol| symbol.st_shndx == self.section)?;
        let in_place = || {
            let word = range(self.entries, at, 4).map_or(0, |bytes| number(bytes, self.module.ctx.le));
            // A 32-bit two's complement addend, stored in the low half.
            i64::from(u32::try_from(word).unwrap_or(0).cast_signed())
        };
        symbol.st_value.checked_add_signed(addend.unwrap_or_else(in_place))
    }
}

/// Returns the bytes from `offset` on; an empty slice if that is out of range.
fn from(bytes: &[u8], offset: u64) -> &[u8] {
    usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default()
}
