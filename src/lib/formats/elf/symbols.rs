//! The symbol table with its names.
//!
//! Owns access to `.symtab` and `.strtab`. Must not collect: a table of 40,000 symbols is walked once, and
//! only the names that a caller asks for are looked at.

use goblin::container::Ctx;
use goblin::elf::sym::{Sym, Symtab};

use super::module::Module;
use super::{Result, malformed};
use crate::error::{Cause, FormatError, FormatKind};

/// `.symtab` and `.strtab` of one object.
pub(super) struct SymbolTable<'s> {
    symbols: &'s [u8],
    names: &'s [u8],
    ctx: Ctx,
}

impl<'s> Module<'s> {
    /// The symbol table, `None` when `.symtab` or `.strtab` is absent.
    pub(super) fn symbol_table(&self) -> Result<Option<SymbolTable<'s>>> {
        let (Some(symbols), Some(names)) = (self.section(".symtab")?, self.section(".strtab")?) else {
            return Ok(None);
        };
        if symbols.len() % Sym::size(self.ctx.container) != 0 {
            return Err(malformed("size of .symtab is not a multiple of a symbol's"));
        }
        if names.last().is_some_and(|&last| last != 0) {
            return Err(malformed(".strtab does not end in NUL"));
        }
        Ok(Some(SymbolTable { symbols, names, ctx: self.ctx }))
    }
}

impl SymbolTable<'_> {
    /// Every symbol but the null symbol at index 0, in table order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Sym> {
        self.table().into_iter().flat_map(|table| table.iter().skip(1))
    }

    /// The symbol at `index`.
    pub(super) fn get(&self, index: usize) -> Option<Sym> {
        self.table()?.get(index)
    }

    /// `None` for an empty table, which goblin takes for an error.
    fn table(&self) -> Option<Symtab<'_>> {
        let count = self.symbols.len() / Sym::size(self.ctx.container);
        Symtab::parse(self.symbols, 0, count, self.ctx).ok()
    }

    /// The bytes from the start of the symbol's name to the end of the name table.
    ///
    /// Errors: malformed when the name starts outside of the table.
    #[inline]
    pub(super) fn name_onwards(&self, symbol: &Sym) -> Result<&[u8]> {
        match self.names.get(symbol.st_name..) {
            Some(rest) if !rest.is_empty() => Ok(rest),
            _ => Err(malformed("name of a symbol is outside of .strtab")),
        }
    }
}

/// The most bytes of names in one module, 64 MiB. Names may overlap in `.strtab`, so a small file could otherwise
/// unfold to any size; the largest real module has 1 MB of them.
pub(super) const MAX_NAMES: usize = 64 << 20;

/// Counts what is copied of names against [`MAX_NAMES`].
#[derive(Default)]
pub(super) struct Budget(usize);

impl Budget {
    /// A copy of `name`. Errors: limit when the names of the module are too many.
    pub(super) fn copy(&mut self, name: &[u8]) -> Result<Vec<u8>> {
        self.0 = self.0.saturating_add(name.len()).saturating_add(1);
        if self.0 > MAX_NAMES { Err(too_many_names()) } else { Ok(name.to_vec()) }
    }
}

pub(super) fn too_many_names() -> Cause {
    FormatError::new(FormatKind::Limit, "too many symbol names").into()
}

/// The bytes up to the first NUL.
#[inline]
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bstr::ByteSlice::find_byte(bytes, 0).map_or(bytes, |end| bytes.get(..end).unwrap_or(bytes))
}
