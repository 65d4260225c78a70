//! Variable-length integers: seven bits per byte, the lowest first, with the top bit set in all bytes except the last.
//!
//! Reads and writes them for all formats that use them: Protocol Buffers (meta.pb), `.xz`, the cache. prost has functions
//! for this too, but they need all bytes in memory and do not support the limit of `.xz`.

/// The maximum number of bytes of a 64-bit number.
pub(super) const MAX_64_BIT: u32 = 10;
/// The maximum number of bytes of a 63-bit number.
pub(super) const MAX_63_BIT: u32 = 9;

/// Reads a number byte by byte from `next`; `None` for one of more than `max` bytes.
///
/// Errors: those of `next`.
#[inline]
pub(super) fn read<E>(max: u32, mut next: impl FnMut() -> Result<u8, E>) -> Result<Option<u64>, E> {
    let mut value = 0;
    for position in 0..max {
        let byte = next()?;
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte < 0x80 {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Removes a number from the start of `bytes` and returns it; `None` if it is truncated or has more than `max` bytes.
#[inline]
pub(super) fn take(max: u32, bytes: &mut &[u8]) -> Option<u64> {
    let next = || {
        let (&byte, rest) = bytes.split_first().ok_or(())?;
        *bytes = rest;
        Ok::<u8, ()>(byte)
    };
    read(max, next).ok().flatten()
}

/// Appends a number to `bytes`.
pub(super) fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decoded_as_encoded() {
        for (value, len) in
            [(0, 1), (0x7f, 1), (0x80, 2), (300, 2), (1 << 62, 9), (u64::MAX >> 1, 9), (u64::MAX, 10)]
        {
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            assert_eq!(bytes.len(), len);
            bytes.push(1);
            let mut rest = bytes.as_slice();
            assert_eq!(take(MAX_64_BIT, &mut rest), Some(value));
            assert_eq!(rest, [1]);
            let short = take(MAX_63_BIT, &mut bytes.as_slice());
            assert_eq!(short, (value <= u64::MAX >> 1).then_some(value));
            for cut in 0..len {
                assert_eq!(take(MAX_64_BIT, &mut &bytes[..cut]), None);
            }
        }
        assert_eq!(take(MAX_64_BIT, &mut &[0x80; 11][..]), None);
    }
}
