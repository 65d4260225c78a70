//! Firmware names: paths below a firmware directory, which may be patterns, and the suffixes of compressed files.
//!
//! Contract: the kernel's firmware loader, which tries a name as it is and then with each suffix; and glob(3) for the
//! patterns that some modules have instead of names: a wildcard does not match a slash or a leading dot.

use bstr::{BString, ByteSlice};

use crate::name::fnmatch;
use crate::path_walk;

/// The suffixes that a file may have after the requested name, in the order in which the kernel tries them: none, zstd,
/// xz.
pub const SUFFIXES: [&str; 3] = ["", ".zst", ".xz"];

/// The length in bytes from which a path is too long for the kernel.
pub const MAX_LENGTH: usize = 4096;

/// Returns the name without redundant components (empty ones and `.`); `None` for a name that leads upwards, is empty,
/// or cannot be the name of a file.
pub fn tidy(name: &[u8]) -> Option<BString> {
    let parts: Vec<&[u8]> = parts(name).collect();
    let bad =
        parts.is_empty() || parts.contains(&&b".."[..]) || name.contains(&0) || name.len() >= MAX_LENGTH;
    if bad { None } else { Some(bstr::join("/", parts).into()) }
}

/// The components of a path, except for empty ones and `.`.
pub fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path_walk::parts(path)
}

/// Whether the name contains wildcards.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// Splits the name of a file into the firmware name and the suffix of its compression.
pub fn plain(file: &[u8]) -> (&[u8], &'static str) {
    let compressed = SUFFIXES.into_iter().skip(1);
    let named = |rest: &&[u8]| !matches!(rest.rsplit_str("/").next(), None | Some(b"" | b"." | b".."));
    let mut found =
        compressed.filter_map(|suffix| Some((file.strip_suffix(suffix.as_bytes()).filter(named)?, suffix)));
    found.next().unwrap_or((file, ""))
}

/// Whether a path component matches a component of a pattern. Without wildcards, a pattern is compared literally,
/// including backslashes.
pub fn part_matches(pattern: &[u8], part: &[u8]) -> bool {
    if !is_pattern(pattern) {
        return pattern == part;
    }
    (!part.starts_with(b".") || pattern.starts_with(b".")) && fnmatch(pattern, part)
}

/// Whether a whole path matches a whole pattern, component by component.
pub fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut patterns, mut paths) = (parts(pattern), parts(path));
    loop {
        match (patterns.next(), paths.next()) {
            (Some(pattern), Some(part)) if part_matches(pattern, part) => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Returns `directory/part`, or `part` alone if the directory is empty.
pub fn join(directory: &[u8], part: &[u8]) -> BString {
    if directory.is_empty() { part.into() } else { [directory, b"/", part].concat().into() }
}
