//! The cache, `modules.oxmod.bin`: what depmod has read from each module, so that the modules need not be read again.
//!
//! Owns the format, described in modules.oxmod.bin(5): a header, a list of the files that were read and written
//! together with it, a record for each module, and a hash table over the paths of the modules. All numbers are
//! little-endian. Must not know how the data is gathered or used, and must not trust any byte of the file: each record
//! carries its checksum and its path, so the worst result of a damaged, truncated or foreign file is that no record is
//! found.
//!
//! An existing file is never modified, only replaced.

mod file;
mod record;
#[cfg(test)]
mod tests;

pub use file::{Cache, CacheImage, Digest, InputRole, Inputs, assemble};
pub use record::{FileIdentity, Record, RecordContents, RecordSymbol, encode};

/// The name of the cache in the module directory.
pub const FILE_NAME: &str = "modules.oxmod.bin";

/// The program version whose caches are used: this one. Another version may record other data for the same module.
pub const MAKER: &str = env!("CARGO_PKG_VERSION");

/// The CRC-32 of gzip and xz, used for all checksums and hashes of the format.
fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Reads the 32-bit number at `at`.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}

/// Reads the 64-bit number at `at`.
fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u64::from_le_bytes(bytes))
}
