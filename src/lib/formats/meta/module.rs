//! A view of one module of the file.

use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

use super::wire::{self, WireFields, WireValue};
use super::{LONGEST_NAME, LONGEST_PATH};

type Result<T> = std::result::Result<T, FormatError>;

/// A module.
#[derive(Clone, Copy)]
pub struct MetaModule<'a> {
    /// Its name as written in the file.
    pub name: &'a [u8],
    /// The path of its file in the module directory; empty for a built-in module.
    pub path: &'a [u8],
    fields: WireFields<'a>,
}

impl<'a> MetaModule<'a> {
    /// Decodes name and path.
    ///
    /// Errors: malformed.
    pub(super) fn parse(source: &'a dyn Source, range: Range<usize>) -> Result<Self> {
        let mut fields = WireFields::of(source, range);
        let mut module = Self { name: b"", path: b"", fields };
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, WireValue::Bytes(name)) => module.name = wire::string(source, &name)?,
                (2, WireValue::Bytes(path)) => module.path = wire::string(source, &path)?,
                _ => {}
            }
        }
        if module.name.len() > LONGEST_NAME || module.path.len() > LONGEST_PATH {
            return Err(FormatError::new(FormatKind::Limit, "module name or path is too long"));
        }
        Ok(module)
    }

    /// Whether it is built into the kernel.
    pub fn is_builtin(&self) -> bool {
        self.path.is_empty()
    }

    /// Whether it is a part of the kernel that is not a module.
    ///
    /// Errors: malformed.
    pub fn is_kernel_part(&self) -> Result<bool> {
        let mut fields = self.fields;
        let mut is_part = false;
        while let Some((number, value)) = fields.next()? {
            if number == 103 {
                is_part = value == WireValue::Number(1);
            }
        }
        Ok(is_part)
    }

    /// Returns the positions of its direct dependencies.
    ///
    /// Errors: malformed.
    pub fn depends(&self) -> Result<Vec<u32>> {
        self.positions(3).map(Option::unwrap_or_default)
    }

    /// Returns the positions of all modules to load before it, the last one to be loaded first. `None` if the list is
    /// empty or the file was not written by oxmod.
    ///
    /// Errors: malformed.
    pub fn closure(&self) -> Result<Option<Vec<u32>>> {
        self.positions(100)
    }

    /// Returns the soft dependencies, as the module spells them.
    ///
    /// Errors: malformed.
    pub fn softdeps(&self) -> Result<Vec<&'a [u8]>> {
        self.strings(101)
    }

    /// Returns the weak dependencies.
    ///
    /// Errors: malformed.
    pub fn weakdeps(&self) -> Result<Vec<&'a [u8]>> {
        self.strings(102)
    }

    fn positions(&self, wanted: u32) -> Result<Option<Vec<u32>>> {
        let mut positions = None;
        let mut fields = self.fields;
        while let Some((number, value)) = fields.next()? {
            if number == wanted {
                let positions = positions.get_or_insert_with(Vec::new);
                wire::numbers(fields.source(), value, |position| positions.push(position))?;
            }
        }
        Ok(positions)
    }

    fn strings(&self, wanted: u32) -> Result<Vec<&'a [u8]>> {
        let mut strings = Vec::new();
        let mut fields = self.fields;
        while let Some((number, value)) = fields.next()? {
            if let (true, WireValue::Bytes(range)) = (number == wanted, value) {
                strings.push(wire::string(fields.source(), &range)?);
            }
        }
        Ok(strings)
    }
}
