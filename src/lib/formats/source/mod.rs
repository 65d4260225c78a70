//! Random access to the bytes of a file: [`Source`], from which every binary format reads, and [`BlockCache`], which
//! implements it on top of anything that can read a range.
//!
//! A lookup touches a dozen places in a file of a megabyte. Reading all of it would take longer than everything else that
//! modprobe does, and a mapped file raises SIGBUS when another process truncates it. Therefore, a format requests ranges
//! and borrows their bytes from the source, which keeps them.
//!
//! Must not perform I/O: the implementor of [`ReadAt`] reads the ranges.

mod cache;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::error::{Cause, FormatError};

pub(crate) use cache::append;
pub use cache::{Block, BlockCache, ReadAt};

/// Random access to the bytes of one file, in memory or not. All offsets and lengths are in bytes.
///
/// Returned bytes do not change while the source is borrowed, even if the file does. If a file is truncated after it was
/// opened, its size stays the same here, and the lost bytes are missing from the end of what is returned.
pub trait Source {
    /// Returns the size of the file.
    fn size(&self) -> u64;

    /// Returns the bytes from `offset` on: at least `least` of them, more if more are available, and fewer only if the
    /// file ends before that. Past its end, the result is empty.
    ///
    /// Errors: the bytes cannot be read or decoded.
    fn read_from(&self, offset: u64, least: u64) -> Result<&[u8], Cause>;

    /// Returns exactly the `len` bytes at `offset`.
    ///
    /// Errors: malformed if the range extends past the end of the file, or the file was truncated; otherwise those of
    /// [`read_from`](Self::read_from).
    fn read_at(&self, offset: u64, len: u64) -> Result<&[u8], Cause> {
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(FormatError::malformed("range outside of the file").into());
        }
        let bytes = self.read_from(offset, len)?;
        let exact = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
        exact.ok_or_else(|| FormatError::malformed("file became shorter while it was read").into())
    }

    /// Does the same as [`read_from`](Self::read_from) for a caller that scans the bytes once. The source need not keep
    /// them and may store them in `buffer`, whose contents are replaced.
    ///
    /// Errors: those of [`read_from`](Self::read_from).
    fn window<'a>(&'a self, offset: u64, least: u64, _buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Cause> {
        self.read_from(offset, least)
    }

    /// Announces the ranges that will be requested next, so that the source can read them together if that is cheaper.
    /// This is a hint: ranges may overlap, and ranges that extend past the end of the file are ignored, as are errors.
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
