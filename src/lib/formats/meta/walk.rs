//! Reads a tree out: every pattern that it holds.

use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

use super::message::Kind;
use super::search::Node;

type Result<T> = std::result::Result<T, FormatError>;

/// How many times its own size a tree may hold of patterns, and how much in any case, in bytes. Patterns share their
/// beginnings, so a hostile tree could hold patterns without end.
const GROWTH: usize = 64;
const LEAST: usize = 1 << 20;

/// Calls `visit` with each pattern of a tree and a module, as an fnmatch pattern. A range of one set each: a pattern with a
/// set of several comes several times.
///
/// Errors: malformed, limit.
pub(super) fn patterns(
    source: &dyn Source,
    tree: &Range<usize>,
    visit: &mut dyn FnMut(&[u8], u32),
) -> Result<()> {
    let mut room = LEAST.saturating_add(tree.len().saturating_mul(GROWTH));
    let mut pattern = Vec::new();
    // Each with the length of the pattern up to it.
    let mut stack = vec![(Node::root(source, tree)?, 0)];
    while let Some((node, len)) = stack.pop() {
        pattern.truncate(len);
        push(&mut pattern, &node)?;
        node.modules(|module| {
            room = room.saturating_sub(pattern.len() + 1);
            if room > 0 {
                visit(&pattern, module);
            }
        })?;
        if room == 0 {
            return Err(FormatError::new(
                FormatKind::Limit,
                "its patterns are longer than the tree can account for",
            ));
        }
        let first = stack.len();
        node.children(|child| {
            stack.push((child, pattern.len()));
            Ok(())
        })?;
        stack[first..].reverse();
    }
    Ok(())
}

/// What a node adds to the pattern.
fn push(pattern: &mut Vec<u8>, node: &Node<'_>) -> Result<()> {
    match node.kind {
        Kind::Root => {}
        Kind::Wildcard => pattern.push(b'*'),
        Kind::SingleWildcard => pattern.push(b'?'),
        Kind::ByteRange => {
            let byte = |byte: u64| u8::try_from(byte).ok();
            let (Some(low), Some(high)) = (byte(node.low), byte(node.high)) else {
                return Err(FormatError::malformed("a range of what is no byte"));
            };
            if low > high {
                return Err(FormatError::malformed("a range that ends before it begins"));
            }
            pattern.push(b'[');
            push_end(pattern, low);
            if low < high {
                pattern.push(b'-');
                push_end(pattern, high);
            }
            pattern.push(b']');
        }
        Kind::Literal => {
            for &byte in node.literal {
                if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
                    pattern.push(b'\\');
                }
                pattern.push(byte);
            }
        }
    }
    Ok(())
}

/// One end of a range.
fn push_end(pattern: &mut Vec<u8>, byte: u8) {
    if matches!(byte, b']' | b'[' | b'!' | b'^' | b'-' | b'\\') {
        pattern.push(b'\\');
    }
    pattern.push(byte);
}
