//! `key=value` strings: the section `.modinfo` of a module, and modules.builtin.modinfo for built-in modules.
//!
//! Owns the splitting. A string ends at a NUL or at the end of the bytes; several NULs separate like one; a string
//! without `=` is a key with an empty value; a second `=` belongs to the value. Must not interpret keys or merge them.
//!
//! modules.builtin.modinfo contains `module.key=value` strings; those of one module are adjacent.

use bstr::ByteSlice;

/// One string of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The part before the first `=`.
    pub key: &'a [u8],
    /// The part after the first `=`; empty if there is none.
    pub value: &'a [u8],
}

impl<'a> Entry<'a> {
    fn new(string: &'a [u8]) -> Self {
        let (key, value) = string.split_once_str("=").unwrap_or((string, b""));
        Self { key, value }
    }
}

/// The strings of a `.modinfo` section, in order.
pub fn strings(section: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    nonempty(section).map(Entry::new)
}

/// The strings of the built-in `module`, in order. `file` is the contents of modules.builtin.modinfo; `module` is
/// written with underscores, as in the file.
pub fn builtin<'a>(file: &'a [u8], module: &[u8]) -> impl Iterator<Item = Entry<'a>> {
    let of_module = move |string: &'a [u8]| string.strip_prefix(module)?.strip_prefix(b".");
    nonempty(file).filter_map(of_module).map(Entry::new)
}

fn nonempty(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_str(b"\0").filter(|string| !string.is_empty())
}
