//! `modules.oxmod.bin`: what depmod has read of each module, so that nobody need read it again.
//!
//! Owns the format, described in modules.oxmod.bin(5): a header, a list of the files that were made together with it, a
//! record for each module, and a hash table over their paths. All numbers are little-endian. Must not know how the facts
//! came about nor what is concluded from them, and must not trust a byte: each record has its checksum and its path, so a
//! damaged, truncated or foreign file at worst finds nothing.
//!
//! Nothing in a file is ever changed; a new one takes its place.

mod file;
mod record;
#[cfg(test)]
mod tests;

pub use file::{Assembled, Digest, Facts, Made, Role, assemble};
pub use record::{Contents, Identity, Record, Symbol, encode};

/// The file's name, in the directory of the indexes.
pub const FILE_NAME: &str = "modules.oxmod.bin";

/// The version whose facts are believed: this one. Another may see other facts in the same module.
pub const MAKER: &str = env!("CARGO_PKG_VERSION");

/// CRC-32 as in gzip and xz, over everything that is checked or hashed here.
fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The number of four bytes at `at`.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}

/// The number of eight bytes at `at`.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u64::from_le_bytes(bytes))
}
