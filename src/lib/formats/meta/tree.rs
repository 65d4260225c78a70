//! Builds a tree from patterns.
//!
//! The patterns are fnmatch patterns, as in aliases. The format only has single ranges, so a `[...]` with several
//! ranges becomes as many branches with the same continuation.

use crate::name::{self, Element};

use super::message::{Kind, RadixNode};

/// The maximum length of a pattern in bytes; those of real modules have up to a few hundred.
const LONGEST: usize = 4096;
/// The maximum number of branches for one pattern.
const MOST_BRANCHES: usize = 1024;

/// The maximum depth of a node, with the root at 0. Many Protocol Buffers readers accept up to 100 nested messages.
pub const DEEPEST: usize = 90;

/// The reason why a pattern cannot be stored in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RejectedPattern {
    /// The pattern is longer than 4096 bytes.
    #[error("too long")]
    Long,
    /// The sets of the pattern would result in more than 1024 branches.
    #[error("too many character sets")]
    Branches,
    /// The pattern is not ASCII; strings of the format are text.
    #[error("byte 0x{0:x} is not 7-bit ASCII")]
    NotAscii(u8),
}

/// A tree under construction.
#[derive(Debug, Default)]
pub struct RadixTree {
    root: Branch,
}

#[derive(Debug, Default)]
struct Branch {
    part: Part,
    modules: Vec<u32>,
    below: Vec<Branch>,
}

/// The part of a pattern that one node represents. The order of the variants is the order of sibling nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    #[default]
    Root,
    Literal(Vec<u8>),
    Range(u8, u8),
    Single,
    Wildcard,
}

impl RadixTree {
    /// Adds a pattern of a module. A pattern that cannot match anything adds nothing.
    ///
    /// Errors: the pattern cannot be stored in a tree.
    pub fn insert(&mut self, pattern: &[u8], module: u32) -> Result<(), RejectedPattern> {
        if pattern.len() > LONGEST {
            return Err(RejectedPattern::Long);
        }
        for parts in branches(pattern)? {
            self.root.insert(&parts, module);
        }
        Ok(())
    }

    /// Encodes the tree. The result does not depend on the order of insertion. Patterns deeper than [`DEEPEST`] are
    /// left out and returned with the positions of their modules.
    pub fn into_message(self) -> (RadixNode, Vec<(Vec<u8>, u32)>) {
        let mut left_out = Vec::new();
        let root = self.root.into_message(0, &mut Vec::new(), &mut left_out);
        (root, left_out)
    }
}

/// Expands a pattern into patterns with at most one range per set.
fn branches(pattern: &[u8]) -> Result<Vec<Vec<Part>>, RejectedPattern> {
    let mut branches = vec![Vec::new()];
    for element in name::elements(pattern).unwrap_or_else(|| vec![Element::Set(Vec::new())]) {
        match element {
            Element::Byte(byte) if !byte.is_ascii() => return Err(RejectedPattern::NotAscii(byte)),
            Element::Byte(byte) => branches.iter_mut().for_each(|parts| push_byte(parts, byte)),
            Element::Any => branches.iter_mut().for_each(|parts| parts.push(Part::Single)),
            Element::Run => {
                for parts in branches.iter_mut().filter(|parts| parts.last() != Some(&Part::Wildcard)) {
                    parts.push(Part::Wildcard);
                }
            }
            Element::Set(ranges) => branches = spread(&branches, &ranges)?,
        }
    }
    Ok(branches)
}

fn spread(branches: &[Vec<Part>], ranges: &[(u8, u8)]) -> Result<Vec<Vec<Part>>, RejectedPattern> {
    if branches.len() * ranges.len() > MOST_BRANCHES {
        return Err(RejectedPattern::Branches);
    }
    let mut spread = Vec::with_capacity(branches.len() * ranges.len());
    for parts in branches {
        for &(low, high) in ranges {
            let mut parts = parts.clone();
            // Inside a set, `-` and `_` differ.
            if low == high && low.is_ascii() && low != b'-' {
                push_byte(&mut parts, low);
            } else {
                parts.push(Part::Range(low, high));
            }
            spread.push(parts);
        }
    }
    Ok(spread)
}

