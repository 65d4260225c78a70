//! Lookups in a binary index.
//!
//! Trusts nothing: offsets are checked, walks are bounded by the key or by the size of the file (a damaged file may
//! contain loops), and nothing recurses.

use crate::error::{Cause, FormatError, FormatKind};
use crate::name::fnmatch;

use super::bytes::Data;
use super::node::{self, Children, IndexNode, IndexValue};
use super::pass;
use super::{HEADER_LEN, MAGIC, Match, VERSION_MAJOR};
use crate::formats::source::Source;

type Result<T> = std::result::Result<T, FormatError>;

/// A binary index over the bytes of its file.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    data: Data<'a>,
    /// `None` for an index without entries.
    root: Option<IndexNode<'a>>,
}

impl<'a> Index<'a> {
    /// Does the same as [`Index::over`] for bytes in memory.
    pub fn parse(data: &'a [u8]) -> Result<Self> {
        Self::new(Data::Memory(data))
    }

    /// Opens an index and checks its header.
    ///
    /// Errors: [`FormatKind::NotThisFormat`] for another magic or major version, or a file shorter than the header;
    /// [`FormatKind::Malformed`] for a root outside the file.
    pub fn over(source: &'a dyn Source) -> Result<Self> {
        Self::new(Data::Source(source))
    }

    fn new(data: Data<'a>) -> Result<Self> {
        if data.len() < HEADER_LEN {
            let reason =
                if data.len() == 0 { "the file is empty" } else { "the file is shorter than the header" };
            return Err(FormatError::new(FormatKind::NotThisFormat, reason));
        }
        let mut header = data.from(0);
        let magic = header.be32()?;
        if magic != MAGIC {
            let reason = format!("magic is {magic:x} instead of {MAGIC:x}");
            return Err(FormatError::new(FormatKind::NotThisFormat, reason));
        }
        let major = header.be32()? >> 16;
        if major != u32::from(VERSION_MAJOR) {
            let reason = format!("major version is {major} instead of {VERSION_MAJOR}");
            return Err(FormatError::new(FormatKind::NotThisFormat, reason));
        }
        let reference = header.be32()?;
        Ok(Self { data, root: IndexNode::root(header, reference)? })
    }

