//! What `kmod meta` says when it cannot answer, and `kmod meta verify` of what is wrong.

use std::ffi::OsStr;
use std::path::Path;

use bstr::{BString, ByteSlice};
use oxmod::error::{Error, FormatError};
use oxmod::meta::Aliases;
use oxmod::ops::meta::Flaw;

use super::{Exit, Report, verbatim, verbatim_path, why};

impl Report {
    /// An error that ends the work.
    pub(super) fn refuse(&self, text: std::fmt::Arguments<'_>) -> Exit {
        self.error(text);
        Exit::Failure
    }

    /// `lookup` without anything to look up.
    pub fn no_modalias(&self) -> Exit {
        self.refuse(format_args!("lookup needs a MODALIAS"))
    }

    /// `build` with `--json`.
    pub fn no_document(&self) -> Exit {
        self.refuse(format_args!("--json does not go with build"))
    }

    /// An operand too many.
    pub fn surplus_operand(&self, operand: &OsStr) -> Exit {
        self.refuse(format_args!("unexpected operand '{}'", verbatim(operand.as_encoded_bytes())))
    }

    /// A meta.pb that is not there or out of reach.
    pub fn unreadable_meta(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not read {}: {}", verbatim_path(&error.path), why(error)))
    }

    /// A meta.pb that makes no sense.
    pub fn bad_meta(&self, path: &Path, error: &FormatError) -> Exit {
        self.refuse(format_args!("{} is no usable Meta: {error}", verbatim_path(path)))
    }

    /// A file that could not be written.
    pub fn unwritten(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not write {}: {}", verbatim_path(&error.path), why(error)))
    }

    /// No module serves a device.
    pub fn no_module_for(&self, modalias: &OsStr) -> Exit {
        self.refuse(format_args!("no module for {}", verbatim(modalias.as_encoded_bytes())))
    }
}

/// Something that is wrong, in words.
pub fn flaw(flaw: &Flaw) -> Vec<u8> {
    let names = |names: &[BString]| match names {
        [] => "nothing".into(),
        names => bstr::join(" ", names).as_bstr().to_string(),
    };
    let text = match flaw {
        Flaw::Nameless(at) => format!("module {at}: without a name"),
        Flaw::Twice(name) => format!("{name}: listed twice"),
        Flaw::NoSuchModule { module, position } => {
            format!("{module}: depends on module {position}, which there is not")
        }
        Flaw::Cycle(cycle) => format!("modules that depend on each other: {}", names(cycle)),
        Flaw::Tree(Aliases::Loadable, error) => format!("aliases: {error}"),
        Flaw::Tree(Aliases::Builtin, error) => format!("aliases of built-in modules: {error}"),
        Flaw::NoSuchOwner { pattern, position } => {
            format!("alias {pattern}: of module {position}, which there is not")
        }
        Flaw::Index => "its index is not that of its modules".to_owned(),
        Flaw::Missing(name) => format!("{name}: missing"),
        Flaw::Surplus(name) => format!("{name}: no such module in the directory"),
        Flaw::Path { module, there, expected } => {
            format!("{module}: has its file at {}, not {}", place(expected), place(there))
        }
        Flaw::Depends { module, there, expected } => {
            format!("{module}: depends on {}, not on {}", names(expected), names(there))
        }
        Flaw::Unanswered { module, modalias } => format!("{module}: not found for {modalias}"),
    };
    text.into_bytes()
}

fn place(path: &BString) -> String {
    if path.is_empty() { "none (built in)".into() } else { path.to_string() }
}
