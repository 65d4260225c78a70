//! The search for modules whose pattern matches a modalias.
//!
//! All paths through the tree are followed simultaneously, byte by byte, without backtracking. So the work is at most
//! the length of the modalias times the number of nodes, whatever the patterns are.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

use super::MAX_DEPTH;
use super::message::Kind;
use super::wire::{self, WireFields, WireValue, wrong_wire_type};

type Result<T> = std::result::Result<T, FormatError>;

/// The maximum number of comparisons of a node with a byte. Searches in real trees take a few thousand.
const MOST_STEPS: usize = 1 << 26;

/// The maximum number of unknown fields before the children of a node.
const MOST_STRANGE: usize = 64;

/// Returns the positions of the modules with a pattern in one of the `trees` that matches `key`, in order and without
/// duplicates. `key` is a normalised modalias. A `-` in a literal matches `_`; a `-` that is still in the key, inside
/// brackets, does not.
///
/// Errors: malformed for an invalid tree; limit for a tree that is too deep or a search that takes too long.
pub fn search(source: &dyn Source, trees: &[Range<usize>], key: &[u8]) -> Result<Vec<u32>> {
    let mut search = Search::default();
    for tree in trees {
        search.reached.push(TreeNode::root(source, tree)?);
    }
    for at in 0..=key.len() {
        search.enter_all(key.get(at).copied())?;
    }
    search.found.sort_unstable();
    search.found.dedup();
    Ok(search.found)
}

/// A node of the tree, decoded in place.
#[derive(Clone, Copy)]
pub(super) struct TreeNode<'a> {
    pub(super) kind: Kind,
    pub(super) literal: &'a [u8],
    pub(super) low: u64,
    pub(super) high: u64,
    /// The fields after these: children and modules.
    rest: WireFields<'a>,
    depth: usize,
}

impl<'a> TreeNode<'a> {
    /// Decodes the root of a tree.
    pub(super) fn root(source: &'a dyn Source, tree: &Range<usize>) -> Result<Self> {
        Self::parse(source, tree.clone(), 0)
    }

    /// Decodes the fields up to the first child or module. A field of the node after that would be out of order, and no
    /// known program writes one.
    fn parse(source: &'a dyn Source, range: Range<usize>, depth: usize) -> Result<Self> {
        if depth > MAX_DEPTH {
            return Err(FormatError::new(FormatKind::Limit, "the tree is too deep"));
        }
        let mut rest = WireFields::of(source, range);
        let mut node = Self { kind: Kind::Literal, literal: b"", low: 0, high: 0, rest, depth };
        let mut strange = 0;
        while let Some(field) = rest.next()? {
            match field {
                (1, WireValue::Number(kind)) => node.kind = kind_of(kind)?,
                (2, WireValue::Bytes(literal)) => node.literal = wire::string(source, &literal)?,
                (3, WireValue::Number(low)) => node.low = low,
                (4, WireValue::Number(high)) => node.high = high,
                (1..=4, _) => return Err(wrong_wire_type()),
                (5 | 6, _) => break,
                _ if strange < MOST_STRANGE => strange += 1,
                _ => return Err(FormatError::new(FormatKind::Limit, "a node has too many unknown fields")),
            }
            node.rest = rest;
        }
        if (node.kind == Kind::Literal) == node.literal.is_empty() {
            return Err(FormatError::malformed("literal bytes of a node do not match its kind"));
        }
        if (node.kind == Kind::Root) != (depth == 0) {
            return Err(FormatError::malformed("misplaced root node"));
        }
        Ok(node)
    }

    /// Calls `each` with the children. Returns the number of fields that were read.
    pub(super) fn children(&self, mut each: impl FnMut(Self) -> Result<()>) -> Result<usize> {
        let mut fields = self.rest;
        let mut count = 0;
        while let Some(field) = fields.next()? {
            count += 1;
            match field {
                (5, WireValue::Bytes(child)) => each(Self::parse(fields.source(), child, self.depth + 1)?)?,
                (5, _) => return Err(wrong_wire_type()),
                (1..=4, _) => return Err(FormatError::malformed("fields of a node are out of order")),
                _ => {}
            }
        }
        Ok(count)
    }

