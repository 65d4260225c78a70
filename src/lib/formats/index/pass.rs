//! A dump of a binary index in one pass over the file.
//!
//! If the writer stored the nodes in the order of their keys (see [`node`](super::node)), the file has the entries in
//! the order of the dump. One pass through a small window then suffices: no byte is read or examined twice, and each
//! reference must point to the end of the previous node.

use super::bytes::{Data, find_nul, first_zero, outside};
use super::node::{self, NULL};
use super::{FLAG_CHILDREN, FLAG_PREFIX, FLAG_VALUES, HEADER_LEN, Match};
use crate::error::FormatError;

type Result<T> = std::result::Result<T, FormatError>;

/// The number of bytes added to the key buffer when it is too small.
const ROOM: usize = 256;

/// Calls `visit` with each key and value of an index whose root, the node of `reference`, follows the header.
// Not inlined: in its caller, the loop would have fewer registers.
#[inline(never)]
pub(super) fn dump(data: Data<'_>, reference: u32, mut visit: impl FnMut(&[u8], Match<'_>)) -> Result<()> {
    let mut pass = Pass::new(reference, data.len());
    let mut buffer = Vec::new();
    let mut offset = HEADER_LEN;
    let mut least = 1;
    loop {
        let window = data.window(offset, least, &mut buffer)?;
        let window = window.get(..data.len() - offset).unwrap_or(window);
        let taken = pass.take(window, offset, &mut visit)?;
        if pass.is_done() {
            return if offset + taken == data.len() { Ok(()) } else { Err(node::misplaced()) };
        }
        if window.len() < least || window.len() >= data.len() - offset {
            return Err(outside());
        }
        offset += taken;
        least = (window.len() - taken) * 2 + 1;
    }
}

/// The progress of a pass.
struct Pass {
    /// The key of the last node, after a placeholder for the byte that would lead to the root; may be longer than the
    /// key.
    key: Vec<u8>,
    /// The length of the key, including the placeholder.
    len: usize,
    /// The nodes that have not been read yet, the next one last.
    pending: Vec<Pending>,
    /// The number of values of the last node that have not been read yet.
    values: u32,
    /// The size of the file.
    size: usize,
}

/// A node that has not been read yet, as its parent describes it.
struct Pending {
    reference: u32,
    /// The byte that follows the parent's key.
    byte: u8,
    /// The length of [`Pass::key`] before that byte.
    depth: usize,
}

/// The part of a node after its prefix and before its values.
struct Below<'a> {
    first: u8,
    children: &'a [[u8; 4]],
    values: u32,
}

impl Pass {
    fn new(reference: u32, size: usize) -> Self {
        let root = Pending { reference, byte: 0, depth: 0 };
        Self { key: Vec::new(), len: 0, pending: vec![root], values: 0, size }
    }

    fn is_done(&self) -> bool {
        self.values == 0 && self.pending.is_empty()
    }

    /// Consumes the items that are complete in `window`, which begins at `offset` of the file. Returns the number of
    /// bytes consumed.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn take(
        &mut self,
        window: &[u8],
        offset: usize,
        visit: &mut impl FnMut(&[u8], Match<'_>),
    ) -> Result<usize> {
        let mut rest = window;
        loop {
            while self.values > 0 {
                let Some((found, after)) = value(rest) else { return Ok(window.len() - rest.len()) };
                visit(self.key.get(1..self.len).unwrap_or_default(), found);
                self.values -= 1;
                rest = after;
            }
            let taken = window.len() - rest.len();
            let Some(next) = self.pending.last() else { return Ok(taken) };
            if node::offset(next.reference) != offset + taken {
                return Err(node::misplaced());
            }
            let Some(after) = self.enter(rest, self.size - offset - taken)? else { return Ok(taken) };
            rest = after;
        }
    }

