//! The messages about the command lines of our own commands.

use std::ffi::OsStr;

use super::{Exit, Report, verbatim};

impl Report {
    /// An option with a value that is not one of `choices`.
    pub fn bad_choice(&self, option: &str, word: &OsStr, choices: &[&str]) -> Exit {
        let (word, choices) = (verbatim(word.as_encoded_bytes()), choices.join(", "));
        self.refuse(format_args!("invalid value '{word}' for --{option} (expected one of {choices})"))
    }

    /// An option with an empty value.
    pub fn empty_value(&self, option: &str) -> Exit {
        self.refuse(format_args!("--{option} needs a value that is not empty"))
    }

    /// An operand that does not name anything.
    pub fn empty_operand(&self, what: &str, operand: &[u8]) -> Exit {
        self.refuse(format_args!("invalid {what} '{}': the name is empty", verbatim(operand)))
    }

    /// An option that is valid only together with another, or for one command.
    pub fn only_with(&self, option: &str, other: &str) -> Exit {
        self.refuse(format_args!("{option} can only be used with {other}"))
    }

    /// An option that is not valid together with another, or for one command.
    pub fn not_with(&self, option: &str, other: &str) -> Exit {
        self.refuse(format_args!("{option} cannot be used with {other}"))
    }

    /// A surplus operand.
    pub fn surplus_operand(&self, operand: &OsStr) -> Exit {
        self.refuse(format_args!("unexpected operand '{}'", verbatim(operand.as_encoded_bytes())))
    }
}
