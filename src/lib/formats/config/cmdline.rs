//! The kernel command line: `module.parameter=value` and `modprobe.blacklist=a,b`.
//!
//! Owns its quoting, which is the kernel's (quotes keep blanks together and stay in the value), plus one form that boot
//! loaders produce: `"module.parameter=a b"` means `module.parameter="a b"`. Contract: kmod 34, except that names in
//! `modprobe.blacklist=` are normalised as everywhere else (kmod compares them verbatim, so a name with `-` never
//! matches), and that the words after `--` are not parsed: the kernel also leaves them to init.

use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice};

use super::lex::until_nul;
use super::model::{Blacklist, Config, Options, Origin, OriginKind};
use crate::name;
use crate::notice::{Notice, Sink};

/// The number of bytes of the command line that are parsed; kmod does not read more.
const LIMIT: usize = 4095;

/// A word of the command line that concerns a module.
#[derive(Debug, PartialEq, Eq)]
struct Word<'a> {
    module: &'a [u8],
    /// The parameter with `=` and its value, if it has one. Quotes in the value are kept as written.
    parameter: &'a [u8],
    /// Whether the opening quote preceded the module name; it is moved in front of the value.
    quote_moved: bool,
}

impl Config {
    /// Adds the module parameters and the blacklist of the kernel command line. Origins name `path`.
    ///
    /// A module name with unmatched brackets is skipped with [`Notice::BadCommandLineName`].
    pub fn parse_command_line(&mut self, path: &Path, bytes: &[u8], sink: &Sink) {
        let origin = Origin { path: Arc::from(path), line: 0, kind: OriginKind::Administrator };
        let text = until_nul(bytes.get(..LIMIT).unwrap_or(bytes));
        for word in words(text) {
            let Ok(module) = name::normalize_alias(word.module) else {
                sink.send(&Notice::BadCommandLineName(word.module.into()));
                continue;
            };
            let parameter = word.parameter();
            if module.as_bstr() == "modprobe"
                && let Some(names) = parameter.strip_prefix(b"blacklist=")
            {
                self.blacklist.extend(names.split(|&byte| byte == b',').map(|name| Blacklist {
                    module: name::normalize(name).into_owned().into(),
                    origin: origin.clone(),
                }));
            } else {
                let module = module.into_owned().into();
                self.options.push(Options { module, text: parameter, origin: origin.clone() });
            }
        }
    }
}

impl Word<'_> {
    fn parameter(&self) -> BString {
        let mut text = self.parameter.to_vec();
        if self.quote_moved
            && let Some(equals) = text.find_byte(b'=')
        {
            text.insert(equals + 1, b'"');
        }
        text.into()
    }
}

/// The part of a word that the scanner is in. Positions are offsets of the part's first byte.
#[derive(Clone, Copy)]
enum State {
    Module,
    Parameter(usize),
    Value(usize),
    /// The word does not concern a module: skip to the next blank outside quotes.
    Ignored,
}

/// The words of the form `module.parameter[=value]`, in order, up to a word `--`.
fn words(text: &[u8]) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let (word, next) = word(text, at);
            if matches!(text.get(at..next.saturating_sub(1)), Some(b"--" | b"\"--\"")) {
                return None;
            }
            at = next;
            if word.is_some() {
                return word;
            }
        }
        None
    })
}

