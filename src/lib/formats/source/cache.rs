//! The block cache: a [`Source`] over anything that can read a range into a buffer.
//!
//! Owns the decision which ranges are read together, and the blocks that were read. Blocks are not dropped or moved while
//! the cache exists, so callers can borrow from them without copying. Memory is bounded: at most 32 blocks are kept.

use std::cell::{Cell, OnceCell};
use std::ops::Range;

use super::Source;
use crate::error::{Cause, FormatError, FormatKind};
use crate::memory;

/// The maximum number of blocks. The last one is the whole file: a caller that needs so many blocks reads most of the
/// file, and a single read is cheaper then.
const FEW: usize = 32;
/// The maximum gap between two announced ranges that are read as one, 8 KiB. A system call costs as much as copying that.
const GAP: u64 = 8 << 10;
/// The maximum total size of the buffers that are reused for the next file, 16 MiB.
const KEPT: usize = 16 << 20;

/// The file that a [`BlockCache`] reads. All offsets and lengths are in bytes.
pub trait ReadAt {
    /// Returns the size of the file, which does not change.
    fn size(&self) -> u64;

    /// Returns the range to read and keep when `wanted` is requested, which is inside the file and not empty.
    ///
    /// The result starts at or before `wanted.start`, ends after `wanted.start`, and is inside the file. If it ends before
    /// `wanted.end`, the next block starts at its end. For an ordinary file, it is one block that contains `wanted` and
    /// the bytes around it. For a compressed file, of which only whole blocks can be decoded, it is the first of these
    /// blocks that overlaps `wanted`.
    fn block(&self, wanted: Range<u64>) -> Range<u64>;

    /// Appends the bytes of `range`, which is inside the file, to `bytes`; fewer if the file was truncated.
    ///
    /// Errors: those of reading and decoding. `bytes` then contains an unspecified part of the range.
    fn read_at(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Cause>;

    /// Fills several blocks, whose buffers are empty; by default, one after another. A block that cannot be read is left
    /// incomplete: reading it again when it is requested returns the error.
    fn read_blocks(&self, blocks: &mut [Block]) {
        for block in blocks {
            let _ = self.read_at(block.range.clone(), &mut block.bytes);
        }
    }

    /// Returns the number of bytes to read at a time for [`Source::window`]; `None` if reading a range again is so
    /// expensive that everything is kept.
    fn window(&self) -> Option<u64> {
        None
    }
}

/// A part of a file in memory.
#[derive(Debug)]
pub struct Block {
    /// Its range in the file.
    pub range: Range<u64>,
    /// Its bytes; fewer than the range if the file was truncated.
    pub bytes: Vec<u8>,
}

impl Block {
    /// Returns the bytes from the file offset `offset` on, if there are at least `least`.
    #[inline]
    fn read_from(&self, offset: u64, least: u64) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.range.start)?).ok()?;
        self.bytes.get(at..).filter(|bytes| bytes.len() as u64 >= least)
    }
}

