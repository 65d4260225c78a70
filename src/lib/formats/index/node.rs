//! One node of a binary index, decoded in place with every access checked.
//!
//! Owns what can be told about a node from where it lies. Writers leave no gaps: depmod here, and kmod's since 34, write
//! a node and behind it its children in their order, so that a node ends where its first child begins, and one without
//! children where the next child of an ancestor does. Older ones write the children first; of their files only the
//! order of children is known. A wrong byte in a length, a count, an offset or a flag breaks this; one in a
//! key, a value or a priority does not.

use crate::error::FormatError;

use super::bytes::Cursor;
use super::{FLAG_CHILDREN, FLAG_PREFIX, FLAG_RESERVED, FLAG_VALUES, HEADER_LEN, OFFSET_MASK};

type Result<T> = std::result::Result<T, FormatError>;

/// The limit of a node in a file whose nodes come before their parents.
const UNKNOWN: usize = usize::MAX;

/// The reference that leads nowhere.
pub(super) const NULL: [u8; 4] = [0; 4];

/// A view of one node. Nothing is copied.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    /// The bytes that every key below this node continues with.
    pub(super) prefix: &'a [u8],
    first: u8,
    /// The references of the child range.
    children: &'a [[u8; 4]],
    /// The place behind all but the values: of the first value, where there is one.
    rest: Cursor<'a>,
    values: u32,
    /// Offset at which the node and all below it end, or [`UNKNOWN`].
    limit: usize,
}

/// A value with its priority (lower comes first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) priority: u32,
    pub(super) bytes: &'a [u8],
}

impl<'a> Node<'a> {
    /// The node that the header leads to, by a reference that ends at `place`; `None` in an index without entries.
    #[inline]
    pub(super) fn root(place: Cursor<'a>, reference: u32) -> Result<Option<Self>> {
        let (data, at) = (place.data, offset(reference));
        // That of no index with anything behind its header.
        if data.len() == HEADER_LEN && (reference == 0 || reference as usize == HEADER_LEN) {
            return Ok(None);
        }
        if at == place.at {
            return Self::at(place, reference, data.len()).map(Some);
        }
        let root = Self::at(data.from(at), reference, UNKNOWN)?;
        // Written last.
        if root.end()? == data.len() { Ok(Some(root)) } else { Err(misplaced()) }
    }

    /// Decodes the node at `place`, to which `reference` leads, and which with all below it ends at `limit`.
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

    /// The child that consumes `byte`, if there is one.
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

    /// Decodes the child of this reference, whose neighbours are those of the next smaller and the next larger
    /// byte.
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
        // Behind the values come the children, and a child's last node ends with a value.
        let mut place = data.from(at - 1);
        if place.take(1)? != [0] && previous != NULL {
            return Err(misplaced());
        }
        Self::at(place, reference, limit)
    }

    /// Where the node itself ends, without what is below it.
    fn end(&self) -> Result<usize> {
        let mut rest = self.rest;
        for _ in 0..self.values {
            rest.take(4)?;
            rest.c_string()?;
        }
        Ok(rest.at)
    }

    /// The children, each with the byte that it consumes.
    pub(super) fn children(&self) -> Children<'a> {
        Children { previous: NULL, byte: self.first, references: self.children }
    }

    /// Calls `visit` with each value in priority order.
    pub(super) fn values(&self, mut visit: impl FnMut(Value<'a>)) -> Result<()> {
        let mut rest = self.rest;
        for _ in 0..self.values {
            let priority = rest.be32()?;
            let bytes = rest.c_string()?;
            visit(Value { priority, bytes });
        }
        let end = self.children.first().map_or(self.limit, |child| offset_of(*child));
        if rest.at == end || self.limit == UNKNOWN { Ok(()) } else { Err(misplaced()) }
    }

    /// Makes sure, before nothing is found here, that this is a node: of one with children that is known.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_leaf() { self.values(|_| ()) } else { Ok(()) }
    }

    /// The value of lowest priority.
    pub(super) fn first_value(&self) -> Result<Option<&'a [u8]>> {
        let mut first = None;
        if self.values > 0 {
            self.values(|value| first = first.or(Some(value.bytes)))?;
        }
        Ok(first)
    }

    /// A lower bound of the bytes that this node takes in the file; at least 1.
    pub(super) fn least_size(&self) -> usize {
        1 + self.prefix.len() + self.values as usize
    }

    /// Whether no key goes on from here.
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// Whether any key ends here.
    pub(super) fn has_values(&self) -> bool {
        self.values > 0
    }
}

/// What is left of a node's children.
#[derive(Clone, Copy)]
pub(super) struct Children<'a> {
    /// The reference before the first of these.
    previous: [u8; 4],
    /// What the first of the references consumes.
    byte: u8,
    /// The first of them leads somewhere.
    references: &'a [[u8; 4]],
}

impl<'a> Children<'a> {
    /// The next child of this node that there is.
    pub(super) fn next(&mut self, parent: &Node<'a>) -> Result<Option<(u8, Node<'a>)>> {
        let Some((reference, rest)) = self.references.split_first() else { return Ok(None) };
        let byte = self.byte;
        let rest = self.skip(rest);
        let child = parent.between(self.previous, *reference, *rest.first().unwrap_or(&NULL))?;
        self.previous = *reference;
        self.references = rest;
        Ok(Some((byte, child)))
    }

    /// Passes over the references that lead nowhere, and counts them.
    fn skip(&mut self, mut references: &'a [[u8; 4]]) -> &'a [[u8; 4]] {
        // Never beyond 0x80: a range of children ends there.
        self.byte = self.byte.wrapping_add(1);
        // Ranges are sparse: four references at a time as long as none of them leads anywhere.
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

/// Not even the flags of an empty node make sense: whoever writes one has something to put into it.
pub(super) fn check_flags(reference: u32) -> Result<()> {
    if reference & (FLAG_CHILDREN | FLAG_VALUES) == 0 || reference & FLAG_RESERVED != 0 {
        return Err(FormatError::malformed("a node has impossible flags"));
    }
    Ok(())
}

/// How many bytes the references of a range of children take.
pub(super) fn width(first: u8, last: u8) -> Result<usize> {
    if first > last || last >= 0x80 {
        Err(impossible_range())
    } else {
        Ok((usize::from(last - first) + 1) * 4)
    }
}

/// A range is no wider than it need be.
pub(super) fn check_ends(children: &[[u8; 4]]) -> Result<()> {
    if children.first() == Some(&NULL) || children.last() == Some(&NULL) {
        return Err(impossible_range());
    }
    Ok(())
}

/// Each value takes at least five bytes, of which there are `room`: this bounds the count before anyone loops over it.
/// The flag is for nodes that have some.
pub(super) fn check_count(values: u32, room: usize) -> Result<()> {
    if values == 0 || u64::from(values) * 5 > room as u64 { Err(outside()) } else { Ok(()) }
}

pub(super) fn offset(reference: u32) -> usize {
    (reference & OFFSET_MASK) as usize
}

fn offset_of(reference: [u8; 4]) -> usize {
    offset(u32::from_be_bytes(reference))
}

pub(super) fn outside() -> FormatError {
    FormatError::malformed("a node reaches beyond the end of the file")
}

fn impossible_range() -> FormatError {
    FormatError::malformed("a node has an impossible range of children")
}

pub(super) fn misplaced() -> FormatError {
    FormatError::malformed("the nodes do not lie one behind the other")
}
