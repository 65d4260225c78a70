//! One node of a binary index, decoded in place with every access checked.
//!
//! Owns the consistency checks that the position of a node allows. Writers leave no gaps. oxmod's depmod, and kmod's
//! since version 34, write a node before its children, which follow in order, so a node ends where its first child
//! begins, and a node without children ends where the next child of an ancestor begins. Older versions write the
//! children first; in their files only the order of the children can be checked. These checks detect a wrong byte in a
//! length, a count, an offset or a flag, but not one in a key, a value or a priority.

use crate::error::FormatError;

use super::bytes::{Cursor, outside};
use super::{FLAG_CHILDREN, FLAG_PREFIX, FLAG_RESERVED, FLAG_VALUES, HEADER_LEN, OFFSET_MASK};

type Result<T> = std::result::Result<T, FormatError>;

/// The limit of a node in a file whose child nodes precede their parents.
const UNKNOWN: usize = usize::MAX;

/// The reference that does not point to a node.
pub(super) const NULL: [u8; 4] = [0; 4];

/// A view of one node. Does not copy any bytes.
#[derive(Clone, Copy)]
pub(super) struct IndexNode<'a> {
    /// The bytes that follow in every key at or below this node.
    pub(super) prefix: &'a [u8],
    first: u8,
    /// The references of the child range.
    children: &'a [[u8; 4]],
    /// The position after everything except the values: that of the first value, if there is one.
    rest: Cursor<'a>,
    values: u32,
    /// The offset at which the node and everything below it ends, or [`UNKNOWN`].
    limit: usize,
}

/// A value with its priority (lower comes first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexValue<'a> {
    pub(super) priority: u32,
    pub(super) bytes: &'a [u8],
}

impl<'a> IndexNode<'a> {
    /// Decodes the node that the header points to, with the reference that ends at `place`; `None` for an index without
    /// entries.
    #[inline]
    pub(super) fn root(place: Cursor<'a>, reference: u32) -> Result<Option<Self>> {
        let (data, at) = (place.data, offset(reference));
        // The header alone is an empty index, with either root reference.
        if data.len() == HEADER_LEN && (reference == 0 || reference as usize == HEADER_LEN) {
            return Ok(None);
        }
        if at == place.at {
            return Self::at(place, reference, data.len()).map(Some);
        }
        let root = Self::at(data.from(at), reference, UNKNOWN)?;
        // The root was written last.
        if root.end()? == data.len() { Ok(Some(root)) } else { Err(misplaced()) }
    }

    /// Decodes the node at `place`, which `reference` points to. The node and everything below it ends at `limit`.
    fn at(place: Cursor<'a>, reference: u32, limit: usize) -> Result<Self> {
        check_flags(reference)?;
        let size = place.data.len();
        if place.at >= size {
            return Err(outside());
        }
        let mut node = Self { prefix: &[], first: 0, children: &[], rest: place, values: 0, limit };
        if reference & FLAG_PREFIX != 0 {
            node.prefix = node.rest.c_string()?;
        }
        if reference & FLAG_CHILDREN != 0 {
            let &[first, last] = node.rest.take(2)? else { return Err(outside()) };
            node.first = first;
            (node.children, _) = node.rest.take(width(first, last)?)?.as_chunks();
            check_ends(node.children)?;
        }
        if reference & FLAG_VALUES != 0 {
            node.values = node.rest.be32()?;
            check_count(node.values, size - node.rest.at)?;
        }
        match node.children.first() {
            Some(child) if limit != UNKNOWN && offset_of(*child) != node.end()? => Err(misplaced()),
            _ => Ok(node),
        }
    }

    /// Returns the child that consumes `byte`, if there is one.
    pub(super) fn child(&self, byte: u8) -> Result<Option<Self>> {
        let index = usize::from(byte.wrapping_sub(self.first));
        let Some((before, [reference, after @ ..])) = self.children.split_at_checked(index) else {
            return Ok(None);
        };
        if *reference == NULL {
            return Ok(None);
        }
        let previous = before.iter().rev().find(|other| **other != NULL).unwrap_or(&NULL);
        let next = after.iter().find(|other| **other != NULL).unwrap_or(&NULL);
        self.between(*previous, *reference, *next).map(Some)
    }

    /// Decodes the child for `reference`. `previous` and `next` are the references of the children for the next smaller
    /// and the next larger byte.
    fn between(&self, previous: [u8; 4], reference: [u8; 4], next: [u8; 4]) -> Result<Self> {
        let reference = u32::from_be_bytes(reference);
        let (data, at) = (self.rest.data, offset(reference));
        if self.limit == UNKNOWN {
            return Self::at(data.from(at), reference, UNKNOWN);
        }
        let limit = if next == NULL { self.limit } else { offset_of(next) };
        let begin = if previous == NULL { self.rest.at } else { offset_of(previous) + 1 };
        if at < begin || at >= limit {
            return Err(misplaced());
        }
        // The children follow the values, and the last node below a child ends with a value, so with a NUL.
        let mut place = data.from(at - 1);
        if place.take(1)? != [0] && previous != NULL {
            return Err(misplaced());
        }
        Self::at(place, reference, limit)
    }

