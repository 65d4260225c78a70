//! Opening a module file, compressed or not, as the bytes of one ELF object.
//!
//! Owns the combination of [`sys`](crate::sys)'s files and the codecs to a [`Source`]. An uncompressed file and an .xz file
//! with several blocks are read and decoded on demand; any other compressed file is decoded into a buffer that is reused
//! for the next one. Must not interpret the object.
//!
//! As in kmod, the compression is known by the file's first bytes, not by its name, and a file of less than six bytes
//! is refused as malformed.

mod xz;

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use crate::error::{Cause, Error, FormatError, FormatKind, Result};
use crate::formats::compress::{Blocks, Compression, Decompressor};
use crate::formats::source::{BlockCache, Source};
use crate::sys::file;

use super::block_file::FileReader;
use xz::XzReader;

/// Files up to this size are read whole: that costs less than asking for their parts.
const SMALL: u64 = 32 << 10;
/// How much of a larger one is read when it is opened: enough for the ELF header.
const HEAD: u64 = 64;
/// From which size on an .xz file may be worth taking apart into blocks, 64 KiB. Blocks of 3 MiB hardly ever take less.
const BLOCKS_FROM: u64 = 64 << 10;
/// How much of an uncompressed file is read before and after a requested range. The first such range is the section table,
/// and the section names and the signature are next to it.
const BEFORE: u64 = 1 << 10;
const AFTER: u64 = 2 << 10;

/// Opens module files one after another, reusing decoder and buffers. Keep one a thread.
#[derive(Default)]
pub struct Opener {
    decompressor: Decompressor,
    /// The raw file: whole if it is small or compressed, else its first bytes.
    raw: Vec<u8>,
    decoded: Vec<u8>,
    /// The buffers for blocks of uncompressed files.
    buffers: Cell<Vec<Vec<u8>>>,
    threads: Option<usize>,
}

/// The bytes of an open module; valid until its [`Opener`] opens the next.
pub struct ModuleFile<'o> {
    contents: Contents<'o>,
    compression: Option<Compression>,
    buffers: &'o Cell<Vec<Vec<u8>>>,
}

enum Contents<'o> {
    Memory(&'o [u8]),
    Plain(BlockCache<FileReader>),
    Xz(BlockCache<XzReader>),
}

impl Opener {
    /// How many threads may work on one file; by default as many as there are processors.
    pub fn use_threads(&mut self, threads: usize) {
        self.threads = Some(threads);
    }

    /// Opens `path` and, if it is compressed, decodes it.
    ///
    /// Errors: whatever open, fstat and read answer (`EISDIR` for a directory); malformed for less than six bytes or
    /// damaged compressed data; limit above 1 GiB, on the disk or decoded.
    pub fn open(&mut self, path: &Path) -> Result<ModuleFile<'_>> {
        self.open_inner(path).map_err(Error::at(path))
    }

    fn open_inner(&mut self, path: &Path) -> std::result::Result<ModuleFile<'_>, Cause> {
        let (file, size) = file::open(path)?;
        if size > file::MAX_FILE_SIZE {
            return Err(FormatError::new(FormatKind::Limit, "file is larger than 1 GiB").into());
        }
        file::read_range(&file, 0, if size > SMALL { HEAD } else { size }, &mut self.raw)?;
        if self.raw.len() < Compression::MAGIC_SIZE {
            return Err(FormatError::malformed("file is too small for a module").into());
        }
        let compression = Compression::detect(&self.raw);
        let contents = match compression {
            None if size > SMALL => Contents::Plain(self.plain(file, size)),
            None => Contents::Memory(&self.raw),
            Some(compression) => {
                if let Some(blocks) = find_blocks(&file, size, compression)? {
                    let reader = XzReader::new(file, blocks, self.threads);
                    Contents::Xz(BlockCache::new(reader, Vec::new(), Vec::new()))
                } else {
                    let filled = self.raw.len() as u64;
                    file::append_range(&file, filled, size.saturating_sub(filled), &mut self.raw)?;
                    self.decompressor.decompress(compression, &self.raw, &mut self.decoded)?;
                    Contents::Memory(&self.decoded)
                }
            }
        };
        Ok(ModuleFile { contents, compression, buffers: &self.buffers })
    }

    fn plain(&self, file: File, size: u64) -> BlockCache<FileReader> {
        let mut buffers = self.buffers.take();
        let mut first = buffers.pop().unwrap_or_default();
        first.clear();
        first.extend_from_slice(&self.raw);
        let around = |range: Range<u64>| range.start.saturating_sub(BEFORE)..range.end.saturating_add(AFTER);
        BlockCache::new(FileReader::new(file, size, around), first, buffers)
    }
}

fn find_blocks(file: &File, size: u64, compression: Compression) -> std::io::Result<Option<Blocks>> {
    if compression != Compression::Xz || size < BLOCKS_FROM {
        return Ok(None);
    }
    Blocks::find(size, |offset, len| {
        let mut bytes = Vec::new();
        file::read_range(file, offset, len as u64, &mut bytes)?;
        Ok(bytes)
    })
}

impl ModuleFile<'_> {
    /// The format that the file on the disk is compressed in, `None` for a plain one.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Returns the decoded bytes of the object.
    pub fn source(&self) -> &dyn Source {
        match &self.contents {
            Contents::Memory(bytes) => bytes,
            Contents::Plain(cache) => cache,
            Contents::Xz(cache) => cache,
        }
    }
}

impl Drop for ModuleFile<'_> {
    fn drop(&mut self) {
        if let Contents::Plain(cache) = &mut self.contents {
            self.buffers.set(cache.take_buffers());
        }
    }
}
