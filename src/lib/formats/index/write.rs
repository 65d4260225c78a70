//! The writer of binary indexes.
//!
//! The trie is never built in memory. The sorted entries determine every node, so nodes are written straight from
//! slices of the sorted list, parents before children, and the references of a parent are filled in when the offsets of
//! its children are known.

use super::{
    FLAG_CHILDREN, FLAG_PREFIX, FLAG_VALUES, HEADER_LEN, MAGIC, OFFSET_MASK, VERSION_MAJOR, VERSION_MINOR,
};
use crate::error::{FormatError, FormatKind};

/// Collects the entries of an index. Borrows keys and values.
#[derive(Debug, Default)]
pub struct IndexBuilder<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry<'a> {
    key: &'a [u8],
    value: &'a [u8],
    priority: u32,
    sequence: u32,
}

/// A key or value that an index cannot represent because it has a NUL or a byte above 0x7f.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad character 0x{byte:x}: only 7-bit ASCII is supported")]
pub struct BadCharacter {
    /// The offending byte.
    pub byte: u8,
}

/// A node to be written at an offset that is not known yet: the entries that share their first `depth` bytes.
struct Pending {
    start: usize,
    end: usize,
    depth: usize,
    /// The offset at which the reference to this node is stored.
    slot: usize,
}

impl<'a> IndexBuilder<'a> {
    /// Adds `value` under `key`. The values of a key are ordered by ascending `priority`, the newest first among
    /// equals. Duplicates are kept.
    pub fn insert(&mut self, key: &'a [u8], value: &'a [u8], priority: u32) -> Result<(), BadCharacter> {
        if let Some(&byte) = key.iter().chain(value).find(|&&byte| byte == 0 || byte >= 0x80) {
            return Err(BadCharacter { byte });
        }
        // More entries than this do not fit the 28 bits of a reference anyway, so `write` fails.
        let sequence = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { key, value, priority, sequence });
        Ok(())
    }

    /// Returns the contents of the index file.
    ///
    /// Errors: [`FormatKind::Limit`] if the file would exceed the format's limit of 256 MiB.
    pub fn write(mut self) -> Result<Vec<u8>, FormatError> {
        self.entries
            .sort_unstable_by(|a, b| (a.key, a.priority, b.sequence).cmp(&(b.key, b.priority, a.sequence)));
        let mut out = Vec::with_capacity(self.entries.len() * 48 + HEADER_LEN);
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&VERSION_MAJOR.to_be_bytes());
        out.extend_from_slice(&VERSION_MINOR.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        let mut pending = vec![Pending { start: 0, end: self.entries.len(), depth: 0, slot: HEADER_LEN - 4 }];
        while let Some(node) = pending.pop() {
            let entries = &self.entries[node.start..node.end];
            let reference = write_node(&mut out, entries, &node, &mut pending)?;
            out[node.slot..node.slot + 4].copy_from_slice(&reference.to_be_bytes());
        }
        Ok(out)
    }
}

/// Appends one node and queues its children, the first one on top. Returns the reference to the node.
fn write_node(
    out: &mut Vec<u8>,
    entries: &[Entry<'_>],
    node: &Pending,
    pending: &mut Vec<Pending>,
) -> Result<u32, FormatError> {
    let mut reference = u32::try_from(out.len())
        .ok()
        .filter(|offset| *offset <= OFFSET_MASK)
        .ok_or_else(|| FormatError::new(FormatKind::Limit, "the index is larger than 256 MiB"))?;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(reference) };
    // The entries are sorted, so a prefix of both the first and the last key is a prefix of all. The root never has a
    // prefix, even if it has only one child, as in kmod's files.
    let is_root = node.depth == 0;
    let shared = if is_root { 0 } else { common_prefix(&first.key[node.depth..], &last.key[node.depth..]) };
    let depth = node.depth + shared;
    if shared > 0 {
        reference |= FLAG_PREFIX;
        out.extend_from_slice(&first.key[node.depth..depth]);
        out.push(0);
    }
    // The keys that end here sort before longer ones.
    let ending = entries.partition_point(|entry| entry.key.len() == depth);
    let (values, below) = entries.split_at(ending);
    if let (Some(low), Some(high)) = (below.first(), below.last()) {
        reference |= FLAG_CHILDREN;
        write_children(out, (low.key[depth], high.key[depth]), below, node.start + ending, depth, pending);
    }
    if !values.is_empty() {
        reference |= FLAG_VALUES;
        out.extend_from_slice(&u32::try_from(values.len()).unwrap_or(u32::MAX).to_be_bytes());
        for entry in values {
            out.extend_from_slice(&entry.priority.to_be_bytes());
            out.extend_from_slice(entry.value);
            out.push(0);
        }
    }
    Ok(reference)
}

/// Appends the child range with null references, and queues each child with the offset of its reference.
fn write_children(
    out: &mut Vec<u8>,
    (first, last): (u8, u8),
    below: &[Entry<'_>],
    base: usize,
    depth: usize,
    pending: &mut Vec<Pending>,
) {
    out.extend_from_slice(&[first, last]);
    let slots = out.len();
    out.resize(slots + (usize::from(last - first) + 1) * 4, 0);
    let queued = pending.len();
    let mut start = 0;
    while let Some(entry) = below.get(start) {
        let byte = entry.key[depth];
        let count = below[start..].partition_point(|entry| entry.key[depth] == byte);
        pending.push(Pending {
            start: base + start,
            end: base + start + count,
            depth: depth + 1,
            slot: slots + usize::from(byte - first) * 4,
        });
        start += count;
    }
    pending[queued..].reverse();
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
