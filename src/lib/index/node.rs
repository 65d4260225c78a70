//! One node of a binary index, decoded in place with every access checked.

use crate::error::FormatError;

use super::bytes::Data;
use super::{FLAG_CHILDREN, FLAG_PREFIX, FLAG_VALUES, OFFSET_MASK};

type Result<T> = std::result::Result<T, FormatError>;

/// A view of one node. Nothing is copied.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    data: Data<'a>,
    /// The bytes that every key below this node continues with.
    pub(super) prefix: &'a [u8],
    first: u8,
    /// The references of the child range, four bytes each.
    children: &'a [u8],
    /// Offset of the first value; `values` of them follow.
    values_at: usize,
    values: u32,
}

/// A value with its priority (lower comes first).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) priority: u32,
    pub(super) bytes: &'a [u8],
}

impl<'a> Node<'a> {
    /// Decodes the node that `reference` points to; `None` for the null reference.
    // Inlined, a dump need not copy each node from hand to hand: a fifth of its time.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn at(data: Data<'a>, reference: u32) -> Result<Option<Self>> {
        let mut at = (reference & OFFSET_MASK) as usize;
        if at == 0 {
            return Ok(None);
        }
        if at > data.len() || (at == data.len() && reference & !OFFSET_MASK != 0) {
            return Err(outside());
        }
        let mut node = Self { data, prefix: &[], first: 0, children: &[], values_at: 0, values: 0 };
        if reference & FLAG_PREFIX != 0 {
            node.prefix = data.c_string(at)?;
            at += node.prefix.len() + 1;
        }
        if reference & FLAG_CHILDREN != 0 {
            let &[first, last] = data.range(at, 2)? else { return Err(outside()) };
            if first > last || last >= 0x80 {
                return Err(FormatError::malformed("a node has an impossible range of children"));
            }
            let len = (usize::from(last - first) + 1) * 4;
            node.first = first;
            node.children = data.range(at + 2, len)?;
            at += 2 + len;
        }
        if reference & FLAG_VALUES != 0 {
            node.values = data.be32(at)?;
            node.values_at = at + 4;
            // Each value takes at least five bytes, which bounds the count before anyone loops over it.
            if u64::from(node.values) * 5 > (data.len() - node.values_at) as u64 {
                return Err(outside());
            }
        }
        Ok(Some(node))
    }

    /// The child that consumes `byte`, if there is one.
    pub(super) fn child(&self, byte: u8) -> Result<Option<Self>> {
        match self.reference(byte) {
            0 => Ok(None),
            reference => Self::at(self.data, reference),
        }
    }

    /// The children, each with the byte that it consumes.
    pub(super) fn children(&self) -> Children<'a> {
        Children { data: self.data, byte: self.first, references: self.children }
    }

    fn reference(&self, byte: u8) -> u32 {
        byte.checked_sub(self.first)
            .and_then(|index| self.children.get(usize::from(index) * 4..)?.first_chunk())
            .map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// Calls `visit` with each value in priority order.
    pub(super) fn values(&self, mut visit: impl FnMut(Value<'a>)) -> Result<()> {
        let mut at = self.values_at;
        for _ in 0..self.values {
            let priority = self.data.be32(at)?;
            let bytes = self.data.c_string(at + 4)?;
            at += 4 + bytes.len() + 1;
            visit(Value { priority, bytes });
        }
        Ok(())
    }

    /// The value of lowest priority.
    pub(super) fn first_value(&self) -> Result<Option<&'a [u8]>> {
        if self.values == 0 { Ok(None) } else { self.data.c_string(self.values_at + 4).map(Some) }
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
    data: Data<'a>,
    /// What the first of the references consumes.
    byte: u8,
    references: &'a [u8],
}

impl<'a> Children<'a> {
    /// The next child that there is.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(super) fn next(&mut self) -> Result<Option<(u8, Node<'a>)>> {
        // Ranges are sparse: four references at a time as long as none of them leads anywhere.
        while let Some((references, rest)) = self.references.split_first_chunk() {
            if u128::from_ne_bytes(*references) != 0 {
                break;
            }
            self.references = rest;
            self.byte = self.byte.wrapping_add(4);
        }
        while let Some((reference, rest)) = self.references.split_first_chunk() {
            let byte = self.byte;
            self.references = rest;
            // Never beyond 0x7f: a range of children ends there.
            self.byte = byte.wrapping_add(1);
            let reference = u32::from_be_bytes(*reference);
            if reference != 0 {
                return Ok(Node::at(self.data, reference)?.map(|child| (byte, child)));
            }
        }
        Ok(None)
    }
}

pub(super) fn outside() -> FormatError {
    FormatError::malformed("a node reaches beyond the end of the file")
}
