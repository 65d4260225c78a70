//! A module in an .xz file of several blocks: only those that hold something asked for are decoded.

use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::sync::OnceLock;

use crate::error::FormatError;
use crate::formats::compress::{Block, Blocks};
use crate::formats::elf::{self, Source};
use crate::sys::{file, host, parallel};

/// An open file of blocks.
pub(super) struct Blocked {
    file: File,
    blocks: Blocks,
    decoded: Vec<OnceLock<Vec<u8>>>,
    threads: Option<usize>,
}

impl Blocked {
    /// `threads` is how many to decode with at most; by default as many as there are processors.
    pub(super) fn new(file: File, blocks: Blocks, threads: Option<usize>) -> Self {
        let decoded = blocks.all().iter().map(|_| OnceLock::new()).collect();
        Self { file, blocks, decoded, threads }
    }

    fn decode(&self, block: &Block) -> elf::Result<Vec<u8>> {
        let mut packed = Vec::new();
        let len = block.packed.end.saturating_sub(block.packed.start);
        file::read_range(&self.file, block.packed.start, len, &mut packed)?;
        Ok(self.blocks.decode(block, &packed)?)
    }

    fn block(&self, index: usize) -> elf::Result<&[u8]> {
        let outside = || FormatError::malformed("range outside of the file");
        let cell = self.decoded.get(index).ok_or_else(outside)?;
        if let Some(bytes) = cell.get() {
            return Ok(bytes);
        }
        let bytes = self.decode(self.blocks.all().get(index).ok_or_else(outside)?)?;
        Ok(cell.get_or_init(|| bytes))
    }

    /// The indices of the blocks that `range` touches.
    fn touched(&self, range: &Range<u64>) -> Range<usize> {
        let blocks = self.blocks.all();
        let start = blocks.partition_point(|block| block.unpacked.end <= range.start);
        start..blocks.partition_point(|block| block.unpacked.start < range.end).max(start)
    }
}

impl Source for Blocked {
    fn size(&self) -> u64 {
        self.blocks.unpacked_size()
    }

    fn bytes(&self, offset: u64, len: u64) -> elf::Result<Cow<'_, [u8]>> {
        let end = offset.checked_add(len).filter(|&end| end <= self.size());
        let range = offset..end.ok_or_else(|| FormatError::malformed("range outside of the file"))?;
        let touched = self.touched(&range);
        let whole = touched.len() > 1;
        let mut joined = Vec::new();
        for index in touched {
            let bytes = self.block(index)?;
            let start = self.blocks.all().get(index).map_or(0, |block| block.unpacked.start);
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
            let part = bytes.get(within(range.start)..within(range.end).min(bytes.len())).unwrap_or_default();
            if !whole {
                return Ok(Cow::Borrowed(part));
            }
            joined.extend_from_slice(part);
        }
        Ok(Cow::Owned(joined))
    }

    /// Decodes the blocks together. One that fails is tried again, and its error told, when its bytes are asked for.
    fn announce(&self, ranges: &[Range<u64>]) {
        let mut wanted: Vec<usize> = ranges.iter().flat_map(|range| self.touched(range)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|&index| self.decoded.get(index).is_some_and(|cell| cell.get().is_none()));
        if wanted.len() < 2 {
            return;
        }
        let threads = self.threads.unwrap_or_else(host::processors);
        parallel::map(threads, &wanted, || (), |(), &index| self.block(index).is_ok());
    }
}
