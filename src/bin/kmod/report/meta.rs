//! The messages of `kmod meta`, and the findings of `kmod meta verify`.

use std::ffi::OsStr;
use std::fmt;

use bstr::BString;
use oxmod::error::Error;
use oxmod::ops::meta_check::{Aliases, Flaw};
use oxmod::text;

use super::{Exit, Report, verbatim, verbatim_path};

impl Report {
    /// `lookup` without an operand.
    pub fn no_modalias(&self) -> Exit {
        self.refuse(format_args!("lookup needs a MODALIAS"))
    }

    /// A file that could not be written.
    pub fn unwritten(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not write {}: {}", verbatim_path(&error.path), error.cause))
    }

    /// A device without a module.
    pub fn no_module_for(&self, modalias: &OsStr) -> Exit {
        self.refuse(format_args!("could not find a module for {}", verbatim(modalias.as_encoded_bytes())))
    }
}

/// Describes a finding in one line, without a newline. Names keep their bytes.
pub fn flaw(flaw: &Flaw) -> Vec<u8> {
    text::bytes(format_args!("{}", Description(flaw))).into()
}

/// The description of a finding, for [`text::bytes`].
struct Description<'f>(&'f Flaw);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = |bytes| verbatim::<[u8]>(bytes);
        match self.0 {
            Flaw::Nameless(at) => write!(f, "module {at}: has no name"),
            Flaw::Twice(name) => write!(f, "{}: listed twice", v(name)),
            Flaw::NoSuchModule { module, position } => {
                write!(f, "{}: depends on module {position}, which does not exist", v(module))
            }
            Flaw::Cycle(cycle) => write!(f, "dependency cycle: {}", v(&names(cycle))),
            Flaw::Tree(Aliases::Loadable, error) => write!(f, "aliases: {error}"),
            Flaw::Tree(Aliases::Builtin, error) => write!(f, "aliases of built-in modules: {error}"),
            Flaw::NoSuchOwner { pattern, position } => {
                write!(f, "alias {}: belongs to module {position}, which does not exist", v(pattern))
            }
            Flaw::Index => write!(f, "the index does not match the modules"),
            Flaw::Release { there, expected } => {
                write!(f, "the file is for kernel {}, not {}", v(there), v(expected))
            }
            Flaw::Missing(name) => write!(f, "{}: missing", v(name)),
            Flaw::Surplus(name) => write!(f, "{}: not in the module directory", v(name)),
            Flaw::Path { module, there, expected } => {
                write!(f, "{}: file is {}, not {}", v(module), v(place(expected)), v(place(there)))
            }
            Flaw::Depends { module, there, expected } => {
                let (there, expected) = (names(there), names(expected));
                write!(f, "{}: depends on {}, not on {}", v(module), v(&expected), v(&there))
            }
            Flaw::Order(module) => write!(f, "{}: load order, soft or weak dependencies differ", v(module)),
            Flaw::Pattern { module, pattern, missing: true } => {
                write!(f, "{}: alias {} is missing", v(module), v(pattern))
            }
            Flaw::Pattern { module, pattern, missing: false } => {
                write!(f, "{}: does not have alias {}", v(module), v(pattern))
            }
            Flaw::NotFound { module, modalias } => {
                write!(f, "{}: not found for {}", v(module), v(modalias))
            }
        }
    }
}

fn names(names: &[BString]) -> Vec<u8> {
    if names.is_empty() { b"nothing".to_vec() } else { bstr::join(" ", names) }
}

fn place(path: &BString) -> &[u8] {
    if path.is_empty() { b"none (built in)" } else { path }
}
