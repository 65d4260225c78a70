//! Access to the bytes of an index, in a slice or through a [`Source`].

use crate::error::{Cause, FormatError};
use crate::formats::source::Source;

/// A slice or a [`Source`]; cheap to copy.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    Memory(&'a [u8]),
    Source(&'a dyn Source),
}

impl<'a> Data<'a> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::Source(source) => usize::try_from(source.size()).unwrap_or(usize::MAX),
        }
    }

    fn at(self, offset: usize, least: usize) -> Result<&'a [u8], FormatError> {
        match self {
            Self::Memory(bytes) => bytes.get(offset..).ok_or_else(outside),
            Self::Source(source) => {
                source.read_from(offset as u64, least as u64).map_err(Cause::into_format_error)
            }
        }
    }

    /// Returns the bytes from `offset` on, at least `least` of them unless the file ends before that. May use `buffer`.
    pub(super) fn window<'b>(
        self,
        offset: usize,
        least: usize,
        buffer: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], FormatError>
    where
        'a: 'b,
    {
        match self {
            Self::Memory(bytes) => bytes.get(offset..).ok_or_else(outside),
            Self::Source(source) => {
                source.window(offset as u64, least as u64, buffer).map_err(Cause::into_format_error)
            }
        }
    }

    /// Returns a cursor at `offset`.
    pub(super) fn from(self, offset: usize) -> Cursor<'a> {
        Cursor { data: self, at: offset, bytes: &[] }
    }

    /// Returns the bytes up to the next NUL.
    fn c_string(self, offset: usize) -> Result<&'a [u8], FormatError> {
        let mut least = 1;
        loop {
            let bytes = self.at(offset, least)?;
            if let Some(end) = find_nul(bytes) {
                return Ok(&bytes[..end]);
            }
            if bytes.len() < least || bytes.len() >= self.len().saturating_sub(offset) {
                return Err(FormatError::malformed("a string runs past the end of the file"));
            }
            least = bytes.len().saturating_mul(2);
        }
    }
}

/// A position in the bytes that advances with each item taken.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) data: Data<'a>,
    pub(super) at: usize,
    /// The bytes at that position that are available without another access.
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Takes exactly `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        if self.bytes.len() < len {
            self.bytes = self.data.at(self.at, len)?;
        }
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(outside)?;
        (self.at, self.bytes) = (self.at + len, rest);
        Ok(taken)
    }

    #[inline]
    pub(super) fn be32(&mut self) -> Result<u32, FormatError> {
        let bytes = self.take(4)?.first_chunk().ok_or_else(outside)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// Takes the bytes up to the next NUL, and the NUL, which is not returned.
    #[inline]
    pub(super) fn c_string(&mut self) -> Result<&'a [u8], FormatError> {
        let len = match find_nul(self.bytes) {
            Some(len) => len,
            None => self.data.c_string(self.at)?.len(),
        };
        let text = self.take(len + 1)?;
        Ok(&text[..len])
    }
}

/// The error for a node that extends past the end of the file.
pub(super) fn outside() -> FormatError {
    FormatError::malformed("a node reaches beyond the end of the file")
}

/// Returns the position of the first NUL. Most strings of an index are so short that a vectorised search is not worth its
/// setup cost, so the first sixteen bytes are examined eight at a time.
#[inline]
pub(super) fn find_nul(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().take(2).enumerate() {
        if let Some(zero) = first_zero(*word) {
            return Some(at * 8 + zero);
        }
    }
    bstr::ByteSlice::find_byte(bytes, 0)
}

/// Finds the first zero among eight bytes.
#[inline]
pub(super) fn first_zero(bytes: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(bytes);
    // The lowest bit that is set belongs to the first zero byte. Higher bits may be wrong.
    let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
    (zeros != 0).then_some(zeros.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::find_nul;

    #[test]
    fn the_first_nul_is_found() {
        for len in 0..40 {
            for at in 0..len {
                let mut bytes = vec![1; len];
                bytes[at] = 0;
                assert_eq!(find_nul(&bytes), Some(at));
                bytes[at + 1..].fill(0);
                assert_eq!(find_nul(&bytes), Some(at));
            }
            assert_eq!(find_nul(&vec![0x80; len]), None);
        }
    }
}
