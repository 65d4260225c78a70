//! Decompression of module files: gzip, xz and zstd, told apart by their first bytes.
//!
//! Owns the codecs and the limit against decompression bombs. Must not know what is inside. A [`Decompressor`] is
//! meant to be kept: one a thread, with the caller's output buffer, so that thousands of files cost no fresh memory.
//!
//! What is accepted follows kmod and the formats' own tools: xz files of several blocks and streams, with stream
//! padding of a multiple of four bytes; zstd files of several frames, skippable ones included, with or without the
//! content size; gzip files of several members. Whatever else follows the data is an error, except after gzip, where
//! zlib (and so kmod) ignores it.

mod blocks;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(test)]
mod tests;
mod xz;
mod xz_index;
#[cfg(feature = "zstd")]
mod zstandard;

use crate::error::{FormatError, FormatKind};
use crate::memory;

pub use blocks::{XzBlock, XzBlocks};

/// The most bytes that a file may unfold to: 1 GiB. The largest real module has 40 MB, with debug info 500 MB.
pub const MAX_OUTPUT: usize = 1 << 30;

/// The most bytes reserved at once on a file's own word about its size. More grows as the data really arrives.
const MAX_TRUST: usize = 64 << 20;

/// The least room to decode into.
const MIN_ROOM: usize = 64 << 10;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952; magic `1F 8B`.
    Gzip,
    /// The .xz format; magic `FD 37 7A 58 5A 00`.
    Xz,
    /// RFC 8878; magic `28 B5 2F FD`.
    Zstd,
}

impl Compression {
    /// How many bytes [`Compression::detect`] wants to see.
    pub const MAGIC_SIZE: usize = 6;

    /// The format that a file with these first bytes is of, `None` for an uncompressed one.
    pub fn detect(head: &[u8]) -> Option<Self> {
        const MAGICS: [(&[u8], Compression); 3] = [
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x1f, 0x8b], Compression::Gzip),
        ];
        MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, compression)| compression)
    }
}

/// Decodes one file after another, keeping its working memory.
pub struct Decompressor {
    limit: usize,
    #[cfg(feature = "zstd")]
    zstd: Option<zstandard::Decoder>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::with_limit(MAX_OUTPUT)
    }
}

impl Decompressor {
    /// A decoder that refuses to produce more than `limit` bytes a file.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            #[cfg(feature = "zstd")]
            zstd: None,
        }
    }

    /// Replaces the contents of `output` by the decoded `input`.
    ///
    /// Errors: malformed for truncated or corrupt data and for rubbish behind it; limit when it unfolds to more than
    /// the decoder's limit or asks for an unreasonable amount of working memory; unsupported for options of a format
    /// that its library does not know. On an error `output` holds an unspecified part of the data.
    pub fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        output: &mut Vec<u8>,
    ) -> Result<(), FormatError> {
        output.clear();
        let mut output = Output { bytes: output, limit: self.limit };
        match compression {
            #[cfg(feature = "gzip")]
            Compression::Gzip => gzip::decode(input, &mut output),
            Compression::Xz => xz::decode(input, &mut output),
            #[cfg(feature = "zstd")]
            Compression::Zstd => self.zstd.get_or_insert_default().decode(input, &mut output),
            #[cfg(not(all(feature = "gzip", feature = "zstd")))]
            _ => {
                Err(FormatError::new(FormatKind::Unsupported, "this oxmod was built without its compression"))
            }
        }
    }
}

/// The output buffer with its limit.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

fn out_of_memory() -> FormatError {
    FormatError::new(FormatKind::NoMemory, "to decompress it")
}

impl Output<'_> {
    /// Reserves what the file says that it unfolds to, as far as that is believable.
    fn expect(&mut self, size: u64) -> Result<(), FormatError> {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(MAX_TRUST).min(self.limit);
        self.reserve(size)
    }

    /// Makes sure that there is room for at least one more byte; growth is geometric.
    fn make_room(&mut self) -> Result<(), FormatError> {
        if self.bytes.len() < self.bytes.capacity() {
            return Ok(());
        }
        self.reserve(self.bytes.len().max(MIN_ROOM))
    }

    fn reserve(&mut self, size: usize) -> Result<(), FormatError> {
        let reserved = memory::attempt(|| self.bytes.try_reserve(size));
        reserved.map_err(|_| out_of_memory())
    }

    /// Fails once there is more than the limit.
    fn check(&self) -> Result<(), FormatError> {
        if self.bytes.len() > self.limit {
            return Err(FormatError::new(FormatKind::Limit, "decompressed data exceeds the limit"));
        }
        Ok(())
    }
}
