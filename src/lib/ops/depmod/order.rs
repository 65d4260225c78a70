//! The order of modules and symbols, which is part of the file formats.
//!
//! kmod keeps both in hash tables and writes its files in the order of these tables: by bucket, then by name. The hash
//! is Paul Hsieh's `SuperFastHash` with the length as its seed; there are 512 buckets of modules and 2048 of symbols.
//! The modules that modules.order lists are then moved to the front.

use bstr::ByteSlice;

use crate::hash::IndexMap;

/// The number of buckets in the module table.
const MODULE_BUCKETS: u32 = 512;
/// The number of buckets in the symbol table.
const SYMBOL_BUCKETS: u32 = 2048;

/// Returns the sort key that puts module names into hash order.
pub(super) fn module_key(name: &[u8]) -> (u32, &[u8]) {
    (superfast(name) & (MODULE_BUCKETS - 1), name)
}

/// Returns the sort key that puts symbol names into hash order.
pub(super) fn symbol_key(name: &[u8]) -> (u32, &[u8]) {
    (superfast(name) & (SYMBOL_BUCKETS - 1), name)
}

fn superfast(key: &[u8]) -> u32 {
    let half = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]));
    // Single bytes are sign-extended.
    let signed = |byte: u8| i32::from(byte.cast_signed()).cast_unsigned();
    // The length of a name always fits: files are limited to 1 GiB.
    let mut hash = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let (quads, tail) = key.as_chunks::<4>();
    for &[a, b, c, d] in quads {
        hash = hash.wrapping_add(half(a, b));
        let mixed = (half(c, d) << 11) ^ hash;
        hash = (hash << 16) ^ mixed;
        hash = hash.wrapping_add(hash >> 11);
    }
    match *tail {
        [a, b, c] => {
            hash = hash.wrapping_add(half(a, b));
            hash ^= hash << 16;
            hash ^= signed(c) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [a, b] => {
            hash = hash.wrapping_add(half(a, b));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [a] => {
            hash = hash.wrapping_add(signed(a));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

/// Parses modules.order. Returns the line number, counted from 0, of each path without compression suffix; if a path
/// occurs several times, the first line counts.
///
/// Errors: the number of the last line if it has no newline. The file may be truncated then, so none of it is used.
pub(super) fn parse_modules_order(text: &[u8]) -> Result<IndexMap<&[u8], usize>, usize> {
    let mut positions = IndexMap::default();
    for (at, line) in text.lines_with_terminator().enumerate() {
        let Some(path) = line.strip_suffix(b"\n") else {
            return Err(at + 1);
        };
        positions.entry(path.strip_suffix(b"\r").unwrap_or(path)).or_insert(at);
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_depends_on_every_byte_and_the_length() {
        let names = ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"];
        let hashes: std::collections::HashSet<u32> =
            names.iter().map(|name| superfast(name.as_bytes())).collect();
        assert_eq!(hashes.len(), names.len());
    }

    #[test]
    fn modules_order_is_parsed() {
        let order = parse_modules_order(b"kernel/b.ko\nkernel/a.ko\nkernel/b.ko\n").unwrap();
        assert_eq!(order[&b"kernel/b.ko"[..]], 0);
        assert_eq!(order[&b"kernel/a.ko"[..]], 1);
        let order = parse_modules_order(b"kernel/b.ko\r\nkernel/a.ko\r\n").unwrap();
        assert_eq!((order[&b"kernel/b.ko"[..]], order[&b"kernel/a.ko"[..]]), (0, 1));
        assert!(parse_modules_order(b"kernel/b.ko\nkernel/a.ko").is_err());
        assert!(parse_modules_order(b"").unwrap().is_empty());
    }
}
