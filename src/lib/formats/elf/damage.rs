//! Malformed parts of an object whose other parts are still read.
//!
//! Owns the rule which errors concern one part only. As in kmod, if one part of the symbol data is damaged, the others are
//! used.

use super::Result;
use super::module::ElfModule;
use crate::error::{Cause, FormatError, FormatKind};

/// The first damage that was found, if any.
#[derive(Debug, Default)]
pub(super) struct Damage(Option<FormatError>);

impl Damage {
    /// Returns `None` for a malformed part, and stores the first such error.
    ///
    /// Errors: those that concern the whole object: of the source, if what `part` was made from had not been read
    /// before, and limits.
    pub(super) fn tolerate<T>(&mut self, part: Result<T>) -> Result<Option<T>> {
        match part {
            Ok(part) => Ok(Some(part)),
            Err(Cause::Format(error)) if error.kind == FormatKind::Malformed => {
                self.0.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads those sections of `module` that are inside the file. Afterwards, no malformed part of them is due to the
    /// source, such as a damaged block of a compressed file.
    ///
    /// Errors: those of the source.
    pub(super) fn read(&mut self, module: &ElfModule<'_>, names: &[&str]) -> Result<()> {
        for index in names.iter().filter_map(|name| module.find(name)) {
            if self.tolerate(module.check(index))?.is_some() {
                module.contents(index)?;
            }
        }
        Ok(())
    }

    /// Returns the damage.
    pub(super) fn get(&self) -> Option<&FormatError> {
        self.0.as_ref()
    }
}
