//! Opening a module file, compressed or not, as the bytes of one ELF object.
//!
//! Owns the joining of [`sys`](crate::sys)'s files and codecs to [`elf`]'s [`Source`]: a plain file is read
//! range by range where it lies, a compressed one is decoded into a buffer that is kept for the next file. Must not
//! interpret the object.
//!
//! As in kmod, the compression is known by the file's first bytes, not by its name, and a file of less than six bytes
//! is refused as malformed.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use crate::elf::{self, Source};
use crate::error::{Cause, Error, FormatError, FormatKind, Result};
use crate::sys::decompress::{Compression, Decompressor};
use crate::sys::file;

/// How much of a plain file is read at once when it is opened: the ELF header, and for many a small module all.
const HEAD: u64 = 4096;

/// Opens module files one after another, reusing decoder and buffers. Keep one a thread.
#[derive(Default)]
pub struct Opener {
    decompressor: Decompressor,
    /// The raw file: whole if compressed, else its first bytes.
    raw: Vec<u8>,
    decoded: Vec<u8>,
}

/// The bytes of an open module; valid until its [`Opener`] opens the next.
pub struct ModuleFile<'o> {
    contents: Contents<'o>,
    compression: Option<Compression>,
}

enum Contents<'o> {
    Memory(&'o [u8]),
    Plain { file: File, size: u64, head: &'o [u8] },
}

impl Opener {
    /// Opens `path` and, if it is compressed, decodes it.
    ///
    /// Errors: whatever open, fstat and read answer (`EISDIR` for a directory); malformed for less than six bytes or
    /// damaged compressed data; limit above 1 GiB, on the disk or decoded.
    pub fn open(&mut self, path: &Path) -> Result<ModuleFile<'_>> {
        self.open_inner(path).map_err(Error::at(path))
    }

    fn open_inner(&mut self, path: &Path) -> elf::Result<ModuleFile<'_>> {
        let (file, size) = file::open(path)?;
        if size > file::MAX_FILE_SIZE {
            return Err(FormatError::new(FormatKind::Limit, "file is larger than 1 GiB").into());
        }
        file::read_range(&file, 0, size.min(HEAD), &mut self.raw)?;
        if self.raw.len() < Compression::MAGIC_SIZE {
            return Err(FormatError::malformed("file is too small for a module").into());
        }
        let compression = Compression::detect(&self.raw);
        let contents = match compression {
            None => Contents::Plain { file, size, head: &self.raw },
            Some(compression) => {
                file::read_range(&file, 0, size, &mut self.raw)?;
                self.decompressor.decompress(compression, &self.raw, &mut self.decoded)?;
                Contents::Memory(&self.decoded)
            }
        };
        Ok(ModuleFile { contents, compression })
    }
}

impl<'o> ModuleFile<'o> {
    /// The decoded object of a compressed file; `None` for a plain one, which stays on the disk.
    pub fn decoded(&self) -> Option<&'o [u8]> {
        match self.contents {
            Contents::Memory(bytes) => Some(bytes),
            Contents::Plain { .. } => None,
        }
    }
    /// The format that the file on the disk is compressed in, `None` for a plain one.
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }
}

impl Source for ModuleFile<'_> {
    fn size(&self) -> u64 {
        match &self.contents {
            Contents::Memory(bytes) => bytes.len() as u64,
            Contents::Plain { size, .. } => *size,
        }
    }

    fn bytes(&self, offset: u64, len: u64) -> elf::Result<Cow<'_, [u8]>> {
        let (head, file, size) = match &self.contents {
            Contents::Memory(bytes) => return bytes.bytes(offset, len),
            Contents::Plain { file, size, head } => (head, file, *size),
        };
        if let Ok(bytes) = head.bytes(offset, len) {
            return Ok(bytes);
        }
        if offset.checked_add(len).is_none_or(|end| end > size) {
            return Err(FormatError::malformed("range outside of the file").into());
        }
        let mut bytes = Vec::new();
        file::read_range(file, offset, len, &mut bytes)?;
        // The file was cut since it was opened.
        if bytes.len() as u64 != len {
            return Err(Cause::Format(FormatError::malformed("file became shorter while it was read")));
        }
        Ok(Cow::Owned(bytes))
    }
}