    /// Returns the first value stored under exactly `key`.
    pub fn get(&self, key: &[u8]) -> Result<Option<&'a [u8]>> {
        let mut rest = key;
        let mut node = self.root;
        while let Some(current) = node {
            let Some(after) = rest.strip_prefix(current.prefix) else {
                current.check()?;
                return Ok(None);
            };
            let Some((&byte, after)) = after.split_first() else { return current.first_value() };
            rest = after;
            node = current.child(byte)?;
            if node.is_none() {
                current.check()?;
            }
        }
        Ok(None)
    }

    /// Returns every value whose key, as an fnmatch pattern, matches `key`, sorted by priority. Of equal priorities,
    /// the one found last comes first. Duplicates are kept.
    pub fn search(&self, key: &[u8]) -> Result<Vec<Match<'a>>> {
        let mut found = Vec::new();
        self.walk(key, &mut found)?;
        // Reversed first so that the stable sort leaves equal priorities in reverse order of discovery.
        found.reverse();
        found.sort_by_key(|found| found.priority);
        Ok(found)
    }

    /// Follows `key` literally, and searches each subtree on the way that begins with a wildcard.
    fn walk(&self, key: &[u8], found: &mut Vec<Match<'a>>) -> Result<()> {
        let mut rest = key;
        let mut node = self.root;
        while let Some(current) = node {
            for (at, &byte) in current.prefix.iter().enumerate() {
                if is_wild(byte) {
                    return self.subtree(current, &current.prefix[at..], rest, found);
                }
                match rest.split_first() {
                    Some((&head, after)) if head == byte => rest = after,
                    _ => return current.check(),
                }
            }
            for wild in *b"*?[" {
                if let Some(child) = current.child(wild)? {
                    let pattern = [&[wild], child.prefix].concat();
                    self.subtree(child, &pattern, rest, found)?;
                }
            }
            let Some((&byte, after)) = rest.split_first() else { return push_values(&current, found) };
            rest = after;
            node = current.child(byte)?;
            if node.is_none() {
                current.check()?;
            }
        }
        Ok(())
    }

    /// Matches every key at or below `top` against `rest`. `pattern` is the pattern up to and including the prefix of
    /// `top`.
    fn subtree(
        &self,
        top: IndexNode<'a>,
        pattern: &[u8],
        rest: &[u8],
        found: &mut Vec<Match<'a>>,
    ) -> Result<()> {
        self.visit(top, pattern, Order::ChildrenFirst, &mut |pattern, node| {
            if fnmatch(pattern, rest) { push_values(node, found) } else { Ok(()) }
        })
    }

    /// Calls `visit` with each key and value: a node's values in the order of their priorities, then its children by
    /// byte.
    pub fn dump(&self, mut visit: impl FnMut(&[u8], Match<'_>)) -> Result<()> {
        let reference = self.data.from(8).be32()?;
        let mut buffer = Vec::new();
        match (self.root, self.data) {
            (None, _) => Ok(()),
            _ if node::offset(reference) == HEADER_LEN => pass::dump(self.data, reference, visit),
            (Some(root), Data::Memory(_)) => {
                self.visit(root, root.prefix, Order::ValuesFirst, &mut |key, node| {
                    node.values(|value| visit(key, value.into()))
                })
            }
            // This order jumps back and forth in the file, so read the file as a whole first.
            (_, Data::Source(source)) => {
                let bytes = source.window(0, source.size(), &mut buffer).map_err(Cause::into_format_error)?;
                Index::parse(bytes)?.dump(visit)
            }
        }
    }

    /// Visits each node with values at or below `top`. `key` is the key of `top`.
    fn visit(
        &self,
        top: IndexNode<'a>,
        key: &[u8],
        order: Order,
        visit: &mut dyn FnMut(&[u8], &IndexNode<'a>) -> Result<()>,
    ) -> Result<()> {
        let mut key = key.to_vec();
        // In a valid file, every node has bytes of its own and is reached once.
        let mut budget = self.data.len();
        let mut stack = vec![Frame::new(top, key.len())];
        if order == Order::ValuesFirst && top.has_values() {
            visit(&key, &top)?;
        }
        while let Some(frame) = stack.last_mut() {
            key.truncate(frame.key_len);
            if let Some((byte, child)) = frame.children.next(&frame.node)? {
                budget = budget.checked_sub(child.least_size()).ok_or_else(looped)?;
                key.push(byte);
                key.extend_from_slice(child.prefix);
                // Most nodes are leaves, for which the order does not matter.
                let leaf = child.is_leaf();
                if child.has_values() && (leaf || order == Order::ValuesFirst) {
                    visit(&key, &child)?;
                }
                if !leaf {
                    stack.push(Frame::new(child, key.len()));
                }
            } else {
                if order == Order::ChildrenFirst && frame.node.has_values() {
                    visit(&key, &frame.node)?;
                }
                stack.pop();
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    ValuesFirst,
    ChildrenFirst,
}

/// A node on the path to the current one, and its remaining children.
struct Frame<'a> {
    node: IndexNode<'a>,
    key_len: usize,
    children: Children<'a>,
}

impl<'a> Frame<'a> {
    fn new(node: IndexNode<'a>, key_len: usize) -> Self {
        Self { node, key_len, children: node.children() }
    }
}

impl<'a> From<IndexValue<'a>> for Match<'a> {
    fn from(value: IndexValue<'a>) -> Self {
        Self { priority: value.priority, value: value.bytes }
    }
}

fn push_values<'a>(node: &IndexNode<'a>, found: &mut Vec<Match<'a>>) -> Result<()> {
    node.values(|value| found.push(value.into()))
}

fn is_wild(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[')
}

fn looped() -> FormatError {
    FormatError::malformed("the nodes form a loop")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
