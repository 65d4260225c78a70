//! Escapes untrusted names in messages, such as those of devices, so that they cannot send control characters to a terminal.

use std::fmt;
#[cfg(feature = "coldplug")]
use std::path::Path;

use oxmod::text::verbatim;

/// Like [`escaped`], for a path.
#[cfg(feature = "coldplug")]
pub fn escaped_path(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}

/// Like [`verbatim`], for untrusted names, such as those of devices: control characters and newlines are shown in the form
/// `\x1b`.
pub fn escaped<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Escaped<'_> {
    Escaped(bytes.as_ref())
}

/// See [`escaped`].
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for part in chunk.valid().split_inclusive(char::is_control) {
                let end = part.char_indices().next_back().filter(|(_, letter)| letter.is_control());
                let (plain, control) = part.split_at(end.map_or(part.len(), |(at, _)| at));
                verbatim(plain).fmt(f)?;
                control.bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
            }
            // A terminal that does not use UTF-8 interprets some of these bytes as control characters.
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use oxmod::text;

    use super::escaped;

    #[test]
    fn control_characters_are_escaped() {
        for (bytes, shown) in [
            (&b"plain"[..], "plain"),
            (b"", ""),
            (b"a\nb\x1b[2J\x7f", "a\\x0ab\\x1b[2J\\x7f"),
            ("\u{e9}\u{9b}x".as_bytes(), "\u{e9}\\xc2\\x9bx"),
            (b"\xff\x9b", "\\xff\\x9b"),
        ] {
            assert_eq!(text::bytes(format_args!("{}", escaped(bytes))), shown.as_bytes());
        }
    }
}
