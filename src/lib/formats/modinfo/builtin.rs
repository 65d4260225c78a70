//! modules.builtin.modinfo: the `.modinfo` strings of built-in modules.
//!
//! Owns the splitting of the file, whose strings have the form `module.key=value` and end at NUL; the strings of one
//! module are adjacent. Must not interpret keys or merge them. Contract: the kernel's build, which writes the file.

use bstr::ByteSlice;

use super::strings::{Field, nonempty};

/// One string of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinInfo<'a> {
    /// The module, as the kernel's build spells it.
    pub module: &'a [u8],
    /// The key, such as `alias`.
    pub key: &'a [u8],
    /// The value; empty if the string has no `=`.
    pub value: &'a [u8],
}

/// Returns all strings of the file, in order. Strings without a `.` are skipped.
pub fn builtin_modinfo(file: &[u8]) -> impl Iterator<Item = BuiltinInfo<'_>> {
    nonempty(file).filter_map(|string| {
        let (module, rest) = string.split_once_str(".")?;
        let Field { key, value } = Field::new(rest);
        Some(BuiltinInfo { module, key, value })
    })
}

/// Returns the strings of `module`, whose name is normalised, as in the file.
pub fn builtin<'a>(file: &'a [u8], module: &[u8]) -> impl Iterator<Item = Field<'a>> {
    let infos = builtin_modinfo(file).filter(move |info| info.module == module);
    infos.map(|BuiltinInfo { key, value, .. }| Field { key, value })
}

/// Returns the aliases in the file with their modules. Strings with an empty alias are skipped, and so is a last string
/// without NUL, which may be truncated.
pub fn builtin_aliases(file: &[u8]) -> impl Iterator<Item = BuiltinInfo<'_>> {
    let complete = file.rfind_byte(0).and_then(|end| file.get(..end)).unwrap_or_default();
    builtin_modinfo(complete)
        .filter(|info| info.key == b"alias" && !info.value.is_empty() && !info.module.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_all_modules() {
        let file = b"ext4.license=GPL\0ext4.alias=fs-ext4\0junk\0x.flag\0";
        let all: Vec<_> = builtin_modinfo(file).collect();
        assert_eq!(all.len(), 3);
        assert_eq!((all[1].key, all[1].value), (&b"alias"[..], &b"fs-ext4"[..]));
        assert_eq!(all[2].value, b"");
    }

    #[test]
    fn incomplete_aliases_are_skipped() {
        let file = b"a.alias=x\0a.alias=\0a.alias\0.alias=y\0a.alias.z=1\0b.alias=y\0b.alias=cu";
        let aliases: Vec<_> = builtin_aliases(file).map(|info| (info.module, info.value)).collect();
        assert_eq!(aliases, [(&b"a"[..], &b"x"[..]), (b"b", b"y")]);
    }
}
