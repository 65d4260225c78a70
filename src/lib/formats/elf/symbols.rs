//! The symbol table and its names.
//!
//! Owns access to `.symtab` and `.strtab`. Must not collect symbols: a table of 40,000 symbols is walked once, and only
//! the names that a caller needs are read.

use goblin::container::Ctx;
use goblin::elf::sym::{Sym, Symtab};

use super::module::ElfModule;
use super::{Result, malformed};
use crate::error::{Cause, FormatError, FormatKind};

/// The sections `.symtab` and `.strtab` of one object.
pub(super) struct SymbolTable<'s> {
    symbols: &'s [u8],
    names: &'s [u8],
    ctx: Ctx,
}

impl<'s> ElfModule<'s> {
    /// Returns the symbol table; `None` if `.symtab` or `.strtab` is missing.
    pub(super) fn symbol_table(&self) -> Result<Option<SymbolTable<'s>>> {
        let (Some(symbols), Some(names)) = (self.section(".symtab")?, self.section(".strtab")?) else {
            return Ok(None);
        };
        if symbols.len() % Sym::size(self.ctx.container) != 0 {
            return Err(malformed("size of .symtab is not a multiple of the symbol size"));
        }
        Ok(Some(SymbolTable { symbols, names, ctx: self.ctx }))
    }
}

impl SymbolTable<'_> {
    /// Iterates over all symbols except for the null symbol at index 0, in table order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Sym> {
        self.table().into_iter().flat_map(|table| table.iter().skip(1))
    }

    /// Returns the symbol at `index`.
    pub(super) fn get(&self, index: usize) -> Option<Sym> {
        self.table()?.get(index)
    }

    /// Returns goblin's view of the table; `None` for an empty table, which goblin reports as an error.
    fn table(&self) -> Option<Symtab<'_>> {
        let count = self.symbols.len() / Sym::size(self.ctx.container);
        Symtab::parse(self.symbols, 0, count, self.ctx).ok()
    }

    /// Returns the bytes from the start of the symbol's name to the end of the name table, which need not be
    /// NUL-terminated.
    ///
    /// Errors: malformed if the name starts outside the table.
    #[inline]
    pub(super) fn name_onwards(&self, symbol: &Sym) -> Result<&[u8]> {
        match self.names.get(symbol.st_name..) {
            Some(rest) if !rest.is_empty() => Ok(rest),
            _ => Err(malformed("symbol name is outside .strtab")),
        }
    }
}

/// The maximum size of all names of one module, 64 MiB. Names may overlap in `.strtab`, so a small file could otherwise
/// expand to any size; the largest real module has 1 MB of names.
pub(super) const MAX_NAMES: usize = 64 << 20;

/// Limits the total size of copied names to [`MAX_NAMES`].
#[derive(Default)]
pub(super) struct Budget(usize);

impl Budget {
    /// Copies `name`. Errors: limit if the names of the module are too large.
    pub(super) fn copy(&mut self, name: &[u8]) -> Result<Vec<u8>> {
        self.0 = self.0.saturating_add(name.len()).saturating_add(1);
        if self.0 > MAX_NAMES { Err(too_many_names()) } else { Ok(name.to_vec()) }
    }
}

pub(super) fn too_many_names() -> Cause {
    FormatError::new(FormatKind::Limit, "too many symbol names").into()
}

/// Returns the bytes up to the first NUL.
#[inline]
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bstr::ByteSlice::find_byte(bytes, 0).map_or(bytes, |end| bytes.get(..end).unwrap_or(bytes))
}
