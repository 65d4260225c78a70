//! An index file on the disk, read block by block as questions lead there.
//!
//! Joins [`sys::file`] to [`Bytes`]. Each block is read once and kept; what a reader
//! has been shown never changes, and a file that is cut short meanwhile only looks damaged.

use std::cell::OnceCell;
use std::fs::File;
use std::path::Path;

use crate::error::{Cause, Error, FormatError, FormatKind};
use crate::formats::source::Bytes;
use crate::sys::file;

/// Distance of the blocks' beginnings, in bytes.
const BLOCK: usize = 16 << 10;
/// How far a block reaches into the next one: what begins in a block and is no longer than this is in it.
const OVERLAP: usize = 2 << 10;

/// How much is read at once where all of a file is wanted: memory that is used again costs less than reading in larger
/// pieces would save.
const WINDOW: usize = 64 << 10;

/// An open index file.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    size: usize,
    blocks: Box<[OnceCell<Vec<u8>>]>,
    /// All of it, if that was no more than a block, or once something was longer than the overlap.
    whole: OnceCell<Vec<u8>>,
}

impl Stored {
    /// Opens the file and reads its first block, where every walk begins.
    ///
    /// Errors: whatever open, pread and fstat answer; limit above 1 GiB.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let (file, size, first) = file::open_beginning(path, BLOCK + OVERLAP).map_err(Error::at(path))?;
        let size = usize::try_from(size).ok().filter(|&size| size as u64 <= file::MAX_FILE_SIZE);
        let size = size.ok_or_else(|| {
            Error::new(path, FormatError::new(FormatKind::Limit, "file is larger than 1 GiB"))
        })?;
        let blocks = (0..size.div_ceil(BLOCK)).map(|_| OnceCell::new()).collect();
        let mut stored = Self { file, size, blocks, whole: OnceCell::new() };
        if first.len() == size {
            stored.whole = first.into();
        } else if let Some(block) = stored.blocks.first_mut() {
            *block = first.into();
        }
        Ok(stored)
    }

    /// Whether the file was empty when it was opened.
    pub(super) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether it is what `path` leads to now; not if that cannot be told.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        file::stat(path)
            .is_ok_and(|there| file::stat_open(&self.file).is_ok_and(|here| here.inode == there.inode))
    }

    fn read(&self, offset: usize, len: usize, bytes: &mut Vec<u8>) -> Result<(), FormatError> {
        let len = len.min(self.size.saturating_sub(offset));
        file::read_range(&self.file, offset as u64, len as u64, bytes)
            .map_err(|error| FormatError::malformed(format!("it cannot be read: {}", Cause::from(error))))
    }

    /// The bytes from block number `block` on, with the overlap.
    fn block(&self, block: usize) -> Result<&[u8], FormatError> {
        let Some(cell) = self.blocks.get(block) else { return Ok(&[]) };
        self.kept(cell, block * BLOCK, BLOCK + OVERLAP)
    }

    fn kept<'s>(
        &'s self,
        cell: &'s OnceCell<Vec<u8>>,
        offset: usize,
        len: usize,
    ) -> Result<&'s [u8], FormatError> {
        if cell.get().is_none() {
            let mut bytes = Vec::new();
            self.read(offset, len, &mut bytes)?;
            cell.get_or_init(|| bytes);
        }
        Ok(cell.get().map_or(&[], Vec::as_slice))
    }
}

impl Bytes for Stored {
    fn len(&self) -> usize {
        self.size
    }

    fn at(&self, offset: usize, least: usize) -> Result<&[u8], FormatError> {
        let from = |bytes: &'_ [u8], start: usize| offset.checked_sub(start).filter(|&at| at <= bytes.len());
        if let Some(whole) = self.whole.get() {
            return Ok(from(whole, 0).map_or(&[], |at| &whole[at..]));
        }
        let block = offset / BLOCK;
        // Nearly always.
        if let Some(piece) = self.blocks.get(block).and_then(OnceCell::get)
            && let Some(bytes) = piece.get(offset % BLOCK..)
            && bytes.len() >= least
        {
            return Ok(bytes);
        }
        let piece = self.block(block)?;
        let there = piece.len().saturating_sub(offset % BLOCK);
        if there < least && self.size.saturating_sub(offset) > there {
            let whole = self.kept(&self.whole, 0, self.size)?;
            return Ok(from(whole, 0).map_or(&[], |at| &whole[at..]));
        }
        Ok(from(piece, block * BLOCK).map_or(&[], |at| &piece[at..]))
    }

    fn window<'a>(
        &'a self,
        offset: usize,
        least: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], FormatError> {
        // Has been read when the file was opened.
        if offset < BLOCK && offset + least <= BLOCK || self.whole.get().is_some() {
            return self.at(offset, least);
        }
        self.read(offset, least.max(WINDOW), buffer)?;
        Ok(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::index::{Builder, Index};

    /// Keys and values of every length, so that they lie across all borders of blocks.
    #[test]
    fn answers_are_those_of_the_file_in_memory() {
        let entries: Vec<(String, String)> = (0..4000_usize)
            .map(|index| {
                let long = if index % 500 == 7 { 40_000 } else { index % 300 };
                (format!("key{}{index}", "k".repeat(index % 50)), "v".repeat(long))
            })
            .collect();
        let mut builder = Builder::default();
        for (key, value) in &entries {
            builder.insert(key.as_bytes(), value.as_bytes(), 0).unwrap();
        }
        let bytes = builder.write().unwrap();
        assert!(bytes.len() > 20 * BLOCK);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("modules.test.bin");
        std::fs::write(&path, &bytes).unwrap();
        let stored = Stored::open(&path).unwrap();
        let index = Index::over(&stored).unwrap();
        let (key, value) = &entries[1234];
        assert_eq!(index.get(key.as_bytes()).unwrap(), Some(value.as_bytes()));
        let read = stored.blocks.iter().filter(|block| block.get().is_some()).count();
        assert!(read < stored.blocks.len() / 2, "{read} blocks for one look-up");
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
        // Cut short behind our back: damaged, not dead.
        let again = Stored::open(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
        let index = Index::over(&again).unwrap();
        let failures = entries.iter().filter(|(key, _)| index.get(key.as_bytes()).is_err()).count();
        assert!(failures > 1000, "{failures}");
        assert!(dumped(&index).is_err());
    }
}