fn len(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// Appends `part` to `bytes` and reserves room for `more` bytes in total.
///
/// Errors: no memory.
pub(crate) fn append(bytes: &mut Vec<u8>, part: &[u8], more: u64) -> Result<(), FormatError> {
    let more = usize::try_from(more).unwrap_or(usize::MAX);
    memory::attempt(|| bytes.try_reserve_exact(more))
        .map_err(|_| FormatError::new(FormatKind::NoMemory, "to read it"))?;
    bytes.extend_from_slice(part);
    Ok(())
}

/// Blocks of a file, each read when it is first needed.
///
/// It holds at most three times the size of the file, and at most 32 blocks.
pub struct BlockCache<R> {
    reader: R,
    /// The blocks in the order in which they were read. Boxed, since their owners are moved.
    blocks: Box<[OnceCell<Block>]>,
    /// The number of blocks and their total size in bytes.
    kept: Cell<(usize, u64)>,
    /// The position of the block that was used last, which is the most likely one to be used next.
    recent: Cell<usize>,
    /// Buffers for future blocks.
    buffers: Cell<Vec<Vec<u8>>>,
}

impl<R: ReadAt> BlockCache<R> {
    /// Creates a cache on top of `reader`. `first` is the part of the start of the file that was already read, possibly
    /// empty; `buffers` come from an earlier cache (see [`take_buffers`](Self::take_buffers)), if there is one.
    pub fn new(reader: R, first: Vec<u8>, buffers: Vec<Vec<u8>>) -> Self {
        let places = if first.len() as u64 == reader.size() { 1 } else { FEW };
        let cache = Self {
            reader,
            blocks: (0..places).map(|_| OnceCell::new()).collect(),
            kept: Cell::default(),
            recent: Cell::default(),
            buffers: Cell::new(buffers),
        };
        if !first.is_empty() {
            cache.keep(Block { range: 0..first.len() as u64, bytes: first });
        }
        cache
    }

    /// Returns the reader.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Empties the cache and returns up to 16 MiB of its buffers. A cache for a similar file that gets them need not
    /// allocate memory: each buffer is used for the block at the same position.
    pub fn take_buffers(&mut self) -> Vec<Vec<u8>> {
        self.kept.take();
        let mut buffers = self.buffers.take();
        buffers.extend(self.blocks.iter_mut().rev().filter_map(OnceCell::take).map(|block| block.bytes));
        let mut room = KEPT;
        buffers.retain(|buffer| room.checked_sub(buffer.capacity()).inspect(|&left| room = left).is_some());
        buffers
    }

    fn buffer(&self) -> Vec<u8> {
        let mut buffers = self.buffers.take();
        let mut buffer = buffers.pop().unwrap_or_default();
        self.buffers.set(buffers);
        buffer.clear();
        buffer
    }

    /// Returns the bytes from `offset` to the end of a block, if there are at least `least`.
    #[inline]
    fn cached(&self, offset: u64, least: u64) -> Option<&[u8]> {
        let recent = self.blocks.get(self.recent.get()).and_then(OnceCell::get);
        recent.and_then(|block| block.read_from(offset, least)).or_else(|| self.search(offset, least))
    }

    fn search(&self, offset: u64, least: u64) -> Option<&[u8]> {
        let mut blocks = self.blocks.iter().map_while(OnceCell::get).enumerate();
        let (at, bytes) = blocks.find_map(|(at, block)| Some((at, block.read_from(offset, least)?)))?;
        self.recent.set(at);
        Some(bytes)
    }

    /// Implements [`Source::read_from`] for bytes that are not in one block.
    #[cold]
    fn fetch(&self, offset: u64, least: u64) -> Result<&[u8], Cause> {
        let wanted = self.clamp(offset, least);
        let len = len(&wanted);
        if len == 0 {
            return Ok(&[]);
        }
        let block = self.reader.block(wanted.clone());
        if block.end >= wanted.end {
            self.read(block)?;
        } else {
            self.missing(wanted.clone()).try_for_each(|block| self.read(block))?;
        }
        if let Some(bytes) = self.cached(offset, len) {
            return Ok(bytes);
        }
        self.join(wanted)?;
        // Fewer than `len` if the file was truncated.
        Ok(self.cached(offset, len).or_else(|| self.cached(offset, 1)).unwrap_or_default())
    }

    /// Returns the range of `least` bytes from `offset` on, at least one, clamped to the end of the file.
    fn clamp(&self, offset: u64, least: u64) -> Range<u64> {
        offset..offset.saturating_add(least.max(1)).min(self.reader.size())
    }

    /// Reads a block if there is room for it.
    fn read(&self, range: Range<u64>) -> Result<(), Cause> {
        if self.has_room(1, len(&range)) {
            let mut block = Block { range, bytes: self.buffer() };
            self.reader.read_at(block.range.clone(), &mut block.bytes)?;
            self.keep_complete(block);
        }
        Ok(())
    }

    /// Keeps a block unless the file was truncated while it was read.
    fn keep_complete(&self, block: Block) {
        if block.bytes.len() as u64 == len(&block.range) {
            self.keep(block);
        }
    }

    /// Creates one block for a range that lies in several blocks or was truncated; if there is no more room, for the whole
    /// file.
    fn join(&self, wanted: Range<u64>) -> Result<(), Cause> {
        if self.kept.get().0 == self.blocks.len() {
            return Ok(());
        }
        let range = if self.has_room(1, len(&wanted)) { wanted } else { 0..self.reader.size() };
        let mut bytes = self.buffer();
        self.copy(range.clone(), &mut bytes)?;
        self.keep(Block { range, bytes });
        Ok(())
    }

    /// Appends `range` to `bytes`, from the blocks as far as possible and otherwise from the file.
    fn copy(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        for block in self.blocks_of(range.clone()) {
            let part = block.start.max(range.start)..block.end.min(range.end);
            let before = bytes.len();
            let known = self.cached(part.start, len(&part));
            match known.and_then(|known| known.get(..usize::try_from(len(&part)).ok()?)) {
                Some(known) => append(bytes, known, range.end - part.start)?,
                None => self.reader.read_at(part.clone(), bytes)?,
            }
            if (bytes.len() - before) as u64 != len(&part) {
                break;
            }
        }
        Ok(())
    }

    /// Returns the ranges of the blocks that contain `wanted`, in order.
    fn blocks_of(&self, wanted: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let mut at = wanted.start;
        std::iter::from_fn(move || {
            let block = (at < wanted.end).then(|| self.reader.block(at..wanted.end))?;
            at = block.end;
            Some(block)
        })
    }

    /// Returns the ranges of [`blocks_of`](Self::blocks_of) that are not in the cache.
    fn missing(&self, wanted: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        self.blocks_of(wanted).filter(|range| self.cached(range.start, len(range)).is_none())
    }

    /// Whether there is room for `more` blocks with `len` bytes in total, and one of the whole file.
    fn has_room(&self, more: usize, len: u64) -> bool {
        let (count, kept) = self.kept.get();
        count + more < self.blocks.len() && kept.saturating_add(len) <= self.reader.size().saturating_mul(2)
    }

    /// Returns the number of blocks and their total size in bytes.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> (usize, u64) {
        self.kept.get()
    }

    /// Keeps a block at the first free position, if there is one.
    fn keep(&self, block: Block) {
        let (count, kept) = self.kept.get();
        if let Some(place) = self.blocks.get(count) {
            self.kept.set((count + 1, kept.saturating_add(block.bytes.len() as u64)));
            self.recent.set(count);
            place.get_or_init(|| block);
        }
    }
}

