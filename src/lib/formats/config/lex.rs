//! Splits a configuration file into logical lines and fields.
//!
//! Owns continuation lines, backslashes and comments. Must not know any directive. The rules are those of kmod 34: a
//! backslash and the newline after it are removed; of a backslash and any other byte, only the backslash is removed;
//! `#` starts a comment only in the first column (and the comment may be continued too); a NUL ends the text of the
//! line; fields are separated by blanks and tabs. Unlike in kmod, a carriage return before a newline, or at the end of
//! the file, is part of the newline.

use std::borrow::Cow;

use bstr::ByteSlice;

/// A logical line that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// The text without its newline, with continuations and backslashes resolved.
    pub(super) text: Cow<'a, [u8]>,
    /// The number of its last physical line, counted from 1.
    pub(super) number: u32,
}

/// The logical lines of a file.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

/// Returns the logical lines of `bytes`.
pub(super) fn lines(bytes: &[u8]) -> Lines<'_> {
    Lines { rest: bytes, number: 0 }
}

impl<'a> Lines<'a> {
    /// Returns the next logical line, including comments and empty lines; `None` at the end.
    fn next_raw(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        self.number = self.number.saturating_add(1);
        let special = self.rest.find_byteset(b"\n\\");
        let (plain, tail) = self.rest.split_at(special.unwrap_or(self.rest.len()));
        if tail.first() != Some(&b'\\') {
            let plain = plain.strip_suffix(b"\r").unwrap_or(plain);
            self.rest = tail.get(1..).unwrap_or_default();
            return Some(Line { text: Cow::Borrowed(until_nul(plain)), number: self.number });
        }
        let mut text = plain.to_vec();
        self.rest = tail;
        self.unescape_into(&mut text);
        text.truncate(until_nul(&text).len());
        Some(Line { text: Cow::Owned(text), number: self.number })
    }

    /// Consumes the bytes up to and including the newline that ends the logical line.
    fn unescape_into(&mut self, text: &mut Vec<u8>) {
        while let Some((&byte, after)) = self.rest.split_first() {
            self.rest = after;
            match byte {
                b'\n' => return,
                b'\r' if matches!(after.first(), None | Some(b'\n')) => {}
                b'\\' => {
                    if after.starts_with(b"\r\n") {
                        self.rest = &after[1..];
                    }
                    // A backslash at the end of the file escapes nothing.
                    let Some((&escaped, after)) = self.rest.split_first() else { return };
                    self.rest = after;
                    if escaped == b'\n' {
                        self.number = self.number.saturating_add(1);
                    } else {
                        text.push(escaped);
                    }
                }
                _ => text.push(byte),
            }
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.next_raw()?;
            if !line.text.is_empty() && line.text.first() != Some(&b'#') {
                return Some(line);
            }
        }
    }
}

/// Returns the bytes up to the first NUL, where a C program stops reading.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.find_byte(0).unwrap_or(bytes.len())]
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Splits a line into fields from the left.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

/// The fields of a line's text.
pub(super) fn fields(text: &[u8]) -> Fields<'_> {
    Fields(text)
}

impl<'a> Fields<'a> {
    /// Returns everything after the one blank that ended the last field, verbatim; `None` if nothing is left.
    pub(super) fn rest(self) -> Option<&'a [u8]> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|&byte| !is_blank(byte))?;
        let field = self.0.get(start..)?;
        let len = field.iter().position(|&byte| is_blank(byte)).unwrap_or(field.len());
        self.0 = field.get(len.saturating_add(1)..).unwrap_or_default();
        field.get(..len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(Vec<u8>, u32)> {
        lines(bytes).map(|line| (line.text.into_owned(), line.number)).collect()
    }

    #[test]
    fn continuation_joins_and_counts_the_last_physical_line() {
        assert_eq!(texts(b"a\\\nb\nc"), [(b"ab".to_vec(), 2), (b"c".to_vec(), 3)]);
    }

    #[test]
    fn a_comment_may_be_continued_over_a_directive() {
        assert_eq!(texts(b"#x\\\nblacklist b\nc\n"), [(b"c".to_vec(), 3)]);
    }

    #[test]
    fn backslashes_are_removed() {
        assert_eq!(texts(br#"a\"b\\c\"#), [(br#"a"b\c"#.to_vec(), 1)]);
    }

    #[test]
    fn carriage_returns_are_part_of_newlines() {
        let plain = texts(b"a x\n\n#c\\\nd\nb\\\nc\\\\ \ne");
        assert_eq!(texts(b"a x\r\n\r\n#c\\\r\nd\r\nb\\\r\nc\\\\ \r\ne\r"), plain);
        assert_eq!(texts(b"a\rb\\\rc\r\r\n\r\rd"), [(b"a\rb\rc\r".to_vec(), 1), (b"\r\rd".to_vec(), 2)]);
    }

    #[test]
    fn nul_ends_the_text_but_not_the_line() {
        assert_eq!(texts(b"a\0b\nc\n"), [(b"a".to_vec(), 1), (b"c".to_vec(), 2)]);
    }

    #[test]
    fn rest_keeps_all_but_one_blank() {
        let mut it = fields(b"\toptions  a   x  y ");
        assert_eq!((it.next(), it.next()), (Some(&b"options"[..]), Some(&b"a"[..])));
        assert_eq!(it.rest(), Some(&b"  x  y "[..]));
        let mut it = fields(b"a ");
        it.next();
        assert_eq!(it.rest(), None);
    }
}
