//! Names of modules and aliases: normalisation and wildcard matching.
//!
//! Owns the two spelling rules: `-` and `_` are equivalent in module names, and also in aliases except inside `[...]`.
//! Matching follows POSIX fnmatch without flags in the C locale, which is what kmod applies to aliases and
//! configuration keys.

use std::borrow::Cow;

use bstr::ByteSlice;

mod glob;

pub use glob::{Element, elements, fnmatch};

/// The suffixes of module files: plain, gzip, xz, zstd.
pub const MODULE_SUFFIXES: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// Replaces every `-` of a name by `_`.
pub fn normalize(name: &[u8]) -> Cow<'_, [u8]> {
    if name.contains(&b'-') { Cow::Owned(name.replace(b"-", b"_")) } else { Cow::Borrowed(name) }
}

/// The error that the brackets of an alias do not match: a `]` without `[`, or a `[` that is never closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unmatched bracket")]
pub struct UnmatchedBracket;

/// Replaces every `-` of an alias or wildcard by `_`, except inside `[...]`.
///
/// A bracket expression ends at its first `]`, whatever its position.
pub fn normalize_alias(alias: &[u8]) -> Result<Cow<'_, [u8]>, UnmatchedBracket> {
    if !alias.iter().any(|byte| matches!(byte, b'-' | b'[' | b']')) {
        return Ok(Cow::Borrowed(alias));
    }
    let mut out = Vec::with_capacity(alias.len());
    let mut inside = false;
    for &byte in alias {
        match (byte, inside) {
            (b']', false) => return Err(UnmatchedBracket),
            (b']', true) => inside = false,
            (b'[', _) => inside = true,
            _ => {}
        }
        out.push(if byte == b'-' && !inside { b'_' } else { byte });
    }
    if inside { Err(UnmatchedBracket) } else { Ok(Cow::Owned(out)) }
}

/// Returns the name of the module in the file at `path`: the base name up to its first `.`, normalised.
pub fn from_path(path: &[u8]) -> Cow<'_, [u8]> {
    let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    normalize(base.split(|&byte| byte == b'.').next().unwrap_or(base))
}

/// Returns the path up to the first `.` of its base name, which is what depmod.d and modules.order compare.
pub fn path_stem(path: &[u8]) -> &[u8] {
    let base = path.rfind_byte(b'/').map_or(0, |slash| slash + 1);
    let end = path.iter().skip(base).position(|&byte| byte == b'.').map_or(path.len(), |dot| base + dot);
    path.get(..end).unwrap_or(path)
}

/// Returns the file name without its module suffix; `None` if it does not end in one of [`MODULE_SUFFIXES`].
pub fn module_file_stem(file_name: &[u8]) -> Option<&[u8]> {
    MODULE_SUFFIXES.iter().find_map(|suffix| file_name.strip_suffix(suffix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_not_normalised() {
        assert_eq!(&*normalize_alias(b"a-b[c-d]e-f").unwrap(), b"a_b[c-d]e_f");
        assert_eq!(&*normalize_alias(b"plain").unwrap(), b"plain");
        assert_eq!(&*normalize_alias(b"x[[a-b]").unwrap(), b"x[[a-b]");
    }

    #[test]
    fn brackets_must_match() {
        for bad in [&b"a]"[..], b"[a", b"[a]]", b"[a][b", b"[]"] {
            let expected = if bad == b"[]" { Ok(()) } else { Err(UnmatchedBracket) };
            assert_eq!(normalize_alias(bad).map(drop), expected, "{:?}", bad.as_bstr());
        }
    }

    #[test]
    fn names_are_taken_from_paths() {
        assert_eq!(&*from_path(b"kernel/fs/snd-hda-intel.ko.xz"), b"snd_hda_intel");
        assert_eq!(&*from_path(b"a.b.ko"), b"a");
        assert_eq!(&*from_path(b""), b"");
        assert_eq!(module_file_stem(b"x.ko.zst"), Some(&b"x"[..]));
        assert_eq!(module_file_stem(b"x.o"), None);
        assert_eq!(path_stem(b"a.d/snd-x.y.ko.xz"), b"a.d/snd-x");
        assert_eq!(path_stem(b"a.d/x"), b"a.d/x");
    }
}