impl<R: ReadAt> Source for BlockCache<R> {
    fn size(&self) -> u64 {
        self.reader.size()
    }

    fn read_from(&self, offset: u64, least: u64) -> Result<&[u8], Cause> {
        match self.cached(offset, least) {
            Some(bytes) => Ok(bytes),
            None => self.fetch(offset, least),
        }
    }

    fn window<'a>(&'a self, offset: u64, least: u64, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Cause> {
        if let Some(bytes) = self.cached(offset, least.max(1)) {
            return Ok(bytes);
        }
        let Some(window) = self.reader.window() else { return self.fetch(offset, least) };
        buffer.clear();
        self.copy(self.clamp(offset, least.max(window)), buffer)?;
        Ok(buffer)
    }

    fn announce(&self, ranges: &[Range<u64>]) {
        let inside = |range: &&Range<u64>| range.start < range.end && range.end <= self.size();
        let unknown = |range: &&Range<u64>| self.cached(range.start, len(range)).is_none();
        let mut ranges: Vec<Range<u64>> = ranges.iter().filter(inside).filter(unknown).cloned().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut().filter(|last| range.start <= last.end.saturating_add(GAP)) {
                Some(last) => last.end = last.end.max(range.end),
                None => merged.push(range),
            }
        }
        let mut blocks: Vec<Block> = Vec::new();
        for range in merged.into_iter().flat_map(|range| self.missing(range)) {
            if blocks.last().is_none_or(|last| last.range != range) {
                blocks.push(Block { range, bytes: self.buffer() });
            }
        }
        if self.has_room(blocks.len(), blocks.iter().map(|block| len(&block.range)).sum()) {
            self.reader.read_blocks(&mut blocks);
            for block in blocks {
                self.keep_complete(block);
            }
        }
    }
}
