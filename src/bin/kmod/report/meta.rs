//! What `kmod meta` says when it cannot answer, and `kmod meta verify` of what is wrong.

use std::ffi::OsStr;
use std::path::Path;

use bstr::BString;
use oxmod::error::{Error, FormatError};
use oxmod::meta::Aliases;
use oxmod::ops::meta::Flaw;

use super::{Exit, Report, raw_bytes, verbatim, verbatim_path, why};

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

/// Something that is wrong, in words, with names as they are.
pub fn flaw(flaw: &Flaw) -> Vec<u8> {
    match flaw {
        Flaw::Nameless(at) => raw_bytes(format_args!("module {at}: without a name")),
        Flaw::Twice(name) => raw_bytes(format_args!("{}: listed twice", verbatim(name))),
        Flaw::NoSuchModule { module, position } => {
            let module = verbatim(module);
            raw_bytes(format_args!("{module}: depends on module {position}, which there is not"))
        }
        Flaw::Cycle(cycle) => {
            raw_bytes(format_args!("modules that depend on each other: {}", verbatim(&names(cycle))))
        }
        Flaw::Tree(Aliases::Loadable, error) => raw_bytes(format_args!("aliases: {error}")),
        Flaw::Tree(Aliases::Builtin, error) => {
            raw_bytes(format_args!("aliases of built-in modules: {error}"))
        }
        Flaw::NoSuchOwner { pattern, position } => {
            raw_bytes(format_args!("alias {}: of module {position}, which there is not", verbatim(pattern)))
        }
        Flaw::Index => b"its index is not that of its modules".to_vec(),
        Flaw::Release { there, expected } => {
            raw_bytes(format_args!("of kernel {}, not of {}", verbatim(expected), verbatim(there)))
        }
        flaw => of_module(flaw),
    }
}

/// What is wrong with one module.
fn of_module(flaw: &Flaw) -> Vec<u8> {
    match flaw {
        Flaw::Missing(name) => raw_bytes(format_args!("{}: missing", verbatim(name))),
        Flaw::Surplus(name) => raw_bytes(format_args!("{}: no such module in the directory", verbatim(name))),
        Flaw::Path { module, there, expected } => raw_bytes(format_args!(
            "{}: has its file at {}, not {}",
            verbatim(module),
            verbatim(place(expected)),
            verbatim(place(there))
        )),
        Flaw::Depends { module, there, expected } => raw_bytes(format_args!(
            "{}: depends on {}, not on {}",
            verbatim(module),
            verbatim(&names(expected)),
            verbatim(&names(there))
        )),
        Flaw::Order(module) => {
            let module = verbatim(module);
            raw_bytes(format_args!("{module}: what is to be loaded with it is not what the file says"))
        }
        Flaw::Pattern { module, pattern, missing: true } => {
            raw_bytes(format_args!("{}: without its alias {}", verbatim(module), verbatim(pattern)))
        }
        Flaw::Pattern { module, pattern, missing: false } => {
            raw_bytes(format_args!("{}: has no alias {}", verbatim(module), verbatim(pattern)))
        }
        Flaw::Unanswered { module, modalias } => {
            raw_bytes(format_args!("{}: not found for {}", verbatim(module), verbatim(modalias)))
        }
        // Those of the whole file.
        _ => Vec::new(),
    }
}

fn names(names: &[BString]) -> Vec<u8> {
    if names.is_empty() { b"nothing".to_vec() } else { bstr::join(" ", names) }
}

fn place(path: &BString) -> &[u8] {
    if path.is_empty() { b"none (built in)" } else { path }
}
