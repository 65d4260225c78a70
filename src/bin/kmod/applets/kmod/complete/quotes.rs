//! A word as it stands on a shell's line, and what the shell will make of it.
//!
//! Knows quotes, backslashes and `~/`. Nothing is expanded that would have to be executed, or asked of the shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::cli::environment;

/// The word without its quotes, as bash and zsh take them off; the last quote may be open still.
pub fn taken_off(word: &OsStr) -> OsString {
    read(word.as_bytes()).0
}

/// The word without its quotes, and the last quote with the place behind it, if it is still open.
fn read(word: &[u8]) -> (OsString, Option<(u8, usize)>) {
    let mut bytes = word.iter().copied().enumerate();
    let (mut plain, mut open) = (Vec::new(), None);
    while let Some((at, byte)) = bytes.next() {
        match (open, byte) {
            (None, b'\'' | b'"') => open = Some((byte, at + 1)),
            (Some((quote, _)), byte) if quote == byte => open = None,
            (None, b'\\') => plain.extend(bytes.next().map(|(_, next)| next)),
            // Before anything else a backslash within these is itself.
            (Some((b'"', _)), b'\\') => match bytes.next() {
                Some((_, next @ (b'"' | b'\\' | b'$' | b'`'))) => plain.push(next),
                next => plain.extend([byte].into_iter().chain(next.map(|(_, next)| next))),
            },
            _ => plain.push(byte),
        }
    }
    (OsString::from_vec(plain), open)
}

/// What takes the place of the end of a word on a shell's line.
pub struct Piece {
    /// What the word means up to there.
    before: OsString,
    /// The quote that it stands in.
    quote: Option<u8>,
}

impl Piece {
    /// The end of `word` that is written `piece`, or what follows the last quote of it if that is open: readline takes
    /// no more away.
    pub fn of(word: &OsStr, piece: &OsStr) -> Self {
        let word = word.as_bytes();
        let start = word.len().saturating_sub(piece.len());
        let open = read(word).1.filter(|&(_, at)| at > start);
        let (quote, start) = open.map_or((None, start), |(quote, at)| (Some(quote), at));
        Self { before: read(word.get(..start).unwrap_or_default()).0, quote }
    }

    /// How the rest of `value` is written there; `None` if it does not begin as the word does.
    pub fn written(&self, value: &[u8]) -> Option<Vec<u8>> {
        let rest = value.strip_prefix(self.before.as_bytes())?;
        let mut written = Vec::new();
        for (at, &byte) in rest.iter().enumerate() {
            match self.quote {
                Some(b'\'') if byte == b'\'' => written.extend(b"'\\'"),
                Some(b'"') if b"\"\\$`".contains(&byte) => written.push(b'\\'),
                // History would be searched, and a backslash within the quotes would stay.
                Some(b'"') if byte == b'!' => {
                    written.extend(b"\"\\!\"");
                    continue;
                }
                // The home that was meant is.
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

/// The path that is meant by one that may begin with `~/`.
pub fn at_home(path: &OsStr) -> PathBuf {
    let below = path.as_bytes().strip_prefix(b"~").filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    match below.and_then(|rest| Some((environment::home()?, rest))) {
        Some((home, rest)) => home.join(OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest))),
        None => path.into(),
    }
}

/// Whether every shell takes the word for itself, without quotes. Names out of indexes and modules are anybody's.
pub fn needs_none(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.,:+@%=/~".contains(byte);
    !word.starts_with(b"~") && word.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_every_kind() {
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
            assert_eq!(taken_off(OsStr::new(typed)), meant, "{typed}");
        }
    }

    #[test]
    fn written_as_the_word_is() {
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
            let found = Piece::of(OsStr::new(word), OsStr::new(piece)).written(value.as_bytes());
            assert_eq!(found.as_deref(), Some(written.as_bytes()), "{word}");
        }
        assert_eq!(Piece::of(OsStr::new("ab"), OsStr::new("")).written(b"xy"), None);
    }

    #[test]
    fn what_a_shell_would_not_take_for_itself() {
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
