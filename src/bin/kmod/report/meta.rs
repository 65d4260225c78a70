//! What `kmod meta` says when it cannot answer.

use std::ffi::OsStr;
use std::path::Path;

use oxmod::error::{Error, FormatError};

use super::{Exit, Report, verbatim, verbatim_path, why};

impl Report {
    fn refuse(&self, text: std::fmt::Arguments<'_>) -> Exit {
        self.error(text);
        Exit::Failure
    }

    /// `lookup` without anything to look up.
    pub fn no_modalias(&self) -> Exit {
        self.refuse(format_args!("lookup needs a MODALIAS"))
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
