//! `kmod complete`: prints the completions of the word under the cursor.
//!
//! This module owns the choice of the completions: options come from the tables of the tools, values and operands depend on
//! their meaning. The scripts in completions/ pass the words of the command line to this command and its output to the
//! shell, so the completions are the same in every shell. It must not print messages, which would appear in the middle of
//! the user's command line.
//!
//! The output has one line per candidate: the word and, after a tab, its description. A word that ends in `=` or `/` is not
//! complete. Only paths of files can contain characters that a shell must quote; none contains control characters.

mod candidates;
mod quotes;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, Command};

use crate::cli::getopt::{Getopt, Ordering, UsageError};
use crate::cli::invocation::{Invocation, Registry};
use crate::cli::options::{self, Options};
use crate::output::stdout::Out;
use crate::report::Outcome;

use candidates::{Candidates, CommandLine};
use quotes::Piece;

/// A word that takes the place of the word under the cursor, to find out how getopt treats a word there.
const CURSOR: &str = "\u{1}cursor";

/// The table of options.
pub fn command() -> Command {
    options::table(
        "complete",
        "Print completions of a command line, for shells",
        "kmod complete TOOL WORD...",
    )
    .args([
        options::flag(None, "quoted", "The words are quoted as on the shell's command line"),
        options::value(
            None,
            "piece",
            "TEXT",
            "Print only what replaces TEXT, the end of the last word, quoted like it",
        ),
        options::help(),
    ])
    .after_help(
        "The last WORD is the one under the cursor, and may be empty. The completion scripts of the shells call this command.",
    )
}

/// Runs `kmod complete`.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    let (mut quoted, mut piece) = (false, None);
    while let Some(option) = argv.next()? {
        quoted = true;
        piece = option.value.or(piece);
    }
    let mut words = argv.operands();
    let piece = piece.zip(words.last()).map(|(piece, word)| Piece::of(word, &piece));
    if quoted {
        words = words.iter().map(|word| quotes::unquote(word)).collect();
    }
    let Some(word) = words.pop().filter(|_| !words.is_empty()) else { return Ok(()) };
    let mut found = Candidates::new(&word);
    complete(invocation.registry, &words, &word, &mut found);
    let mut out = Out::open();
    for line in found.lines(piece.as_ref()) {
        out.bytes(&line)?;
    }
    out.finish()
}

/// Adds the completions of `word`. `words` are the words before it, including the name of the tool.
fn complete(registry: &Registry, words: &[OsString], word: &OsStr, found: &mut Candidates<'_>) {
    let name =
        words.first().map(|name| name.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default());
    let Some(tool) = name.and_then(|name| registry.applet(OsStr::from_bytes(name))) else { return };
    let (mut command, mut rest) = ((tool.command)(), words.get(1..).unwrap_or_default());
    let mut line = CommandLine { tool: tool.name, subcommand: None, ..CommandLine::default() };
    if tool.name == "kmod" {
        let Some(position) = rest.iter().position(|word| !word.as_bytes().starts_with(b"-")) else {
            if word.as_bytes().starts_with(b"-") {
                return options_of(&command, &line, found);
            }
            for sub in command.get_subcommands() {
                found.offer(sub.get_name(), &sub.get_about().map(ToString::to_string).unwrap_or_default());
            }
            return;
        };
        let Some(subcommand) = rest.get(position).and_then(|word| registry.subcommand(word)) else { return };
        line.subcommand = rest.get(position).and_then(|word| word.to_str());
        (command, rest) = ((subcommand.command)(), rest.get(position + 1..).unwrap_or_default());
    }
    let args: Vec<OsString> = rest.iter().cloned().chain([CURSOR.into()]).collect();
    #[cfg(feature = "firmware")]
    let args = if line.has_go_flags() { crate::cli::go_flags::go_flags(&command, &args) } else { args };
    let Ok(pending) = line.parse(&command, &args) else { return };
    let typed = word.as_bytes();
    let is_after_options = rest.iter().any(|word| word == "--");
    if let Some(option) = pending {
        found.value(&option, &line);
    } else if is_after_options || !typed.starts_with(b"-") {
        found.operand(&line);
    } else if let Some((option, prefix)) = long_with_value(&command, &line, word) {
        found.after_prefix(prefix).value(&option, &line);
    } else if let Some((option, prefix)) = letter_with_value(&command, typed).filter(|_| !line.has_go_flags())
    {
        found.after_prefix(prefix).value(option, &line);
    } else {
        options_of(&command, &line, found);
    }
}

/// If the word has the form `--long=VALUE`, returns the option, whose name may be abbreviated, and the length of `--long=`.
fn long_with_value(command: &Command, line: &CommandLine<'_>, word: &OsStr) -> Option<(String, usize)> {
    let (name, _) = word.to_str()?.split_once('=')?;
    let long = name.strip_prefix("--").or_else(|| name.strip_prefix('-').filter(|_| line.has_go_flags()))?;
    let args = [OsString::from(format!("--{long}={CURSOR}"))];
    let option = Getopt::new(command, OsStr::new(""), &args, Ordering::Permute).next().ok()??;
    Some((option.id.to_owned(), name.len() + 1))
}

/// If the word has the form `-xVALUE`, possibly with letters of other options before `x`, returns the option and the length
/// of the letters with the dash.
fn letter_with_value<'c>(command: &'c Command, word: &[u8]) -> Option<(&'c str, usize)> {
    let letters = word.strip_prefix(b"-").filter(|letters| !letters.starts_with(b"-"))?;
    for (index, &letter) in letters.iter().enumerate() {
        let option = command.get_arguments().find(|arg| arg.get_short() == Some(char::from(letter)))?;
        if takes_value(option) {
            let prefix = index + 2;
            return (word.len() > prefix).then(|| (option.get_id().as_str(), prefix));
        }
    }
    None
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && arg.get_long().is_some()
}

/// Adds the names and letters of all valid options.
fn options_of(command: &Command, line: &CommandLine<'_>, found: &mut Candidates<'_>) {
    let dash = if line.has_go_flags() && found.has_one_dash() { "-" } else { "--" };
    for arg in command.get_arguments().filter(|arg| line.accepts(arg.get_id().as_str())) {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let longs = arg.get_long().into_iter().chain(arg.get_visible_aliases().into_iter().flatten());
        for long in longs {
            found.offer(format!("{dash}{long}"), &help);
        }
        if let Some(letter) = arg.get_short() {
            found.offer(format!("-{letter}"), &help);
        }
    }
}

impl CommandLine<'_> {
    /// Parses the options and operands around the cursor. If the word under the cursor is the value of an option, returns
    /// the option.
    ///
    /// Errors: the command line is invalid.
    fn parse(&mut self, command: &Command, args: &[OsString]) -> Result<Option<String>, UsageError> {
        let mut getopt = Getopt::new(command, OsStr::new(""), args, Ordering::Permute);
        let mut pending = None;
        while let Some(option) = getopt.next()? {
            match option.value {
                Some(value) if value == CURSOR => pending = Some(option.id.to_owned()),
                value => self.options.push((option.id.to_owned(), value.unwrap_or_default())),
            }
        }
        self.operands = getopt.operands();
        self.operands.retain(|operand| operand != CURSOR);
        Ok(pending)
    }
}
