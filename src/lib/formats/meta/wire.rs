//! The wire format of Protocol Buffers, decoded field by field, in place.

use std::ops::Range;

use crate::error::{Cause, FormatError};
use crate::formats::source::Source;
use crate::formats::varint;

type Result<T> = std::result::Result<T, FormatError>;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireValue {
    /// A varint.
    Number(u64),
    /// The range of a string, a message or packed numbers.
    Bytes(Range<usize>),
    /// A 32-bit value.
    Fixed32(u32),
    /// A 64-bit value, which is skipped.
    Fixed64,
}

/// Returns the size of the file in bytes.
pub(super) fn size(source: &dyn Source) -> usize {
    usize::try_from(source.size()).unwrap_or(usize::MAX)
}

/// Returns the bytes from `offset` on, at least `least` of them unless the file ends before that.
pub(super) fn read_from(source: &dyn Source, offset: usize, least: usize) -> Result<&[u8]> {
    source.read_from(offset as u64, least as u64).map_err(Cause::into_format_error)
}

/// Returns the bytes of a string.
pub(super) fn string<'a>(source: &'a dyn Source, range: &Range<usize>) -> Result<&'a [u8]> {
    read_from(source, range.start, range.len())?.get(..range.len()).ok_or_else(truncated)
}

/// The error for a field whose wire type does not match its number.
pub(super) fn wrong_wire_type() -> FormatError {
    FormatError::malformed("wrong wire type of a field")
}

/// An iterator over the fields of a message.
#[derive(Clone, Copy)]
pub(super) struct WireFields<'a> {
    source: &'a dyn Source,
    at: usize,
    end: usize,
    /// The bytes from `at` on that are available without another access; may extend past `end`.
    near: &'a [u8],
}

impl<'a> WireFields<'a> {
    pub(super) fn of(source: &'a dyn Source, range: Range<usize>) -> Self {
        Self { source, at: range.start, end: range.end, near: &[] }
    }

    /// The offset of the next field.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The source of the message.
    pub(super) fn source(&self) -> &'a dyn Source {
        self.source
    }

    pub(super) fn next(&mut self) -> Result<Option<(u32, WireValue)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|&number| number > 0 && number < 1 << 29);
        let number = number.ok_or_else(|| FormatError::malformed("invalid field number"))?;
        let value = match key & 7 {
            0 => WireValue::Number(self.varint()?),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| truncated())?;
                self.skip(len)?;
                WireValue::Bytes(self.at - len..self.at)
            }
            1 => self.skip(8).map(|()| WireValue::Fixed64)?,
            5 => WireValue::Fixed32(self.fixed32()?),
            _ => return Err(FormatError::malformed("unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    fn fixed32(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        // Nearly all varints have one byte.
        match self.near {
            [byte @ 0..0x80, rest @ ..] if self.at < self.end => {
                (self.at, self.near) = (self.at + 1, rest);
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
        let value = varint::read(varint::MAX_64_BIT, || self.byte())?;
        value.ok_or_else(|| FormatError::malformed("a number of more than 64 bits"))
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        if self.at >= self.end {
            return Err(truncated());
        }
        if self.near.is_empty() {
            self.near = read_from(self.source, self.at, 1)?;
        }
        let (&byte, rest) = self.near.split_first().ok_or_else(truncated)?;
        (self.at, self.near) = (self.at + 1, rest);
        Ok(byte)
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.end).ok_or_else(truncated)?;
        (self.at, self.near) = (end, self.near.get(len..).unwrap_or_default());
        Ok(())
    }
}

/// Calls `each` with the numbers in one occurrence of a repeated field, packed or not.
pub(super) fn numbers(source: &dyn Source, value: WireValue, mut each: impl FnMut(u32)) -> Result<()> {
    let number = |value: u64| {
        u32::try_from(value).map_err(|_| FormatError::malformed("module position is larger than 32 bits"))
    };
    match value {
        WireValue::Number(value) => each(number(value)?),
        WireValue::Bytes(packed) => {
            let mut packed = WireFields::of(source, packed);
            while packed.at < packed.end {
                each(number(packed.varint()?)?);
            }
        }
        WireValue::Fixed32(_) | WireValue::Fixed64 => {}
    }
    Ok(())
}

fn truncated() -> FormatError {
    FormatError::malformed("truncated field")
}
