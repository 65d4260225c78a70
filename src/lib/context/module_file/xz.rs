//! A module in an .xz file with several blocks. Only blocks that contain requested data are decoded.

use std::fs::File;
use std::ops::Range;

use crate::error::Cause;
use crate::formats::compress::{self, Blocks};
use crate::formats::source::{self, Block, ReadAt};
use crate::sys::{file, host, parallel};

/// Decodes ranges of an open .xz file. The size and all ranges refer to the decoded data.
pub(super) struct XzReader {
    file: File,
    blocks: Blocks,
    threads: Option<usize>,
}

impl XzReader {
    /// `threads` is the maximum number of threads; the default is one per CPU.
    pub(super) fn new(file: File, blocks: Blocks, threads: Option<usize>) -> Self {
        Self { file, blocks, threads }
    }

    fn decode(&self, block: &compress::Block) -> Result<Vec<u8>, Cause> {
        let mut packed = Vec::new();
        let len = block.packed.end.saturating_sub(block.packed.start);
        file::read_range(&self.file, block.packed.start, len, &mut packed)?;
        Ok(self.blocks.decode(block, &packed)?)
    }

    /// Returns the block that contains `offset` and those after it.
    fn from(&self, offset: u64) -> &[compress::Block] {
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

    /// Decodes them in parallel.
    fn read_blocks(&self, blocks: &mut [Block]) -> Result<(), Cause> {
        // Counting the CPUs takes many system calls.
        let threads = if blocks.len() < 2 { 1 } else { self.threads.unwrap_or_else(host::processors) };
        let read = |(): &mut (), block: &Block| {
            let mut bytes = Vec::new();
            self.read_at(block.range.clone(), &mut bytes).map(|()| bytes)
        };
        let decoded = parallel::map(threads, blocks, || (), read);
        let mut result = Ok(());
        for (block, decoded) in blocks.iter_mut().zip(decoded) {
            match decoded {
                Ok(bytes) => block.bytes = bytes,
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}