/// Scans from `start` to the blank that ends the word. Returns the word and the start of the next one.
fn word(text: &[u8], start: usize) -> (Option<Word<'_>>, usize) {
    let mut state = State::Module;
    let mut quoted = false;
    let mut quote_first = false;
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match (byte, state) {
            (b'"', _) => {
                quoted = !quoted;
                match state {
                    State::Module if at == start => quote_first = true,
                    State::Value(_) => {}
                    _ => state = State::Ignored,
                }
            }
            (byte, _) if is_space(byte) && !quoted => break,
            // Blanks are allowed in quoted values only.
            (byte, State::Module | State::Parameter(_)) if is_space(byte) => state = State::Ignored,
            (b'.', State::Module) => state = State::Parameter(at),
            (b'=', State::Parameter(dot)) => state = State::Value(dot),
            (b'.', State::Parameter(_)) | (b'=', State::Module) => state = State::Ignored,
            _ => {}
        }
        at += 1;
    }
    let word = match state {
        // A word with an unclosed quote is incomplete.
        State::Parameter(dot) | State::Value(dot) if !quoted => Some(Word {
            module: text.get(start + usize::from(quote_first)..dot).unwrap_or_default(),
            parameter: text.get(dot + 1..at).unwrap_or_default(),
            quote_moved: quote_first,
        }),
        _ => None,
    };
    (word, at + 1)
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<String> {
        let mut config = Config::default();
        config.parse_command_line(Path::new("/proc/cmdline"), text.as_bytes(), &Sink::none());
        config.options.iter().map(|entry| format!("{} {}", entry.module, entry.text)).collect()
    }

    #[test]
    fn plain_words() {
        let text = "a.b a.c=1 a-x.c-d=2 a.b.c=1 a.b=x.y a. .b a.=1 a=1.2 quiet a.b=\n";
        assert_eq!(options(text), ["a b", "a c=1", "a_x c-d=2", "a b=x.y", "a ", " b", "a =1", "a b="]);
    }

    #[test]
    fn quotes() {
        for (text, expected) in [
            (r#"a.b="x y" "c.d=x y""#, &[r#"a b="x y""#, r#"c d="x y""#][..]),
            (r#"e.f="x y"z g.h=x"y""#, &[r#"e f="x y"z"#, r#"g h=x"y""#]),
            (r#""i.j="x i".k=1" l."m=1 2" n.o="x y"#, &[r#"i j=""x"#]),
            (r#""c.d=" "a.b" a.c=5"#, &[r#"c d="""#, "a c=5"]),
            (r#"x" a.b=4" c.d=8"#, &["c d=8"]),
            (r#""foo a.b=5 x.y" l.m=6"#, &["l m=6"]),
            (r#"a.b=1" x.y=1 "z.w=1"#, &[r#"a b=1" x.y=1 "z.w=1"#]),
            (r#"a."b c.d=1"#, &[]),
            (r#"" " a.b="x"y"z" x.y"#, &[r#"a b="x"y"z""#, "x y"]),
        ] {
            assert_eq!(options(text), expected, "{text}");
        }
    }

    #[test]
    fn words_for_init() {
        for (text, expected) in [
            ("a.b -- c.d", &["a b"][..]),
            ("-- c.d", &[]),
            ("a.b \"--\" c.d", &["a b"]),
            ("a.b --\n", &["a b"]),
            ("a.b --\tc.d", &["a b"]),
            ("a.b --x c.d", &["a b", "c d"]),
            ("a.b --=x - --- -- e.f", &["a b"]),
            (r#"a.b="x -- y" c.d"#, &[r#"a b="x -- y""#, "c d"]),
        ] {
            assert_eq!(options(text), expected, "{text}");
        }
    }

    #[test]
    fn separators_nul_and_limit() {
        assert_eq!(options("a.b\tc.d\x0b\x0c\re.f=1\0 g.h=2"), ["a b", "c d", "e f=1"]);
        let long = format!("{} ab.cd=1 e.f=2", "a".repeat(LIMIT - 8));
        assert_eq!(options(&long), ["ab cd=1"]);
    }

    #[test]
    fn blacklist_is_normalised_and_keeps_empty_items() {
        let mut config = Config::default();
        let text = b"modprobe.blacklist=a-b,c,,d modprobe.blacklist modprobe.x=1 mod-probe.blacklist=y";
        config.parse_command_line(Path::new("/proc/cmdline"), text, &Sink::none());
        let names: Vec<_> = config.blacklist.iter().map(|entry| entry.module.to_string()).collect();
        assert_eq!(names, ["a_b", "c", "", "d"]);
        assert_eq!(config.options.len(), 3);
    }
}
