//! What `kmod meta` says when it cannot answer, and `kmod meta verify` of what is wrong.

use std::ffi::OsStr;
use std::path::Path;

use bstr::BString;
use oxmod::error::{Error, FormatError};
use oxmod::formats::meta::Aliases;
use oxmod::ops::meta_check::Flaw;

use oxmod::text;

use super::{Exit, Report, verbatim, verbatim_path};

impl Report {
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

    /// A meta.pb that makes no sense.
    pub fn bad_meta(&self, path: &Path, error: &FormatError) -> Exit {
        self.unreadable(&Error::new(path, error.clone()))
    }

    /// A file that could not be written.
    pub fn unwritten(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not write {}: {}", verbatim_path(&error.path), error.cause))
    }

    /// No module serves a device.
    pub fn no_module_for(&self, modalias: &OsStr) -> Exit {
        self.refuse(format_args!("no module for {}", verbatim(modalias.as_encoded_bytes())))
    }
}

/// Something that is wrong, in words, with names as they are.
pub fn flaw(flaw: &Flaw) -> Vec<u8> {
    let v = |bytes| verbatim::<[u8]>(bytes);
    match flaw {
        Flaw::Nameless(at) => bytes(format_args!("module {at}: without a name")),
        Flaw::Twice(name) => bytes(format_args!("{}: listed twice", v(name))),
        Flaw::NoSuchModule { module, position } => {
            bytes(format_args!("{}: depends on module {position}, which there is not", v(module)))
        }
        Flaw::Cycle(cycle) => bytes(format_args!("modules that depend on each other: {}", v(&names(cycle)))),
        Flaw::Tree(Aliases::Loadable, error) => bytes(format_args!("aliases: {error}")),
        Flaw::Tree(Aliases::Builtin, error) => bytes(format_args!("aliases of built-in modules: {error}")),
        Flaw::NoSuchOwner { pattern, position } => {
            bytes(format_args!("alias {}: of module {position}, which there is not", v(pattern)))
        }
        Flaw::Index => bytes(format_args!("its index is not that of its modules")),
        Flaw::Release { there, expected } => {
            bytes(format_args!("of kernel {}, not of {}", v(expected), v(there)))
        }
        Flaw::Missing(name) => bytes(format_args!("{}: missing", v(name))),
        Flaw::Surplus(name) => bytes(format_args!("{}: no such module in the directory", v(name))),
        Flaw::Path { module, there, expected } => {
            let (there, expected) = (v(place(there)), v(place(expected)));
            bytes(format_args!("{}: has its file at {expected}, not {there}", v(module)))
        }
        Flaw::Depends { module, there, expected } => {
            let (there, expected) = (names(there), names(expected));
            bytes(format_args!("{}: depends on {}, not on {}", v(module), v(&expected), v(&there)))
        }
        Flaw::Order(module) => {
            bytes(format_args!("{}: what is to be loaded with it is not what the file says", v(module)))
        }
        Flaw::Pattern { module, pattern, missing } => {
            let how = if *missing { "without its" } else { "has no" };
            bytes(format_args!("{}: {how} alias {}", v(module), v(pattern)))
        }
        Flaw::Unanswered { module, modalias } => {
            bytes(format_args!("{}: not found for {}", v(module), v(modalias)))
        }
    }
}

fn bytes(text: std::fmt::Arguments<'_>) -> Vec<u8> {
    text::bytes(text).into()
}

fn names(names: &[BString]) -> Vec<u8> {
    if names.is_empty() { b"nothing".to_vec() } else { bstr::join(" ", names) }
}

fn place(path: &BString) -> &[u8] {
    if path.is_empty() { b"none (built in)" } else { path }
}
