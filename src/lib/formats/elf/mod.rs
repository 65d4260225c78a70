//! Kernel modules as ELF relocatable objects: sections, symbols, versions, build id.
//!
//! Owns the reading of an ELF32 or ELF64 object of either byte order, section by section, with goblin's types for the
//! header, section headers, symbols and relocations. Must not read files (a [`Source`] provides the bytes of any
//! range), and must not read more of the object than the sections that are needed.
//!
//! Contract: the rules for modules in the kernel's `kernel/module/main.c` and `scripts/mod/modpost.c`, and what kmod's
//! tools accept: `e_shentsize` must match the class, the section name table must end in NUL, and the first section with
//! a name is the one that is found. No number in the file is trusted: ranges are checked against the source's length
//! before anything is allocated.

mod damage;
mod exports;
mod force;
mod links;
mod module;
mod note;
mod symbols;
#[cfg(test)]
mod tests;
mod versions;

pub use exports::Export;
pub use force::{without_vermagic, without_versions};
pub use links::{Binding, LINK_SECTIONS, ModuleSymbols, Undefined};
pub use module::ElfModule;
pub use versions::{Version, Versions};

use crate::error::{Cause, FormatError};
#[cfg(doc)]
use crate::formats::source::Source;

/// The result of reading an object; the error is a failure of the [`Source`] or a defect of the format.
pub type Result<T> = std::result::Result<T, Cause>;

/// Makes the error for a malformed object.
fn malformed(reason: &'static str) -> Cause {
    Cause::Format(FormatError::malformed(reason))
}

/// `bytes[offset..offset + len]`, if that is inside.
fn range(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}
