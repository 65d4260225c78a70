//! Protocol Buffers' wire format, field by field, in place.

use crate::error::FormatError;

type Result<T> = std::result::Result<T, FormatError>;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Of variable length.
    Number(u64),
    /// A string, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Of fixed length, which no field of ours has.
    Fixed,
}

/// Reads a number of variable length.
fn varint(bytes: &[u8], at: &mut usize) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at).ok_or_else(truncated)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(FormatError::malformed("a number of more than 64 bits"))
}

/// The fields of a message, one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let key = varint(self.bytes, &mut self.at)?;
        let number = u32::try_from(key >> 3).ok().filter(|&number| number > 0 && number < 1 << 29);
        let number = number.ok_or_else(|| FormatError::malformed("a field without a proper number"))?;
        let value = match key & 7 {
            0 => Value::Number(varint(self.bytes, &mut self.at)?),
            2 => {
                let len = varint(self.bytes, &mut self.at)?;
                Value::Bytes(self.take(usize::try_from(len).map_err(|_| truncated())?)?)
            }
            1 => self.take(8).map(|_| Value::Fixed)?,
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(FormatError::malformed("a field of an unknown kind")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len).ok_or_else(truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(truncated)?;
        self.at = end;
        Ok(taken)
    }
}

/// The numbers of one field of a repeated number, packed or not.
pub(super) fn numbers(value: Value<'_>, mut each: impl FnMut(u32)) -> Result<()> {
    let number = |value: u64| {
        u32::try_from(value).map_err(|_| FormatError::malformed("a position of more than 32 bits"))
    };
    match value {
        Value::Number(value) => each(number(value)?),
        Value::Bytes(packed) => {
            let mut at = 0;
            while at < packed.len() {
                each(number(varint(packed, &mut at)?)?);
            }
        }
        Value::Fixed => {}
    }
    Ok(())
}

fn truncated() -> FormatError {
    FormatError::malformed("it ends inside a field")
}
