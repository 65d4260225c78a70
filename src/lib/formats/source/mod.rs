//! Random access to the bytes of a file: the [`Source`] that every binary format reads from, and the [`BlockCache`] that
//! makes one of whatever can read a range.
//!
//! A look-up touches a dozen places of a file of a megabyte. Reading all of it would cost more than everything else that
//! modprobe does, and a mapped file raises SIGBUS when another process truncates it. So a format asks for ranges, and
//! what it gets is borrowed from the source, which keeps it.
//!
//! Must not perform I/O: how a range of a file is read is for the implementor of [`ReadAt`].

mod cache;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::error::{Cause, FormatError};

pub(crate) use cache::append;
pub use cache::{Block, BlockCache, ReadAt};

/// Random access to the bytes of one file, in memory or not. All offsets and lengths are in bytes.
///
/// Bytes that were returned do not change while the source is borrowed, even if the file does. A file that is truncated
/// after it was opened keeps its size here; its lost bytes are missing from the end of what is returned.
pub trait Source {
    /// Returns the size of the file.
    fn size(&self) -> u64;

    /// Returns the bytes from `offset` on: at least `least` of them, more where more are at hand, and fewer only where
    /// the file ends. Beyond its end there are none.
    ///
    /// Errors: the bytes cannot be read or decoded.
    fn read_from(&self, offset: u64, least: u64) -> Result<&[u8], Cause>;

    /// Returns exactly the `len` bytes at `offset`.
    ///
    /// Errors: malformed when the range is not wholly inside the file, or the file became shorter; else those of
    /// [`read_from`](Self::read_from).
    fn read_at(&self, offset: u64, len: u64) -> Result<&[u8], Cause> {
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(FormatError::malformed("range outside of the file").into());
        }
        let bytes = self.read_from(offset, len)?;
        let exact = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
        exact.ok_or_else(|| FormatError::malformed("file became shorter while it was read").into())
    }

    /// Returns the same as [`read_from`](Self::read_from) for a caller that passes over the bytes once: the source need
    /// not keep them, and may place them in `buffer`, whose contents are replaced.
    ///
    /// Errors: those of [`read_from`](Self::read_from).
    fn window<'a>(&'a self, offset: u64, least: u64, _buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Cause> {
        self.read_from(offset, least)
    }

    /// Announces the ranges that will be asked for next, so that the source can read them together if that is cheaper.
    /// It is a hint: ranges may overlap, and those that are not wholly inside the file are ignored, as are errors.
    fn announce(&self, _ranges: &[Range<u64>]) {}
}

/// Bytes in memory.
impl<T: AsRef<[u8]>> Source for T {
    fn size(&self) -> u64 {
        self.as_ref().len() as u64
    }

    fn read_from(&self, offset: u64, _least: u64) -> Result<&[u8], Cause> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(self.as_ref().get(offset..).unwrap_or_default())
    }
}
