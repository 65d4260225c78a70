//! Kernel modules as ELF relocatable objects: sections, symbols, versions, build id.
//!
//! Owns the reading of an ELF32 or ELF64 object of either byte order, section by section, over
//! goblin's header, section header, symbol and relocation types. Must not read a file (a [`Source`]
//! hands over the bytes of any range), and must not ask for more of it than the sections that a question is about.
//!
//! Contract: what the kernel's `kernel/module/main.c` and `scripts/mod/modpost.c` lay down for modules,
//! and what kmod's tools accept: `e_shentsize` must match the class, the section name table must end in
//! NUL, a section is found by the first match of its name. Every number in the file is hostile: ranges
//! are checked against the source's length before anything is allocated.

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
pub use links::{Bind, LINK_SECTIONS, Links, Need};
pub use module::Module;
pub use versions::{Version, Versions};

use crate::error::{Cause, FormatError};
#[cfg(doc)]
use crate::formats::source::Source;

/// What reading an object answers: the [`Source`]'s own failure, or a flaw of the format.
pub type Result<T> = std::result::Result<T, Cause>;

/// A malformed object, described by `reason`.
fn malformed(reason: &'static str) -> Cause {
    Cause::Format(FormatError::malformed(reason))
}

/// `bytes[offset..offset + len]`, if that is inside.
fn range(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}
