//! Quoting: words as they are written on a shell's command line, and their meaning.
//!
//! Supports quotes, backslashes and `~/`. Anything that only the shell could expand, such as variables and commands, is
//! kept as written.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::cli::environment;

/// Removes the quotes of a word as bash and zsh do. The last quote may be unclosed.
pub fn unquote(word: &OsStr) -> OsString {
    parse(word.as_bytes()).0
}

/// Returns the word without its quotes and, if the last quote is unclosed, that quote and the position after it.
fn parse(word: &[u8]) -> (OsString, Option<(u8, usize)>) {
    let mut bytes = word.iter().copied().enumerate();
    let (mut plain, mut open) = (Vec::new(), None);
    while let Some((at, byte)) = bytes.next() {
        match (open, byte) {
            (None, b'\'' | b'"') => open = Some((byte, at + 1)),
            (Some((quote, _)), byte) if quote == byte => open = None,
            (None, b'\\') => plain.extend(bytes.next().map(|(_, next)| next)),
            // Within double quotes, a backslash before any other character is kept.
            (Some((b'"', _)), b'\\') => match bytes.next() {
                Some((_, next @ (b'"' | b'\\' | b'$' | b'`'))) => plain.push(next),
                next => plain.extend([byte].into_iter().chain(next.map(|(_, next)| next))),
            },
            _ => plain.push(byte),
        }
    }
    (OsString::from_vec(plain), open)
}

/// The end of a word that the shell replaces by a completion.
pub struct Piece {
    /// The unquoted word before the piece.
    before: OsString,
    /// The quote that is open at the start of the piece.
    quote: Option<u8>,
}

impl Piece {
    /// Returns the end of `word` that is spelled `piece`. If it contains an unclosed quote, readline only replaces the part
    /// after that quote, so the piece starts there.
    pub fn of(word: &OsStr, piece: &OsStr) -> Self {
        let word = word.as_bytes();
        let start = word.len().saturating_sub(piece.len());
        let open = parse(word).1.filter(|&(_, at)| at > start);
        let (quote, start) = open.map_or((None, start), |(quote, at)| (Some(quote), at));
        Self { before: parse(word.get(..start).unwrap_or_default()).0, quote }
    }

    /// Returns the quoted text that replaces the piece, so that the word becomes `value`; `None` if `value` does not begin
    /// like the word.
    pub fn quoted(&self, value: &[u8]) -> Option<Vec<u8>> {
        let rest = value.strip_prefix(self.before.as_bytes())?;
        let mut written = Vec::new();
        for (at, &byte) in rest.iter().enumerate() {
            match self.quote {
                Some(b'\'') if byte == b'\'' => written.extend(b"'\\'"),
                Some(b'"') if b"\"\\$`".contains(&byte) => written.push(b'\\'),
                // Within double quotes, `!` would be a history expansion, and a backslash before it would be kept.
                Some(b'"') if byte == b'!' => {
                    written.extend(b"\"\\!\"");
                    continue;
                }
                None if !byte.is_ascii() || needs_none(&[byte]) => {}
                None if byte == b'~' && (at > 0 || value.starts_with(b"~/")) => {}
                None => written.push(b'\\'),
                Some(_) => {}
            }
            written.push(byte);
        }
        Some(written)
    }
}

/// Replaces `~` at the start of a path by the home directory.
pub fn expand_tilde(path: &OsStr) -> PathBuf {
    let below = path.as_bytes().strip_prefix(b"~").filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    match below.and_then(|rest| Some((environment::home()?, rest))) {
        Some((home, rest)) => home.join(OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest))),
        None => path.into(),
    }
}

/// Whether no shell gives a meaning to any character of the word, so that it needs no quotes. Names in indexes and modules
/// are not trusted.
pub fn needs_none(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.,:+@%=/~".contains(byte);
    !word.starts_with(b"~") && word.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_removed() {
        for (typed, meant) in [
            ("plain", "plain"),
            (r"a\ b", "a b"),
            (r"a\", "a"),
            ("'a b'c", "a bc"),
            ("'a \\ $x", "a \\ $x"),
            (r#""a \"b\" \$c \d \"#, r#"a "b" $c \d \"#),
            (r#"--config="x y"#, "--config=x y"),
            ("", ""),
        ] {
            assert_eq!(unquote(OsStr::new(typed)), meant, "{typed}");
        }
    }

    #[test]
    fn completions_are_quoted_like_the_word() {
        for (word, piece, value, written) in [
            ("", "", "two words/", r"two\ words/"),
            (r"two\ w", r"two\ w", "two words/", r"two\ words/"),
            ("\"two w", "\"two w", "two $words/", r"two \$words/"),
            ("'it", "'it", "it's", r"it'\''s"),
            ("\"a", "\"a", "a!b", r#"a"\!"b"#),
            ("'a", "'a", "a!b", "a!b"),
            ("-C\"o", "-C\"o", "-Co p/", "o p/"),
            ("./'$", "./'$", "./$(x).ko", "$(x).ko"),
            (r"--config=o\ p/", "", "--config=o p/z.ko", "z.ko"),
            ("\"su\"b/d", "\"su\"b/d", "sub/d e", r"sub/d\ e"),
            ("~/a", "~/a", "~/a b", r"~/a\ b"),
            (
                "",
                "",
                "a~;&|<>(){}*?[]!#$`'\"\\",
                "a~\\;\\&\\|\\<\\>\\(\\)\\{\\}\\*\\?\\[\\]\\!\\#\\$\\`\\'\\\"\\\\",
            ),
            ("", "", "\u{fc}=x", "\u{fc}=x"),
        ] {
            let found = Piece::of(OsStr::new(word), OsStr::new(piece)).quoted(value.as_bytes());
            assert_eq!(found.as_deref(), Some(written.as_bytes()), "{word}");
        }
        assert_eq!(Piece::of(OsStr::new("ab"), OsStr::new("")).quoted(b"xy"), None);
    }

    #[test]
    fn words_that_need_quotes() {
        for plain in ["snd-hda_intel", "6.1.0-56+b1~rc", "pci:v00001d0d", "a=b", "/x/y.ko.xz"] {
            assert!(needs_none(plain.as_bytes()), "{plain}");
        }
        for other in
            ["~x", "a b", "$(x)", "`x`", "a;b", "a*", "a\"", "\u{1b}[m", "ü", "a\n", "#x", "!x", "{a,b}"]
        {
            assert!(!needs_none(other.as_bytes()), "{other}");
        }
    }
}