    /// Calls `each` with the positions of the modules whose pattern ends here.
    pub(super) fn modules(&self, mut each: impl FnMut(u32)) -> Result<()> {
        let mut fields = self.rest;
        while let Some((number, value)) = fields.next()? {
            if number == 6 {
                wire::numbers(fields.source(), value, &mut each)?;
            }
        }
        Ok(())
    }

    /// The offset in the file, which identifies the node.
    fn offset(&self) -> usize {
        self.rest.offset()
    }
}

fn kind_of(kind: u64) -> Result<Kind> {
    let kind = i32::try_from(kind).ok().and_then(|kind| Kind::try_from(kind).ok());
    kind.ok_or_else(|| FormatError::malformed("unknown node kind"))
}

/// All paths that match the part of the key read so far.
#[derive(Default)]
struct Search<'a> {
    /// The nodes that have just been matched completely.
    reached: Vec<TreeNode<'a>>,
    /// The literals of which the given number of bytes has been matched.
    within: Vec<(TreeNode<'a>, usize)>,
    /// The wildcards that have been reached, with their children. They stay, since they match every further byte.
    wild: Vec<(TreeNode<'a>, Vec<TreeNode<'a>>)>,
    /// The offsets of these wildcards.
    entered: BTreeSet<usize>,
    found: Vec<u32>,
    steps: usize,
}

impl<'a> Search<'a> {
    /// Continues from every node that has been reached with the next byte. Without a next byte, these nodes are the
    /// result.
    fn enter_all(&mut self, next: Option<u8>) -> Result<()> {
        let mut reached = std::mem::take(&mut self.reached);
        let within = std::mem::take(&mut self.within);
        let before = self.wild.len();
        for at in 0..before {
            let (node, children) = (self.wild[at].0, std::mem::take(&mut self.wild[at].1));
            self.find(&node, next)?;
            for &child in &children {
                self.match_node(child, next, &mut reached)?;
            }
            self.wild[at].1 = children;
        }
        // A wildcard also matches nothing, so its children are reached without a byte and `reached` may grow.
        while let Some(node) = reached.pop() {
            self.find(&node, next)?;
            let taken = node.children(|child| self.match_node(child, next, &mut reached))?;
            self.step(taken)?;
        }
        for (node, passed) in within {
            self.continue_literal(node, passed, next);
        }
        Ok(())
    }

    fn find(&mut self, node: &TreeNode<'a>, next: Option<u8>) -> Result<()> {
        if next.is_none() { node.modules(|module| self.found.push(module)) } else { Ok(()) }
    }

    /// Matches a node against the next byte.
    fn match_node(
        &mut self,
        node: TreeNode<'a>,
        next: Option<u8>,
        reached: &mut Vec<TreeNode<'a>>,
    ) -> Result<()> {
        self.step(1)?;
        match (node.kind, next) {
            (Kind::Wildcard, _) if self.entered.insert(node.offset()) => {
                let mut children = Vec::new();
                let taken = node.children(|child| {
                    children.push(child);
                    Ok(())
                })?;
                self.step(taken)?;
                self.wild.push((node, children));
                reached.push(node);
            }
            (Kind::Literal, _) => self.continue_literal(node, 0, next),
            (Kind::SingleWildcard, Some(_)) => self.reached.push(node),
            (Kind::ByteRange, Some(byte)) if (node.low..=node.high).contains(&u64::from(byte)) => {
                self.reached.push(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, count: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(count);
        if self.steps > MOST_STEPS {
            return Err(FormatError::new(FormatKind::Limit, "the search takes too long"));
        }
        Ok(())
    }

    /// Continues a literal if its next byte matches.
    fn continue_literal(&mut self, node: TreeNode<'a>, passed: usize, next: Option<u8>) {
        self.steps += 1;
        if next.is_none() || node.literal.get(passed).copied().map(folded) != next {
            return;
        }
        if passed + 1 == node.literal.len() {
            self.reached.push(node);
        } else {
            self.within.push((node, passed + 1));
        }
    }
}

fn folded(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}
