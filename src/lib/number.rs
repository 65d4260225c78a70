//! Parsing numbers by the rules of the C library.
//!
//! This module accepts what strtoul(3), strtol(3) and the `%u` of scanf(3) accept in the C locale. Each function parses a
//! number at the start of a text and returns it with the rest of the text; the caller decides whether the rest must be
//! empty. For numbers in formats that oxmod itself defines, use [`str::parse`].

/// The base of the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Ten; base 10 of strtoul.
    Decimal,
    /// Sixteen, after an optional `0x`; base 16 of strtoul.
    Hexadecimal,
    /// Sixteen after `0x`, eight after `0`, otherwise ten; base 0 of strtoul.
    ByPrefix,
}

/// Parses a number like strtoull, with optional white space and sign. A negative number wraps around, and one that is too
/// large becomes the maximum. `None` if there are no digits.
pub fn unsigned(text: &[u8], base: Base) -> Option<(u64, &[u8])> {
    let (negative, text) = sign(text);
    let (magnitude, rest) = magnitude(text, base)?;
    let value = match magnitude {
        None => u64::MAX,
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
    };
    Some((value, rest))
}

/// Does the same as [`unsigned`], but returns `None` for a number that is too large.
pub fn unsigned_in_range(text: &[u8], base: Base) -> Option<(u64, &[u8])> {
    magnitude(sign(text).1, base)?.0?;
    unsigned(text, base)
}

/// Parses a decimal number like strtoll, with optional white space and sign. A number that is out of range becomes the
/// minimum or maximum. `None` if there are no digits.
pub fn signed(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, text) = sign(text);
    let (magnitude, rest) = magnitude(text, Base::Decimal)?;
    let magnitude = magnitude.unwrap_or(u64::MAX);
    let value = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    Some((value.unwrap_or(if negative { i64::MIN } else { i64::MAX }), rest))
}

/// Parses a decimal number like the `%u` of scanf, but returns `None` for a number that is too large, where scanf drops
/// the upper bits.
pub fn unsigned_32(text: &[u8]) -> Option<(u32, &[u8])> {
    let (value, rest) = unsigned(text, Base::Decimal)?;
    Some((u32::try_from(value).ok()?, rest))
}

/// Skips a sign, and the white space of isspace(3), which includes one more character than [`u8::is_ascii_whitespace`].
/// Returns whether the sign is a minus, and the rest.
fn sign(text: &[u8]) -> (bool, &[u8]) {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let blanks = text.iter().take_while(|byte| is_space(byte)).count();
    match text.get(blanks..).unwrap_or_default() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    }
}

/// Parses the digits at the start of a text. Returns the value (`None` if it is too large) and the rest.
fn magnitude(text: &[u8], base: Base) -> Option<(Option<u64>, &[u8])> {
    let (radix, text) = match (base, text) {
        // Without a digit after it, `0x` is the number 0 followed by an `x`.
        (Base::Hexadecimal | Base::ByPrefix, [b'0', b'x' | b'X', digits @ ..])
            if digits.first().is_some_and(u8::is_ascii_hexdigit) =>
        {
            (16, digits)
        }
        (Base::Hexadecimal, digits) => (16, digits),
        (Base::ByPrefix, digits @ [b'0', ..]) => (8, digits),
        (Base::Decimal | Base::ByPrefix, digits) => (10, digits),
    };
    let len = text.iter().take_while(|&&byte| char::from(byte).is_digit(radix)).count();
    let (digits, rest) = text.split_at_checked(len).filter(|_| len > 0)?;
    let value = digits.iter().try_fold(0_u64, |value, &byte| {
        value.checked_mul(radix.into())?.checked_add(char::from(byte).to_digit(radix)?.into())
    });
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use std::ffi::{CString, c_char, c_int};

    use super::*;

    /// Returns the value and the number of bytes that were parsed.
    fn read<T>(text: &str, answer: Option<(T, &[u8])>) -> Option<(T, usize)> {
        answer.map(|(value, rest)| (value, text.len() - rest.len()))
    }

    /// Returns the same of a function of the C library, which returns 0 and parses nothing if there is no number.
    #[allow(unsafe_code)]
    fn read_by_c<T>(
        function: unsafe extern "C" fn(*const c_char, *mut *mut c_char, c_int) -> T,
        text: &str,
        base: c_int,
    ) -> Option<(T, usize)> {
        let text = CString::new(text).unwrap();
        let mut end = std::ptr::null_mut();
        // SAFETY: the text ends in NUL, and the end that is stored points into it or to its NUL.
        let (value, len) = unsafe {
            let value = function(text.as_ptr(), &raw mut end, base);
            (value, end.cast_const().offset_from(text.as_ptr()))
        };
        (len > 0).then(|| (value, usize::try_from(len).unwrap()))
    }

    #[test]
    fn numbers_are_parsed_as_in_c() {
        let mut texts = vec![String::new(), "-9223372036854775808".into(), "9223372036854775808".into()];
        for blanks in ["", " ", "\t\x0b\x0c\r\n ", "\u{a0}"] {
            for sign in ["", "-", "+", "+-", "- "] {
                for prefix in ["", "0", "0x", "0X", "x", "00x"] {
                    for digits in
                        ["", "0", "7", "8", "12", "1f", "F", "g", "18446744073709551615", "ffffffffffffffff"]
                    {
                        for rest in ["", "0", " ", "z", "-1"] {
                            texts.push([blanks, sign, prefix, digits, rest].concat());
                        }
                    }
                }
            }
        }
        for text in &texts {
            let bytes = text.as_bytes();
            for (base, number) in [(Base::ByPrefix, 0), (Base::Decimal, 10), (Base::Hexadecimal, 16)] {
                let answer = read(text, unsigned(bytes, base));
                assert_eq!(answer, read_by_c(libc::strtoull, text, number), "{text:?} {base:?}");
            }
            assert_eq!(read(text, signed(bytes)), read_by_c(libc::strtoll, text, 10), "{text:?}");
        }
    }

    #[test]
    fn numbers_of_more_than_32_bits_are_rejected() {
        for (text, answer) in [
            (" +12-3", Some((12, 4))),
            ("4294967295", Some((u32::MAX, 10))),
            ("4294967296", None),
            ("99999999999999999999", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(read(text, unsigned_32(text.as_bytes())), answer, "{text:?}");
        }
    }
}
