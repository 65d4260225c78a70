//! Where an object's bytes come from: memory, or whatever its owner implements.
//!
//! Owns the [`Source`] trait and its implementation for bytes in memory. Must not know files: the
//! implementation that reads a plain module part by part belongs to whoever opened the file.

use std::borrow::Cow;
use std::ops::Range;

use super::{Result, malformed};

/// Random access to the bytes of one object.
pub trait Source {
    /// The number of bytes that there are.
    fn size(&self) -> u64;

    /// Exactly `len` bytes at `offset`.
    ///
    /// Errors: malformed when the range is not wholly inside; else what reading answered. The caller has
    /// usually checked the range against [`Source::size`], so that an implementation may allocate `len`.
    fn bytes(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>>;

    /// Hears which ranges will be asked for next, to get them together if that is cheaper. They may reach outside.
    fn announce(&self, _ranges: &[Range<u64>]) {}
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        range(self, offset, len).map(Cow::Borrowed).ok_or_else(outside)
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self, offset: u64, len: u64) -> Result<Cow<'_, [u8]>> {
        range(self, offset, len).map(Cow::Borrowed).ok_or_else(outside)
    }
}

fn outside() -> crate::error::Cause {
    malformed("range outside of the file")
}

/// `bytes[offset..offset + len]`, if that is inside.
pub(super) fn range(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(start..end)
}
