//! Lists the patterns of a tree.

use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

use super::message::Kind;
use super::search::TreeNode;

type Result<T> = std::result::Result<T, FormatError>;

/// The maximum total size of the patterns of a tree, as a multiple of the size of the tree; and the total size in bytes
/// that is always allowed. Patterns share prefixes, so a hostile tree could otherwise expand to any size.
const GROWTH: usize = 64;
const LEAST: usize = 1 << 20;

/// Calls `visit` with each pattern of a tree, as an fnmatch pattern, and a module. A set in it has one range, so a
/// pattern whose sets had several ranges is passed several times.
///
/// Errors: malformed, limit.
pub(super) fn patterns(
    source: &dyn Source,
    tree: &Range<usize>,
    visit: &mut dyn FnMut(&[u8], u32),
) -> Result<()> {
    let mut room = LEAST.saturating_add(tree.len().saturating_mul(GROWTH));
    let mut pattern = Vec::new();
    // Each node, with the length of the pattern before it.
    let mut stack = vec![(TreeNode::root(source, tree)?, 0)];
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
            return Err(FormatError::new(FormatKind::Limit, "patterns of the tree are too large"));
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

/// Appends the part of the pattern that a node represents.
fn push(pattern: &mut Vec<u8>, node: &TreeNode<'_>) -> Result<()> {
    match node.kind {
        Kind::Root => {}
        Kind::Wildcard => pattern.push(b'*'),
        Kind::SingleWildcard => pattern.push(b'?'),
        Kind::ByteRange => {
            let byte = |byte: u64| u8::try_from(byte).ok();
            let (Some(low), Some(high)) = (byte(node.low), byte(node.high)) else {
                return Err(FormatError::malformed("byte range out of bounds"));
            };
            if low > high {
                return Err(FormatError::malformed("byte range ends before it starts"));
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

/// Appends one end of a range.
fn push_end(pattern: &mut Vec<u8>, byte: u8) {
    if matches!(byte, b']' | b'[' | b'!' | b'^' | b'-' | b'\\') {
        pattern.push(b'\\');
    }
    pattern.push(byte);
}
