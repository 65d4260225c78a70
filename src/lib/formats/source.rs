//! Where the bytes of a file come from: memory, or the file itself, of which only some parts are read.
//!
//! A look-up touches a dozen places of a file of a megabyte. Reading all of it would cost more than
//! everything else that modprobe does, and mapping it would hand the program a signal when somebody
//! cuts the file short.

use crate::error::FormatError;

/// Random access to the bytes of one file, which stay the same as long as they are borrowed.
pub trait Bytes {
    /// The number of bytes that there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes from `offset` on: at least `least`, more where that costs nothing, fewer only where the
    /// file ends.
    ///
    /// Errors: the bytes cannot be read.
    fn at(&self, offset: usize, least: usize) -> Result<&[u8], FormatError>;

    /// Like [`at`](Self::at) for who wants them only once: they need not be kept, and may be put in place of what
    /// `buffer` holds.
    ///
    /// Errors: the bytes cannot be read.
    fn window<'a>(
        &'a self,
        offset: usize,
        least: usize,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], FormatError>;
}

impl Bytes for Vec<u8> {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn at(&self, offset: usize, _: usize) -> Result<&[u8], FormatError> {
        Ok(self.get(offset..).unwrap_or_default())
    }

    fn window<'a>(
        &'a self,
        offset: usize,
        least: usize,
        _: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], FormatError> {
        self.at(offset, least)
    }
}