    /// Returns the offset of the end of the node itself, without the nodes below it.
    fn end(&self) -> Result<usize> {
        let mut rest = self.rest;
        for _ in 0..self.values {
            rest.take(4)?;
            rest.c_string()?;
        }
        Ok(rest.at)
    }

    /// Returns an iterator over the children and the bytes that they consume.
    pub(super) fn children(&self) -> Children<'a> {
        Children { previous: NULL, byte: self.first, references: self.children }
    }

    /// Calls `visit` with each value, in the order of their priorities.
    pub(super) fn values(&self, mut visit: impl FnMut(IndexValue<'a>)) -> Result<()> {
        let mut rest = self.rest;
        for _ in 0..self.values {
            let priority = rest.be32()?;
            let bytes = rest.c_string()?;
            visit(IndexValue { priority, bytes });
        }
        let end = self.children.first().map_or(self.limit, |child| offset_of(*child));
        if rest.at == end || self.limit == UNKNOWN { Ok(()) } else { Err(misplaced()) }
    }

    /// Verifies that a leaf is valid before a search ends here without a result. Nodes with children were verified when
    /// they were decoded.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_leaf() { self.values(|_| ()) } else { Ok(()) }
    }

    /// Returns the value with the lowest priority.
    pub(super) fn first_value(&self) -> Result<Option<&'a [u8]>> {
        let mut first = None;
        if self.values > 0 {
            self.values(|value| first = first.or(Some(value.bytes)))?;
        }
        Ok(first)
    }

    /// A lower bound on the number of bytes that this node takes in the file; at least 1.
    pub(super) fn least_size(&self) -> usize {
        1 + self.prefix.len() + self.values as usize
    }

    /// Whether no key continues from here.
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// Whether any key ends here.
    pub(super) fn has_values(&self) -> bool {
        self.values > 0
    }
}

/// An iterator over the remaining children of a node.
#[derive(Clone, Copy)]
pub(super) struct Children<'a> {
    /// The reference before the first of the remaining ones.
    previous: [u8; 4],
    /// The byte that the first remaining reference is for.
    byte: u8,
    /// The remaining references. The first one points to a node.
    references: &'a [[u8; 4]],
}

impl<'a> Children<'a> {
    /// Returns the next child of `parent`, which must be the node of this iterator, and its byte.
    pub(super) fn next(&mut self, parent: &IndexNode<'a>) -> Result<Option<(u8, IndexNode<'a>)>> {
        let Some((reference, rest)) = self.references.split_first() else { return Ok(None) };
        let byte = self.byte;
        let rest = self.skip(rest);
        let child = parent.between(self.previous, *reference, *rest.first().unwrap_or(&NULL))?;
        self.previous = *reference;
        self.references = rest;
        Ok(Some((byte, child)))
    }

    /// Skips the null references at the start and advances the byte accordingly.
    fn skip(&mut self, mut references: &'a [[u8; 4]]) -> &'a [[u8; 4]] {
        // Does not exceed 0x80, where every child range ends.
        self.byte = self.byte.wrapping_add(1);
        // Ranges are sparse: skip four references at a time as long as they are all null.
        while let Some((four, rest)) = references.split_first_chunk::<4>() {
            if *four != [NULL; 4] {
                break;
            }
            references = rest;
            self.byte = self.byte.wrapping_add(4);
        }
        while let Some((reference, rest)) = references.split_first()
            && *reference == NULL
        {
            references = rest;
            self.byte = self.byte.wrapping_add(1);
        }
        references
    }
}

/// Checks the flags of a reference. A node without children and values is invalid, since no writer makes one.
pub(super) fn check_flags(reference: u32) -> Result<()> {
    if reference & (FLAG_CHILDREN | FLAG_VALUES) == 0 || reference & FLAG_RESERVED != 0 {
        return Err(FormatError::malformed("a node has invalid flags"));
    }
    Ok(())
}

/// Returns the number of bytes that the references of a child range take.
pub(super) fn width(first: u8, last: u8) -> Result<usize> {
    if first > last || last >= 0x80 {
        Err(impossible_range())
    } else {
        Ok((usize::from(last - first) + 1) * 4)
    }
}

/// Checks that a child range is no wider than necessary.
pub(super) fn check_ends(children: &[[u8; 4]]) -> Result<()> {
    if children.first() == Some(&NULL) || children.last() == Some(&NULL) {
        return Err(impossible_range());
    }
    Ok(())
}

/// Checks the number of values of a node whose flags say that it has values. Each value takes at least five of the
/// `room` bytes; this bounds the count before the values are read.
pub(super) fn check_count(values: u32, room: usize) -> Result<()> {
    if values == 0 || u64::from(values) * 5 > room as u64 { Err(outside()) } else { Ok(()) }
}

pub(super) fn offset(reference: u32) -> usize {
    (reference & OFFSET_MASK) as usize
}

fn offset_of(reference: [u8; 4]) -> usize {
    offset(u32::from_be_bytes(reference))
}

fn impossible_range() -> FormatError {
    FormatError::malformed("a node has an invalid child range")
}

pub(super) fn misplaced() -> FormatError {
    FormatError::malformed("the nodes are not contiguous")
}
