//! Module files, compressed or not, as the bytes of one ELF object.
//!
//! Connects files and codecs with a [`Source`]. Of an uncompressed file, or an .xz file with several blocks, only the
//! requested parts are read and decoded; any other compressed file is decoded into a buffer that is reused for the next
//! one. Must not interpret the object.
//!
//! As in kmod, the compression is detected by the file's first bytes, not by its name, and a file of less than six bytes
//! is refused as malformed.

mod xz;

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;

use crate::error::{Cause, Error, FormatError, FormatKind, Result};
use crate::formats::compress::{Compression, Decompressor, XzBlocks};
use crate::formats::source::{BlockCache, Source};
use crate::sys::file::{self, OpenFile};

use super::block_file::FileReader;
use xz::XzReader;

/// The size in bytes up to which a file is read whole, which is faster than reading its parts.
const SMALL: u64 = 32 << 10;
/// The number of bytes of a larger file that are read when it is opened: the ELF header.
const HEAD: u64 = 64;
/// An .xz file of at least this many bytes is searched for blocks. A smaller file rarely has several blocks, which have
/// 3 MiB of decoded data each.
const BLOCKS_FROM: u64 = 64 << 10;
/// The number of bytes of an uncompressed file that are read before and after a requested range. The section table is
/// requested first; the section names are before it, and the signature is after it.
const BEFORE: u64 = 1 << 10;
const AFTER: u64 = 2 << 10;

/// Opens module files one after another, reusing decoder and buffers. Keep one per thread.
#[derive(Default)]
pub struct Opener {
    decompressor: Decompressor,
    /// The contents of a small or compressed file, the first bytes of any other file.
    raw: Vec<u8>,
    decoded: Vec<u8>,
    /// The buffers for blocks of uncompressed files.
    buffers: Cell<Vec<Vec<u8>>>,
    threads: Option<usize>,
}

/// An open module file; valid until its [`Opener`] opens the next one.
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
    /// Sets how many threads may decode one file; by default, one per CPU.
    pub fn use_threads(&mut self, threads: usize) {
        self.threads = Some(threads);
    }

    /// Opens `path` and, if it is compressed, decodes it.
    ///
    /// Errors: those of open, fstat and read (`EISDIR` for a directory); malformed for less than six bytes or damaged
    /// compressed data; limit above 1 GiB, on disk or decoded.
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

    fn plain(&self, file: OpenFile, size: u64) -> BlockCache<FileReader> {
        let mut buffers = self.buffers.take();
        let mut first = buffers.pop().unwrap_or_default();
        first.clear();
        first.extend_from_slice(&self.raw);
        let widen = |range: Range<u64>| range.start.saturating_sub(BEFORE)..range.end.saturating_add(AFTER);
        BlockCache::new(FileReader::new(file, size, widen), first, buffers)
    }
}

fn find_blocks(file: &OpenFile, size: u64, compression: Compression) -> std::io::Result<Option<XzBlocks>> {
    if compression != Compression::Xz || size < BLOCKS_FROM {
        return Ok(None);
    }
    XzBlocks::find(size, |offset, len| {
        let mut bytes = Vec::new();
        file::read_range(file, offset, len as u64, &mut bytes)?;
        Ok(bytes)
    })
}

impl ModuleFile<'_> {
    /// Returns the format that the file is compressed in; `None` for an uncompressed one.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Returns the object's bytes, decoded.
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