fn push_byte(parts: &mut Vec<Part>, byte: u8) {
    if let Some(Part::Literal(literal)) = parts.last_mut() {
        literal.push(byte);
    } else {
        parts.push(Part::Literal(vec![byte]));
    }
}

impl Branch {
    fn insert(&mut self, parts: &[Part], module: u32) {
        let mut node = self;
        for part in parts {
            node = match part {
                Part::Literal(literal) => node.below_literal(literal),
                part => node.below(part),
            };
        }
        node.modules.push(module);
    }

    /// Returns the child for exactly this part, creating it if necessary.
    fn below(&mut self, part: &Part) -> &mut Self {
        let at = self.below.iter().position(|branch| branch.part == *part).unwrap_or_else(|| {
            self.below.push(Self { part: part.clone(), ..Self::default() });
            self.below.len() - 1
        });
        &mut self.below[at]
    }

    /// Returns the node for a literal below this one, creating it if necessary. No two sibling literals begin with the
    /// same byte.
    fn below_literal(&mut self, literal: &[u8]) -> &mut Self {
        let mut node = self;
        let mut rest = literal;
        loop {
            let shared = |branch: &Self| match &branch.part {
                Part::Literal(there) => there.iter().zip(rest).take_while(|(a, b)| a == b).count(),
                _ => 0,
            };
            let Some(at) = node.below.iter().position(|branch| shared(branch) > 0) else {
                node.below.push(Self { part: Part::Literal(rest.to_vec()), ..Self::default() });
                let last = node.below.len() - 1;
                return &mut node.below[last];
            };
            let len = shared(&node.below[at]);
            node = &mut node.below[at];
            node.split(len);
            rest = &rest[len..];
            if rest.is_empty() {
                return node;
            }
        }
    }

    /// Keeps the first `len` bytes of the literal in this node and moves the others to a new child.
    fn split(&mut self, len: usize) {
        let Part::Literal(literal) = &mut self.part else { return };
        if len < literal.len() {
            let rest = Part::Literal(literal.split_off(len));
            let below = std::mem::take(&mut self.below);
            let modules = std::mem::take(&mut self.modules);
            self.below = vec![Self { part: rest, modules, below }];
        }
    }

    /// Encodes the node and everything below it. `pattern` is the pattern that leads to the node.
    fn into_message(
        mut self,
        depth: usize,
        pattern: &mut Vec<u8>,
        left_out: &mut Vec<(Vec<u8>, u32)>,
    ) -> RadixNode {
        self.below.sort_unstable_by(|a, b| a.part.cmp(&b.part));
        self.modules.sort_unstable();
        self.modules.dedup();
        let len = pattern.len();
        self.part.push_to(pattern);
        if depth > DEEPEST {
            left_out.extend(self.modules.iter().map(|&module| (pattern.clone(), module)));
        }
        let mut node = RadixNode { module_index: self.modules, ..RadixNode::default() };
        let kind = match self.part {
            Part::Root => Kind::Root,
            Part::Literal(literal) => {
                node.literal = literal.into_iter().map(char::from).collect();
                Kind::Literal
            }
            Part::Range(low, high) => {
                (node.start_byte, node.end_byte) = (low.into(), high.into());
                Kind::ByteRange
            }
            Part::Single => Kind::SingleWildcard,
            Part::Wildcard => Kind::Wildcard,
        };
        node.set_kind(kind);
        for branch in self.below {
            let below = branch.into_message(depth + 1, pattern, left_out);
            // A node left without children and modules serves no purpose.
            if depth < DEEPEST && !(below.children.is_empty() && below.module_index.is_empty()) {
                node.children.push(below);
            }
        }
        pattern.truncate(len);
        node
    }
}

impl Part {
    /// Appends the part to a pattern.
    fn push_to(&self, pattern: &mut Vec<u8>) {
        match self {
            Self::Root => {}
            Self::Literal(literal) => pattern.extend_from_slice(literal),
            Self::Range(low, high) => pattern.extend_from_slice(&[b'[', *low, b'-', *high, b']']),
            Self::Single => pattern.push(b'?'),
            Self::Wildcard => pattern.push(b'*'),
        }
    }
}
