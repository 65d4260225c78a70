//! The parser of modprobe.d: turns lines into entries.
//!
//! Owns the directives. The key, a module name or pattern, is normalised; the rest of the line is kept byte for byte,
//! because commands and parameters are not interpreted here. Contract: modprobe.d(5) as kmod 34 reads it, plus
//! `forbid`, which kmod reports as a bad line. A bad line is skipped and is never fatal.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::directives::{Verdict, read};
use super::lex::Fields;
use super::model::{
    Alias, Blacklist, Command, Config, Forbid, Options, Origin, OriginKind, Softdep, Weakdep,
};
use crate::name;
use crate::notice::{Notice, Sink};

impl Config {
    /// Parses `bytes`, the contents of the file that notices and origins call `path`, and adds the entries.
    ///
    /// Bad lines are skipped with [`BadConfigLine`](Notice::BadConfigLine). The directives of module-init-tools that
    /// kmod dropped (`include`, `config`) are skipped with [`DeprecatedDirective`](Notice::DeprecatedDirective).
    pub fn parse(&mut self, path: &Path, bytes: &[u8], sink: &Sink) {
        self.parse_of(OriginKind::Administrator, path, bytes, sink);
    }

    /// Does the same as [`parse`](Self::parse) for a file of another origin.
    pub fn parse_of(&mut self, kind: OriginKind, path: &Path, bytes: &[u8], sink: &Sink) {
        let bad = |path, line, word| Notice::BadConfigLine { path, line, word };
        read(path, bytes, kind, sink, bad, |directive, words, origin| match directive {
            b"include" | b"config" => Verdict::Deprecated,
            directive => self.add(directive, words, origin).into(),
        });
    }

    /// Adds the entry of a line; `None` if the line is invalid.
    fn add(&mut self, directive: &[u8], mut words: Fields<'_>, origin: Origin) -> Option<()> {
        match directive {
            b"alias" => {
                let (pattern, module) = (key(&mut words)?, key(&mut words)?);
                self.aliases.push(Alias { pattern, module, origin });
            }
            b"blacklist" => {
                self.blacklist.push(Blacklist { module: key(&mut words)?, origin });
            }
            b"options" => {
                let module = key(&mut words)?;
                let text = words.rest()?.replace(b"\t", b" ").into();
                self.options.push(Options { module, text, origin });
            }
            b"forbid" => self.forbids.push(forbid(words, origin)?),
            b"install" => self.installs.push(command(words, origin)?),
            b"remove" => self.removes.push(command(words, origin)?),
            b"softdep" => self.softdeps.push(softdep(words, origin)?),
            b"weakdep" => {
                let pattern = key(&mut words)?;
                let modules = names(words.rest()?).map(BString::from).collect();
                self.weakdeps.push(Weakdep { pattern, modules, origin });
            }
            _ => return None,
        }
        Some(())
    }
}

/// Takes and normalises the next field; `None` if there is none or its brackets are unbalanced.
fn key(words: &mut Fields<'_>) -> Option<BString> {
    Some(name::normalize_alias(words.next()?).ok()?.into_owned().into())
}

fn command(mut words: Fields<'_>, origin: Origin) -> Option<Command> {
    Some(Command { pattern: key(&mut words)?, command: words.rest()?.into(), origin })
}

/// Parses a `forbid` line. Unlike in other directives, the text after the key is optional.
fn forbid(mut words: Fields<'_>, origin: Origin) -> Option<Forbid> {
    let pattern = key(&mut words)?;
    let reason = words.rest().map(<[u8]>::trim_ascii).filter(|text| !text.is_empty());
    Some(Forbid { pattern, reason: reason.map(BString::from), origin })
}

/// Parses a `softdep` line. Only the exact words `pre:` and `post:` start a list; names before the first are dropped.
fn softdep(mut words: Fields<'_>, origin: Origin) -> Option<Softdep> {
    let mut entry = Softdep { pattern: key(&mut words)?, pre: Vec::new(), post: Vec::new(), origin };
    let mut list = None;
    for name in names(words.rest()?) {
        match (name, &mut list) {
            (b"pre:", _) => list = Some(&mut entry.pre),
            (b"post:", _) => list = Some(&mut entry.post),
            (name, Some(list)) => list.push(name.into()),
            _ => {}
        }
    }
    Some(entry)
}

/// Splits a dependency list, whose separator is any C whitespace, unlike that of the fields of a line.
fn names(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|&byte| byte.is_ascii_whitespace() || byte == 0x0b).filter(|name| !name.is_empty())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
