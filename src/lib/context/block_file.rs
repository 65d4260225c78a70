//! Files on disk that are read in blocks, on demand.
//!
//! Connects [`sys::file`](crate::sys::file) with the [`BlockCache`]: a [`FileReader`] reads ranges of any open file, and a
//! [`BlockFile`] is a file that is used for lookups. Must not interpret the contents.

use std::ops::Range;
use std::path::Path;

use crate::error::{Cause, Error, FormatError, FormatKind};
use crate::formats::source::{BlockCache, ReadAt};
use crate::sys::file::{self, OpenFile, Stat};

/// The distance between the starts of two adjacent blocks of a [`BlockFile`], 16 KiB.
const BLOCK: u64 = 16 << 10;
/// The length of a block, 18 KiB. It overlaps the next block by 2 KiB, so that an item of up to 2 KiB that starts in a
/// block is completely inside it.
const BLOCK_LEN: usize = 18 << 10;

/// The number of bytes per read when a whole file is scanned, 64 KiB. With larger reads, the cost of the additional memory
/// would exceed the time saved.
const WINDOW: u64 = 64 << 10;

/// Reads ranges of an open file.
#[derive(Debug)]
pub(super) struct FileReader {
    file: OpenFile,
    size: u64,
    /// Returns the range to read for a requested range. It must contain that range and may extend past the end of the
    /// file.
    widen: fn(Range<u64>) -> Range<u64>,
}

impl FileReader {
    /// Creates a reader of the first `size` bytes of `file`. `widen` selects the bytes that are read together; see
    /// [`ReadAt::block`].
    pub(super) fn new(file: OpenFile, size: u64, widen: fn(Range<u64>) -> Range<u64>) -> Self {
        Self { file, size, widen }
    }
}

impl ReadAt for FileReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self, wanted: Range<u64>) -> Range<u64> {
        let block = (self.widen)(wanted);
        block.start..block.end.min(self.size)
    }

    fn read_at(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        Ok(file::append_range(&self.file, range.start, range.end.saturating_sub(range.start), bytes)?)
    }

    fn window(&self) -> Option<u64> {
        Some(WINDOW)
    }
}

/// An open file for lookups: an index, a meta.pb, a modules.oxmod.bin.
pub(super) type BlockFile = BlockCache<FileReader>;

impl BlockFile {
    /// Opens the file and reads its first block, where every lookup starts.
    ///
    /// Errors: those of open, pread and fstat; limit above 1 GiB.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (file, size, first) = file::open_beginning(path, BLOCK_LEN).map_err(Error::at(path))?;
        if size > file::MAX_FILE_SIZE {
            return Err(Error::new(path, FormatError::new(FormatKind::Limit, "file is larger than 1 GiB")));
        }
        Ok(Self::new(FileReader::new(file, size, block), first, Vec::new()))
    }

    /// Returns the status of the open file.
    ///
    /// Errors: those of fstat.
    pub(super) fn stat(&self) -> std::io::Result<Stat> {
        file::stat_open(&self.reader().file)
    }

    /// Whether `path` still refers to this file; false if that cannot be determined.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        file::stat(path).is_ok_and(|current| self.stat().is_ok_and(|open| open.inode == current.inode))
    }
}

/// Returns the block in which `wanted` starts, extended if `wanted` ends after it.
fn block(wanted: Range<u64>) -> Range<u64> {
    let start = wanted.start / BLOCK * BLOCK;
    start..wanted.end.max(start + BLOCK_LEN as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::index::{Index, IndexBuilder};

    /// Uses keys and values of many lengths, so that some of them lie across each border between blocks.
    #[test]
    fn lookups_are_the_same_as_in_memory() {
        let entries: Vec<(String, String)> = (0..4000_usize)
            .map(|index| {
                let long = if index % 500 == 7 { 40_000 } else { index % 300 };
                (format!("key{}{index}", "k".repeat(index % 50)), "v".repeat(long))
            })
            .collect();
        let mut builder = IndexBuilder::default();
        for (key, value) in &entries {
            builder.insert(key.as_bytes(), value.as_bytes(), 0).unwrap();
        }
        let bytes = builder.write().unwrap();
        assert!(bytes.len() as u64 > 20 * BLOCK);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("modules.test.bin");
        std::fs::write(&path, &bytes).unwrap();
        let stored = BlockFile::open(&path).unwrap();
        let index = Index::over(&stored).unwrap();
        let (key, value) = &entries[1234];
        assert_eq!(index.get(key.as_bytes()).unwrap(), Some(value.as_bytes()));
        let (read, blocks) = (stored.kept().0, bytes.len() as u64 / BLOCK);
        assert!((read as u64) < blocks / 2, "{read} blocks for one lookup");
        for (key, value) in &entries {
            assert_eq!(index.get(key.as_bytes()).unwrap(), Some(value.as_bytes()), "{key}");
        }
        assert_eq!(index.get(b"keykey").unwrap(), None);
        let dumped = |index: &Index<'_>| {
            let mut all = Vec::new();
            index.dump(|key, found| all.push((key.to_vec(), found.value.to_vec()))).map(|()| all)
        };
        let all = dumped(&index).unwrap();
        assert_eq!(all.len(), entries.len());
        assert_eq!(all, dumped(&Index::parse(&bytes).unwrap()).unwrap());
        // A file that is truncated while it is open is reported as damaged.
        let again = BlockFile::open(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
        let index = Index::over(&again).unwrap();
        let failures = entries.iter().filter(|(key, _)| index.get(key.as_bytes()).is_err()).count();
        assert!(failures > 1000, "{failures}");
        assert!(dumped(&index).is_err());
    }
}
