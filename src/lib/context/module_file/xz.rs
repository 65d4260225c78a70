//! Modules in .xz files with several blocks, of which only the requested ones are decoded.
//!
//! Connects the file and the codec with the [`BlockCache`](crate::formats::source::BlockCache). Must not keep decoded
//! blocks.

use std::ops::Range;

use crate::error::Cause;
use crate::formats::compress::{self, XzBlocks};
use crate::formats::source::{self, Block, ReadAt};
use crate::sys::file::{self, OpenFile};
use crate::sys::{host, parallel};

/// Decodes ranges of an open .xz file. Its size and all ranges are those of the decoded data.
pub(super) struct XzReader {
    file: OpenFile,
    blocks: XzBlocks,
    threads: Option<usize>,
}

impl XzReader {
    /// Creates a reader that decodes with up to `threads` threads; by default, one per CPU.
    pub(super) fn new(file: OpenFile, blocks: XzBlocks, threads: Option<usize>) -> Self {
        Self { file, blocks, threads }
    }

    fn decode(&self, block: &compress::XzBlock) -> Result<Vec<u8>, Cause> {
        let mut packed = Vec::new();
        let len = block.packed.end.saturating_sub(block.packed.start);
        file::read_range(&self.file, block.packed.start, len, &mut packed)?;
        Ok(self.blocks.decode(block, &packed)?)
    }

    /// Returns the blocks from the one that contains `offset`.
    fn from(&self, offset: u64) -> &[compress::XzBlock] {
        let blocks = self.blocks.all();
        blocks.get(blocks.partition_point(|block| block.unpacked.end <= offset)..).unwrap_or_default()
    }
}

impl ReadAt for XzReader {
    fn size(&self) -> u64 {
        self.blocks.unpacked_size()
    }

    fn block(&self, wanted: Range<u64>) -> Range<u64> {
        self.from(wanted.start).first().map_or(wanted, |block| block.unpacked.clone())
    }

    fn read_at(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        for block in self.from(range.start).iter().take_while(|block| block.unpacked.start < range.end) {
            let decoded = self.decode(block)?;
            if bytes.is_empty() && block.unpacked == range {
                *bytes = decoded;
                break;
            }
            let start = block.unpacked.start;
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
            let part = decoded.get(within(range.start)..within(range.end).min(decoded.len()));
            source::append(bytes, part.unwrap_or_default(), range.end - range.start.max(start))?;
        }
        Ok(())
    }

    /// Decodes the blocks in parallel.
    fn read_blocks(&self, blocks: &mut [Block]) {
        // Counting the CPUs takes many system calls.
        let threads = if blocks.len() < 2 { 1 } else { self.threads.unwrap_or_else(host::processors) };
        let read = |(): &mut (), block: &Block| {
            let mut bytes = Vec::new();
            self.read_at(block.range.clone(), &mut bytes).map(|()| bytes)
        };
        let decoded = parallel::map(threads, blocks, || (), read);
        for (block, decoded) in blocks.iter_mut().zip(decoded) {
            block.bytes = decoded.unwrap_or_default();
        }
    }
}
