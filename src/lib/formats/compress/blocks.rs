//! The blocks of an .xz file: their positions, and the decoding of a single block.
//!
//! `xz -T` and other programs that compress in several threads split the data into blocks (of 3 MiB in Debian's kernels),
//! each of which can be decoded without the others. The [index](super::xz_index) at the end of the file contains their
//! sizes. This module passes one block to liblzma as a stream that has no other blocks: header, block, an index of one
//! record, footer. Therefore liblzma itself verifies that the block matches the index, including the checksum.
//!
//! Only files that consist of a single stream without padding are split. All other files, including damaged ones, are
//! left to the decoder of whole files, which returns the appropriate error.
//!
//! Contract: the .xz file format 1.2.1, sections 2 to 4.

use std::io;
use std::ops::Range;

use xz2::stream::{Action, Status, Stream};

use super::xz::{MEMORY_LIMIT, reason};
use super::xz_index::{self, FOOTER, XzRecord};
use super::{MAX_OUTPUT, Output};
use crate::error::FormatError;

/// The size of a stream's header.
const HEADER: usize = 12;
const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// The maximum size of an index, 64 KiB. It describes about 8,000 blocks, which is 24 GB in blocks of 3 MiB.
const MAX_INDEX: u64 = 64 << 10;

/// The blocks of one file; there are two or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XzBlocks {
    header: [u8; HEADER],
    blocks: Vec<XzBlock>,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XzBlock {
    /// The range of the block in the file, including its padding.
    pub packed: Range<u64>,
    /// The range of its contents in the decompressed data.
    pub unpacked: Range<u64>,
    /// The size without padding, as recorded in the index.
    unpadded: u64,
}

impl XzBlocks {
    /// Finds the blocks of a file of `size` bytes; `read` returns a number of bytes at an offset. `None` if the file does
    /// not consist of several blocks, has more than [`MAX_OUTPUT`] bytes of decompressed data, or is damaged.
    ///
    /// Errors: those of `read`.
    pub fn find(
        size: u64,
        mut read: impl FnMut(u64, usize) -> io::Result<Vec<u8>>,
    ) -> io::Result<Option<Self>> {
        let Some(footer_at) = size.checked_sub(FOOTER as u64).filter(|&at| at >= HEADER as u64) else {
            return Ok(None);
        };
        let footer = read(footer_at, FOOTER)?;
        let Some(index_size) = xz_index::size(&footer) else { return Ok(None) };
        let Some(index_at) = footer_at.checked_sub(index_size).filter(|_| index_size <= MAX_INDEX) else {
            return Ok(None);
        };
        let header = read(0, HEADER)?;
        let index = read(index_at, usize::try_from(index_size).unwrap_or(usize::MAX))?;
        Ok(Self::parse(&header, &index, &footer, index_at))
    }

    fn parse(header: &[u8], index: &[u8], footer: &[u8], index_at: u64) -> Option<Self> {
        let header: [u8; HEADER] = header.try_into().ok()?;
        let flags = header.get(6..8)?;
        if !header.starts_with(&MAGIC)
            || footer.get(8..10)? != flags
            || !header.ends_with(&xz_index::crc(flags))
        {
            return None;
        }
        let blocks = blocks(index)?;
        let whole = blocks.len() > 1 && blocks.last()?.packed.end == index_at;
        let small = blocks.last()?.unpacked.end <= MAX_OUTPUT as u64;
        (whole && small).then_some(Self { header, blocks })
    }

    /// Returns all blocks, in the order of the file.
    pub fn all(&self) -> &[XzBlock] {
        &self.blocks
    }

    /// Returns the size of the decompressed data.
    pub fn unpacked_size(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.unpacked.end)
    }

    /// Decodes `block`, whose bytes in the file are `packed`.
    ///
    /// Errors: malformed if the block is damaged or does not match the index; limit and unsupported as for a whole file.
    pub fn decode(&self, block: &XzBlock, packed: &[u8]) -> Result<Vec<u8>, FormatError> {
        let mut stream = Stream::new_stream_decoder(MEMORY_LIMIT, 0).map_err(reason)?;
        let expected = block.unpacked.end.saturating_sub(block.unpacked.start);
        let limit = usize::try_from(expected).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        let mut output = Output { bytes: &mut bytes, limit };
        // One byte more, so that the decoder reaches the end of the block without a larger buffer.
        output.expect(expected.saturating_add(1))?;
        let flags = self.header.get(6..8).unwrap_or_default();
        let record = XzRecord { unpadded: block.unpadded, unpacked: expected };
        let (index, footer) = xz_index::of_one_block(record, flags);
        let mut status = Status::Ok;
        for part in [&self.header, packed, &index, &footer] {
            status = feed(&mut stream, part, &mut output)?;
        }
        let complete = matches!(status, Status::StreamEnd) && bytes.len() as u64 == expected;
        if complete { Ok(bytes) } else { Err(FormatError::malformed("xz data is truncated")) }
    }
}

/// Passes all of `part` to the decoder.
fn feed(stream: &mut Stream, mut part: &[u8], output: &mut Output<'_>) -> Result<Status, FormatError> {
    loop {
        output.make_room()?;
        let before = stream.total_in();
        let status = stream.process_vec(part, output.bytes, Action::Run).map_err(reason)?;
        if output.bytes.len() > output.limit {
            return Err(FormatError::malformed("xz data is corrupt"));
        }
        let consumed = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
        part = part.get(consumed..).unwrap_or_default();
        if part.is_empty() || !matches!(status, Status::Ok | Status::GetCheck) {
            return Ok(status);
        }
    }
}

/// Returns the blocks that an index describes.
fn blocks(index: &[u8]) -> Option<Vec<XzBlock>> {
    let (mut blocks, mut packed_at, mut unpacked_at) = (Vec::new(), HEADER as u64, 0_u64);
    xz_index::each_record(index, |XzRecord { unpadded, unpacked }| {
        let packed_end = packed_at.checked_add(unpadded.checked_next_multiple_of(4)?)?;
        let unpacked_end = unpacked_at.checked_add(unpacked)?;
        blocks.push(XzBlock { packed: packed_at..packed_end, unpacked: unpacked_at..unpacked_end, unpadded });
        (packed_at, unpacked_at) = (packed_end, unpacked_end);
        Some(())
    })?;
    Some(blocks)
}
