//! `key=value` strings: the section `.modinfo` of a module.
//!
//! Owns the splitting. A string ends at NUL or at the end of the bytes; several NULs in a row separate like a single one;
//! a string without `=` is a key with an empty value; a second `=` belongs to the value. Must not interpret keys or merge
//! them.

use bstr::ByteSlice;

/// One string of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The part before the first `=`.
    pub key: &'a [u8],
    /// The part after the first `=`; empty if there is none.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    pub(super) fn new(string: &'a [u8]) -> Self {
        let (key, value) = string.split_once_str("=").unwrap_or((string, b""));
        Self { key, value }
    }
}

/// The strings of a `.modinfo` section, in order.
pub fn strings(section: &[u8]) -> impl Iterator<Item = Field<'_>> {
    nonempty(section).map(Field::new)
}

pub(super) fn nonempty(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_str(b"\0").filter(|string| !string.is_empty())
}
