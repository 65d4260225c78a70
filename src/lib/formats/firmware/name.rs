//! Names of firmware: paths below a firmware directory, perhaps patterns, and the suffixes of compressed files.
//!
//! Contract: the kernel's firmware loader, which looks for a name as it is, then for it with each suffix; and glob(3) for
//! the patterns that some modules have in place of names: no wildcard stands for a slash, nor for a dot at the beginning.

use bstr::{BString, ByteSlice};

use crate::name::fnmatch;
use crate::path_walk;

/// What a file's name ends in besides the name asked for, in the order in which the kernel tries: nothing, zstd, xz.
pub const SUFFIXES: [&str; 3] = ["", ".zst", ".xz"];

/// The length from which on a path is too long for the kernel.
pub const MAX_LENGTH: usize = 4096;

/// The name without what changes nothing: empty parts and `.`; `None` for one that leads upwards, ends nowhere, or no
/// file can have.
pub fn tidy(name: &[u8]) -> Option<BString> {
    let parts: Vec<&[u8]> = parts(name).collect();
    let bad =
        parts.is_empty() || parts.contains(&&b".."[..]) || name.contains(&0) || name.len() >= MAX_LENGTH;
    if bad { None } else { Some(bstr::join("/", parts).into()) }
}

/// The parts of a path but for empty ones and `.`.
pub fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path_walk::parts(path)
}

/// Whether the name may stand for several.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The name that a file answers to, and the suffix that it has beyond that.
pub fn plain(file: &[u8]) -> (&[u8], &'static str) {
    let compressed = SUFFIXES.into_iter().skip(1);
    let named = |rest: &&[u8]| !matches!(rest.rsplit_str("/").next(), None | Some(b"" | b"." | b".."));
    let mut found =
        compressed.filter_map(|suffix| Some((file.strip_suffix(suffix.as_bytes()).filter(named)?, suffix)));
    found.next().unwrap_or((file, ""))
}

/// Whether one part of a path matches one part of a pattern. Without wildcards it is a name, backslashes and all.
pub fn part_matches(pattern: &[u8], part: &[u8]) -> bool {
    if !is_pattern(pattern) {
        return pattern == part;
    }
    (!part.starts_with(b".") || pattern.starts_with(b".")) && fnmatch(pattern, part)
}

/// Whether a whole path matches a whole pattern, part by part.
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

/// `directory/part`; of no directory the part alone.
pub fn join(directory: &[u8], part: &[u8]) -> BString {
    if directory.is_empty() { part.into() } else { [directory, b"/", part].concat().into() }
}