    /// Reads the last of the pending nodes, which is at the start of `bytes`, up to its values. Returns the bytes from
    /// the values on; `None` if `bytes` does not reach that far. `size` bytes are left in the file.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn enter<'a>(&mut self, bytes: &'a [u8], size: usize) -> Result<Option<&'a [u8]>> {
        let Some(&Pending { reference, byte, depth }) = self.pending.last() else { return Ok(None) };
        node::check_flags(reference)?;
        match self.key.get_mut(depth) {
            Some(place) => *place = byte,
            None => put_at_end(&mut self.key, depth, [byte; 8]),
        }
        self.len = depth + 1;
        let mut rest = bytes;
        if reference & FLAG_PREFIX != 0 {
            let Some(len) = copy_prefix(bytes, &mut self.key, self.len) else { return Ok(None) };
            let Some(after) = bytes.get(len + 1..) else { return Ok(None) };
            self.len += len;
            rest = after;
        }
        let Some((below, after)) = below(reference, rest, size - (bytes.len() - rest.len()))? else {
            return Ok(None);
        };
        self.pending.pop();
        self.values = below.values;
        self.queue(&below);
        Ok(Some(after))
    }

    /// Queues the children of the last node before all other pending nodes.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn queue(&mut self, below: &Below<'_>) {
        let depth = self.len;
        let mut references = below.children;
        while let Some((reference, rest)) = references.split_last() {
            references = rest;
            if *reference != NULL {
                // Below 0x80, where every child range ends.
                let byte = below.first.wrapping_add(u8::try_from(rest.len()).unwrap_or(0));
                self.pending.push(Pending { reference: u32::from_be_bytes(*reference), byte, depth });
            }
            // Ranges are sparse: skip four references at a time as long as they are all null.
            while let Some((rest, four)) = references.split_last_chunk::<4>()
                && *four == [NULL; 4]
            {
                references = rest;
            }
        }
    }
}

/// Reads the part of a node after its prefix and before its values, at the start of `bytes`. Returns it and the
/// remaining bytes; `None` if `bytes` does not reach that far. `size` bytes are left in the file.
#[inline(always)]
#[allow(clippy::inline_always)]
fn below(reference: u32, bytes: &[u8], size: usize) -> Result<Option<(Below<'_>, &[u8])>> {
    let mut rest = bytes;
    let mut below = Below { first: 0, children: &[], values: 0 };
    if reference & FLAG_CHILDREN != 0 {
        let Some((&[first, last], after)) = rest.split_first_chunk() else { return Ok(None) };
        let Some((children, after)) = after.split_at_checked(node::width(first, last)?) else {
            return Ok(None);
        };
        below.first = first;
        (below.children, _) = children.as_chunks();
        node::check_ends(below.children)?;
        rest = after;
    }
    if reference & FLAG_VALUES != 0 {
        let Some((count, after)) = rest.split_first_chunk() else { return Ok(None) };
        below.values = u32::from_be_bytes(*count);
        node::check_count(below.values, size - (bytes.len() - after.len()))?;
        rest = after;
    }
    Ok(Some((below, rest)))
}

/// Copies the bytes up to the first NUL to offset `at` of `to`, possibly with some that follow, and returns their
/// number without the latter. `None` if `bytes` does not contain the NUL and seven bytes after it; a prefix is always
/// followed by that many.
#[inline(always)]
#[allow(clippy::inline_always)]
fn copy_prefix(bytes: &[u8], to: &mut Vec<u8>, at: usize) -> Option<usize> {
    // Searched and copied in one loop: most prefixes are so short that a call for either would cost more.
    let mut len = 0;
    for word in bytes.as_chunks().0 {
        match to.get_mut(at + len..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => *room = *word,
            None => put_at_end(to, at + len, *word),
        }
        match first_zero(*word) {
            Some(end) => return Some(len + end),
            None => len += word.len(),
        }
    }
    None
}

/// Stores eight bytes at offset `at`, where the buffer is too short.
#[cold]
fn put_at_end(to: &mut Vec<u8>, at: usize, word: [u8; 8]) {
    to.resize(at, 0);
    to.extend_from_slice(&word);
    to.resize(at + ROOM, 0);
}

/// Reads the value at the start of `bytes`. Returns it and the remaining bytes; `None` if `bytes` does not reach that far.
#[inline(always)]
#[allow(clippy::inline_always)]
fn value(bytes: &[u8]) -> Option<(Match<'_>, &[u8])> {
    let (priority, text) = bytes.split_first_chunk()?;
    let (value, rest) = c_string(text)?;
    Some((Match { priority: u32::from_be_bytes(*priority), value }, rest))
}

/// Splits at the first NUL, which is in neither part.
#[inline(always)]
#[allow(clippy::inline_always)]
fn c_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(find_nul(bytes)?)?;
    Some((text, rest.get(1..)?))
}
