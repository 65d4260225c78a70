//! Decompression of module files: gzip, xz and zstd, which are detected by their first bytes.
//!
//! Owns the codecs and the limit against decompression bombs. Must not interpret the contents. Callers keep one
//! [`Decompressor`] per thread together with an output buffer, so that no memory is allocated for each of thousands of
//! files.
//!
//! The accepted files are those that kmod and the tools of the formats accept: xz files with several blocks and streams,
//! and with stream padding of a multiple of four bytes; zstd files with several frames, including skippable ones, with or
//! without the content size; gzip files with several members. Any other data after the end is an error, except for gzip,
//! where zlib (and therefore kmod) ignores it.

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

/// The maximum size of decompressed data: 1 GiB. The largest real module has 40 MB, with debug info 500 MB.
pub const MAX_OUTPUT: usize = 1 << 30;

/// The maximum number of bytes that are reserved because of the size that a file claims to have. For more data, the buffer
/// grows as the data is decoded.
const MAX_RESERVE: usize = 64 << 20;

/// The minimum size of the output buffer.
const MIN_BUFFER: usize = 64 << 10;

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
    /// The number of bytes that [`Compression::detect`] needs.
    pub const MAGIC_SIZE: usize = 6;

    /// Returns the format of a file with these first bytes; `None` for an uncompressed file.
    pub fn detect(head: &[u8]) -> Option<Self> {
        const MAGICS: [(&[u8], Compression); 3] = [
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x1f, 0x8b], Compression::Gzip),
        ];
        MAGICS.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, compression)| compression)
    }
}

/// Decodes files one after another and keeps its working memory.
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
    /// Creates a decoder with a limit of `limit` bytes of decompressed data per file.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            #[cfg(feature = "zstd")]
            zstd: None,
        }
    }

    /// Replaces the contents of `output` by the decompressed `input`.
    ///
    /// Errors: malformed for truncated or corrupt data, or other data after the end; limit if the decompressed data
    /// exceeds the limit of the decoder, or decoding needs an unreasonable amount of memory; unsupported for options of a
    /// format that the library for it does not know. After an error, `output` contains an unspecified part of the data.
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
    /// Reserves memory for `size` bytes, the size that the file claims to have, up to [`MAX_RESERVE`].
    fn expect(&mut self, size: u64) -> Result<(), FormatError> {
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(MAX_RESERVE).min(self.limit);
        self.reserve(size)
    }

    /// Makes sure that there is room for at least one more byte; growth is geometric.
    fn make_room(&mut self) -> Result<(), FormatError> {
        if self.bytes.len() < self.bytes.capacity() {
            return Ok(());
        }
        self.reserve(self.bytes.len().max(MIN_BUFFER))
    }

    fn reserve(&mut self, size: usize) -> Result<(), FormatError> {
        let reserved = memory::attempt(|| self.bytes.try_reserve(size));
        reserved.map_err(|_| out_of_memory())
    }

    /// Errors: the data exceeds the limit.
    fn check(&self) -> Result<(), FormatError> {
        if self.bytes.len() > self.limit {
            return Err(FormatError::new(FormatKind::Limit, "decompressed data exceeds the limit"));
        }
        Ok(())
    }
}
