//! `kmod complete`: what a shell may offer for the word under the cursor.
//!
//! Owns the choice: options out of the tables that the tools parse with, values and operands by what they mean. The scripts
//! in completions/ hand over the words of the command line and pass the answer on; so what is offered is the same in every
//! shell. Must not say anything: who presses a key wants no message.
//!
//! A line for each candidate: the word, and behind a tab what it is. A word that ends in `=` or `/` goes on. Only the
//! paths of files can have characters that a shell must quote; none has control characters.

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

use candidates::{Candidates, Place};
use quotes::Piece;

/// Stands where the cursor is, to see what getopt makes of a word there.
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
        words = words.iter().map(|word| quotes::taken_off(word)).collect();
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

/// `words` are those before `word`, the tool's name among them.
fn complete(registry: &Registry, words: &[OsString], word: &OsStr, found: &mut Candidates<'_>) {
    let name =
        words.first().map(|name| name.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default());
    let Some(tool) = name.and_then(|name| registry.applet(OsStr::from_bytes(name))) else { return };
    let (mut command, mut rest) = ((tool.command)(), words.get(1..).unwrap_or_default());
    let mut place = Place { tool: tool.name, task: None, ..Place::default() };
    if tool.name == "kmod" {
        let Some(task) = rest.iter().position(|word| !word.as_bytes().starts_with(b"-")) else {
            if word.as_bytes().starts_with(b"-") {
                return options_of(&command, &place, found);
            }
            for sub in command.get_subcommands() {
                found.offer(sub.get_name(), &sub.get_about().map(ToString::to_string).unwrap_or_default());
            }
            return;
        };
        let Some(table) = rest.get(task).and_then(|word| registry.subcommand(word)) else { return };
        let table = (table.command)();
        place.task = rest.get(task).and_then(|word| word.to_str());
        (command, rest) = (table, rest.get(task + 1..).unwrap_or_default());
    }
    let args: Vec<OsString> = rest.iter().cloned().chain([CURSOR.into()]).collect();
    #[cfg(feature = "firmware")]
    let args = if place.is_go() { crate::cli::go_flags::go_flags(&command, &args) } else { args };
    let Ok(pending) = place.read(&command, &args) else { return };
    let typed = word.as_bytes();
    let after = rest.iter().any(|word| word == "--");
    if let Some(option) = pending {
        found.value(&option, &place);
    } else if after || !typed.starts_with(b"-") {
        found.operand(&place);
    } else if let Some((option, before)) = long_with_value(&command, &place, word) {
        found.behind(before).value(&option, &place);
    } else if let Some((option, before)) = letter_with_value(&command, typed).filter(|_| !place.is_go()) {
        found.behind(before).value(option, &place);
    } else {
        options_of(&command, &place, found);
    }
}

/// The option of `--long=` and what follows, of which getopt takes a beginning too; and how long that is.
fn long_with_value(command: &Command, place: &Place<'_>, word: &OsStr) -> Option<(String, usize)> {
    let (name, _) = word.to_str()?.split_once('=')?;
    let long = name.strip_prefix("--").or_else(|| name.strip_prefix('-').filter(|_| place.is_go()))?;
    let args = [OsString::from(format!("--{long}={CURSOR}"))];
    let option = Getopt::new(command, OsStr::new(""), &args, Ordering::Permute).next().ok()??;
    Some((option.id.to_owned(), name.len() + 1))
}

/// The option of `-X` and what follows, or of several letters of which the last has a value; and how long they are.
fn letter_with_value<'c>(command: &'c Command, word: &[u8]) -> Option<(&'c str, usize)> {
    let letters = word.strip_prefix(b"-").filter(|letters| !letters.starts_with(b"-"))?;
    for (index, &letter) in letters.iter().enumerate() {
        let option = command.get_arguments().find(|arg| arg.get_short() == Some(char::from(letter)))?;
        if takes_value(option) {
            let before = index + 2;
            return (word.len() > before).then(|| (option.get_id().as_str(), before));
        }
    }
    None
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && arg.get_long().is_some()
}

/// Every option that makes sense, long names and letters.
fn options_of(command: &Command, place: &Place<'_>, found: &mut Candidates<'_>) {
    let dash = if place.is_go() && found.has_one_dash() { "-" } else { "--" };
    for arg in command.get_arguments().filter(|arg| place.takes(arg.get_id().as_str())) {
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

impl Place<'_> {
    /// Reads the options and operands around the cursor. Answers with the option whose value is under it, if it is one.
    ///
    /// Errors: the command line makes no sense.
    fn read(&mut self, command: &Command, args: &[OsString]) -> Result<Option<String>, UsageError> {
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
