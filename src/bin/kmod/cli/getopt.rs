//! Parses command lines by the rules of `getopt_long`, with a [`clap::Command`] as the table of options. This module does
//! no I/O and reads no environment variables.
//!
//! clap's own parser is not used. It takes about 160,000 instructions where this one takes a few thousand, and a boot runs
//! the program thousands of times; it does not keep the order of the options; and scripts rely on rules of getopt that it
//! lacks: `-S=x` means the value `=x`, an unambiguous prefix selects a long option, and the options before an error take
//! effect.
//!
//! The message about an ambiguous prefix lists the candidates in the order of the table. Of one `Arg`, hidden aliases (old
//! spellings, which kmod lists first) come before the long name, and visible aliases after it.
//!
//! Contract: `getopt_long` of glibc 2.41, including its messages.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, Command};

/// Whether options may follow operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// Options may follow operands: `modprobe foo -v`.
    Permute,
    /// The first operand ends the options (`POSIXLY_CORRECT`, and the `kmod` command itself).
    RequireOrder,
}

/// An option of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt<'a> {
    /// The id of its `Arg` in the table.
    pub id: &'a str,
    /// Its value, if the table says that it takes one.
    pub value: Option<OsString>,
}

/// The line, without the newline, that getopt prints about an invalid command line. It quotes the arguments, so it is bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(pub Vec<u8>);

/// A parser that returns the options one at a time, so that each can take effect before a later one turns out to be invalid.
pub struct Getopt<'a> {
    command: &'a Command,
    argv0: &'a OsStr,
    rest: std::slice::Iter<'a, OsString>,
    /// The letters of an argument such as `-abc` that have not been returned yet.
    cluster: &'a [u8],
    operands: Vec<OsString>,
    ordering: Ordering,
}

impl<'a> Getopt<'a> {
    /// Creates a parser of `args` (`argv[1..]`). Messages begin with `argv0`.
    pub fn new(command: &'a Command, argv0: &'a OsStr, args: &'a [OsString], ordering: Ordering) -> Self {
        Self { command, argv0, rest: args.iter(), cluster: &[], operands: Vec::new(), ordering }
    }

