//! The index files of a module directory: the binary tries (`*.bin`) and the corresponding text files.
//!
//! Layout of a binary index, with all integers big-endian: magic `B0 07 F4 57`, version `0002 0001` (major, minor;
//! readers check the major version), reference to the root node. A node reference holds flags in its upper four bits
//! and a file offset in the lower 28; an offset of 0 means "no node". A node consists of, in this order and as its
//! flags indicate: a NUL-terminated prefix; the first and last byte of its child range and a reference for each byte of
//! the range; a count of values, each of which is a priority and a NUL-terminated string. Following a child consumes
//! that byte of the key, then the child's prefix. Keys are 7-bit.

mod bytes;
mod kind;
mod node;
mod pass;
mod read;
pub mod text;
mod write;

pub use kind::IndexKind;
pub use read::Index;
pub use write::IndexBuilder;

const MAGIC: u32 = 0xb007_f457;
const VERSION_MAJOR: u16 = 2;
const VERSION_MINOR: u16 = 1;
const HEADER_LEN: usize = 12;

const FLAG_PREFIX: u32 = 0x8000_0000;
const FLAG_VALUES: u32 = 0x4000_0000;
const FLAG_CHILDREN: u32 = 0x2000_0000;
const FLAG_RESERVED: u32 = 0x1000_0000;
const OFFSET_MASK: u32 = 0x0fff_ffff;

/// One result of a wildcard search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'a> {
    /// Position of the module in depmod's order; lower comes first.
    pub priority: u32,
    /// The value, in most indexes a module name.
    pub value: &'a [u8],
}
