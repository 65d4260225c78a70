//! Formatting messages that contain paths and names which are not UTF-8.
//!
//! `format_args!` only produces UTF-8. [`verbatim`] encodes each byte that is not UTF-8 as a character of the last private
//! use plane, and [`bytes`] turns these characters back into bytes. Text with such characters must always pass through
//! [`bytes`].

use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;

/// Formats a message and decodes the output of [`verbatim`].
///
/// ```
/// use oxmod::text::{bytes, verbatim};
///
/// assert_eq!(bytes(format_args!("could not read {}", verbatim(b"J\xfcrgen"))), b"could not read J\xfcrgen");
/// ```
pub fn bytes(text: fmt::Arguments<'_>) -> BString {
    let text = text.to_string();
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match decode(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.into()
}

/// [`bytes`] of a format string and its arguments.
macro_rules! message {
    ($($argument:tt)*) => { $crate::text::bytes(format_args!($($argument)*)) };
}

pub(crate) use message;

/// If `text` begins with a byte order mark, returns the encoding that it stands for, and the text after it.
pub fn split_byte_order_mark(text: &[u8]) -> Option<(&'static str, &[u8])> {
    let marks: [(&str, &[u8]); 3] =
        [("UTF-8", b"\xef\xbb\xbf"), ("UTF-16", b"\xff\xfe"), ("UTF-16", b"\xfe\xff")];
    marks.into_iter().find_map(|(encoding, mark)| Some((encoding, text.strip_prefix(mark)?)))
}

/// Returns `text` without the byte order mark of UTF-8 that some editors put at its beginning.
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Encodes arbitrary bytes so that [`bytes`] returns them unchanged.
pub fn verbatim<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Verbatim<'_> {
    Verbatim(bytes.as_ref())
}

/// [`verbatim`], of a path.
pub fn verbatim_path(path: &Path) -> Verbatim<'_> {
    Verbatim(path.as_os_str().as_bytes())
}

/// See [`verbatim`].
#[derive(Debug, Clone, Copy)]
pub struct Verbatim<'a>(&'a [u8]);

/// The characters U+10FE00..=U+10FEFF stand for the bytes 0..=255.
const PLANE: u32 = 0x10_FE00;

impl fmt::Display for Verbatim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                if decode(letter).is_some() {
                    encode(f, letter.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else {
                    f.write_char(letter)?;
                }
            }
            encode(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn encode(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().filter_map(|&byte| char::from_u32(PLANE + u32::from(byte))).try_for_each(|c| f.write_char(c))
}

fn decode(letter: char) -> Option<u8> {
    u32::from(letter).checked_sub(PLANE).and_then(|byte| u8::try_from(byte).ok())
}

#[cfg(test)]
mod tests {
    use super::{bytes, verbatim};

    #[test]
    fn verbatim_bytes_survive_formatting() {
        for text in [&b"plain"[..], b"a\xff\xfeb\x80", "\u{10FE41}\u{e9}".as_bytes(), b"\xf4\x8f\xb9"] {
            assert_eq!(bytes(format_args!("<{}>", verbatim(text))), [b"<", text, b">"].concat());
        }
    }
}