    /// Returns the next option; `None` if only operands remain. Must not be called again after an error.
    pub fn next(&mut self) -> Result<Option<Opt<'a>>, UsageError> {
        if self.cluster.is_empty() {
            loop {
                let Some(arg) = self.rest.as_slice().first() else { return Ok(None) };
                let bytes = arg.as_bytes();
                if bytes == b"--" {
                    self.rest.next();
                    return Ok(None);
                }
                if let Some(long) = bytes.strip_prefix(b"--") {
                    self.rest.next();
                    return self.long(long).map(Some);
                }
                if bytes.len() > 1 && bytes.starts_with(b"-") {
                    self.rest.next();
                    self.cluster = bytes.get(1..).unwrap_or_default();
                    break;
                }
                if self.ordering == Ordering::RequireOrder {
                    return Ok(None);
                }
                self.operands.push(arg.clone());
                self.rest.next();
            }
        }
        self.short().map(Some)
    }

    /// Returns the operands: those between options, followed by the remaining arguments.
    pub fn operands(mut self) -> Vec<OsString> {
        self.operands.extend(self.rest.cloned());
        self.operands
    }

    fn short(&mut self) -> Result<Opt<'a>, UsageError> {
        let Some((&letter, tail)) = self.cluster.split_first() else {
            return Err(self.error(&[b"invalid option -- ''"]));
        };
        self.cluster = tail;
        let Some(arg) = self.command.get_arguments().find(|arg| arg.get_short() == Some(char::from(letter)))
        else {
            return Err(self.error(&[b"invalid option -- '", &[letter], b"'"]));
        };
        if !takes_value(arg) {
            return Ok(Opt { id: arg.get_id().as_str(), value: None });
        }
        self.cluster = &[];
        let value =
            if tail.is_empty() { self.rest.next().cloned() } else { Some(OsString::from_vec(tail.to_vec())) };
        if value.is_none() {
            return Err(self.error(&[b"option requires an argument -- '", &[letter], b"'"]));
        }
        Ok(Opt { id: arg.get_id().as_str(), value })
    }

    fn long(&mut self, text: &'a [u8]) -> Result<Opt<'a>, UsageError> {
        let mut halves = text.splitn(2, |&byte| byte == b'=');
        let typed = halves.next().unwrap_or_default();
        let given = halves.next();
        let (name, arg) = self.find_long(typed, text)?;
        if !takes_value(arg) {
            return match given {
                None => Ok(Opt { id: arg.get_id().as_str(), value: None }),
                Some(_) => Err(self.error(&[b"option '--", name.as_bytes(), b"' doesn't allow an argument"])),
            };
        }
        let value = match given {
            Some(bytes) => Some(OsString::from_vec(bytes.to_vec())),
            None => self.rest.next().cloned(),
        };
        if value.is_none() {
            return Err(self.error(&[b"option '--", name.as_bytes(), b"' requires an argument"]));
        }
        Ok(Opt { id: arg.get_id().as_str(), value })
    }

    /// Returns the long option with the name `typed`, or the only option that has a name with this prefix. `text` is the
    /// whole argument, for messages.
    fn find_long(&self, typed: &[u8], text: &[u8]) -> Result<(&'a str, &'a Arg), UsageError> {
        let named = |arg: &&Arg| arg.get_long().is_some_and(|long| long.as_bytes() == typed);
        if let Some(arg) = self.command.get_arguments().find(named) {
            return Ok((arg.get_long().unwrap_or_default(), arg));
        }
        // Only kmod's options can be abbreviated, so that our own do not change what an abbreviation means.
        let candidates: Vec<(&'a str, &'a Arg)> = self
            .command
            .get_arguments()
            .filter(|arg| arg.get_help_heading().is_none())
            .flat_map(|arg| long_names(arg).into_iter().map(move |name| (name, arg)))
            .filter(|(name, _)| name.as_bytes().starts_with(typed))
            .collect();
        if let Some(&exact) = candidates.iter().find(|(name, _)| name.as_bytes() == typed) {
            return Ok(exact);
        }
        let Some(&(name, first)) = candidates.first() else {
            return Err(self.error(&[b"unrecognized option '--", text, b"'"]));
        };
        let others = || candidates.iter().filter(|(_, arg)| arg.get_id() != first.get_id());
        if others().next().is_none() {
            return Ok((name, first));
        }
        let mut message = self.error(&[b"option '--", text, b"' is ambiguous; possibilities:"]);
        for name in std::iter::once(name).chain(others().map(|&(name, _)| name)) {
            message.0.extend_from_slice(format!(" '--{name}'").as_bytes());
        }
        Err(message)
    }

    fn error(&self, parts: &[&[u8]]) -> UsageError {
        let mut message = self.argv0.as_bytes().to_vec();
        message.extend_from_slice(b": ");
        message.extend(parts.iter().flat_map(|part| part.iter()));
        UsageError(message)
    }
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Returns the long names of an option: hidden aliases, its name, visible aliases.
fn long_names(arg: &Arg) -> Vec<&str> {
    let Some(long) = arg.get_long() else { return Vec::new() };
    let visible = arg.get_visible_aliases().unwrap_or_default();
    let mut names = arg.get_all_aliases().unwrap_or_default();
    names.retain(|name| !visible.contains(name));
    names.push(long);
    names.extend(visible);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgAction;

    fn table() -> Command {
        let flag = |id| Arg::new(id).long(id).action(ArgAction::SetTrue);
        Command::new("t").args([
            flag("all").short('a'),
            flag("show-config").short('c').alias("showconfig"),
            flag("dry-run").short('n').visible_alias("show"),
            flag("config").short('C').action(ArgAction::Set),
        ])
    }

    /// Returns the options as `id` or `id=value`, then `|` and the operands, or `!` and the error message.
    fn walk(args: &str, ordering: Ordering) -> String {
        let (table, args) = (table(), args.split(' ').map(OsString::from).collect::<Vec<_>>());
        let mut getopt = Getopt::new(&table, OsStr::new("/sbin/t"), &args, ordering);
        let mut words = Vec::new();
        loop {
            match getopt.next() {
                Ok(Some(Opt { id, value: None })) => words.push(id.to_owned()),
                Ok(Some(Opt { id, value: Some(value) })) => words.push(format!("{id}={}", value.display())),
                Ok(None) => break,
                Err(error) => {
                    words.push("! ".to_owned() + &String::from_utf8_lossy(&error.0));
                    return words.join(" ");
                }
            }
        }
        words.push("|".to_owned());
        words.extend(getopt.operands().iter().map(|operand| operand.display().to_string()));
        words.join(" ")
    }

    #[test]
    fn options_are_returned_in_order_and_operands_last() {
        let permuted = walk("x -n y -aCz - --config -- --conf=--all -- -c", Ordering::Permute);
        assert_eq!(permuted, "dry-run all config=z config=-- config=--all | x y - -c");
        assert_eq!(walk("-a x -n", Ordering::RequireOrder), "all | x -n");
    }

    #[test]
    fn names_of_one_option_are_not_ambiguous() {
        assert_eq!(walk("--show --showc --dry", Ordering::Permute), "dry-run show-config dry-run |");
        let message = "! /sbin/t: option '--sho=1' is ambiguous; possibilities: '--showconfig' '--show'";
        assert_eq!(walk("--sho=1", Ordering::Permute), message);
    }

    #[test]
    fn options_before_an_error_are_returned() {
        for (args, expected) in [
            ("-a --bogus=1", "all ! /sbin/t: unrecognized option '--bogus=1'"),
            ("-ax", "all ! /sbin/t: invalid option -- 'x'"),
            ("--all=1", "! /sbin/t: option '--all' doesn't allow an argument"),
            ("--conf", "! /sbin/t: option '--config' requires an argument"),
            ("-aC", "all ! /sbin/t: option requires an argument -- 'C'"),
        ] {
            assert_eq!(walk(args, Ordering::Permute), expected);
        }
    }
}
