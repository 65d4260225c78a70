//! A word as it stands on a shell's line, and what the shell will make of it.
//!
//! Knows quotes, backslashes and `~/`. Nothing is expanded that would have to be executed, or asked of the shell.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The word without its quotes, as bash and zsh take them off; the last quote may be open still.
pub fn taken_off(word: &OsStr) -> OsString {
    let mut bytes = word.as_bytes().iter().copied();
    let (mut plain, mut open) = (Vec::new(), None);
    while let Some(byte) = bytes.next() {
        match (open, byte) {
            (None, b'\'' | b'"') => open = Some(byte),
            (Some(quote), byte) if quote == byte => open = None,
            (None, b'\\') => plain.extend(bytes.next()),
            // Before anything else a backslash within these is itself.
            (Some(b'"'), b'\\') => match bytes.next() {
                Some(next @ (b'"' | b'\\' | b'$' | b'`')) => plain.push(next),
                next => plain.extend([byte].into_iter().chain(next)),
            },
            _ => plain.push(byte),
        }
    }
    OsString::from_vec(plain)
}

/// The path that is meant by one that may begin with `~/`.
pub fn at_home(path: &OsStr) -> PathBuf {
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    let below = path.as_bytes().strip_prefix(b"~").filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    match below.and_then(|rest| Some((home()?, rest))) {
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
