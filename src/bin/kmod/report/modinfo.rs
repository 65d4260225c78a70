//! The messages of modinfo.

use std::ffi::OsStr;
use std::path::Path;

use oxmod::errno::strerror;
use oxmod::error::{Cause, Error};

use super::{Exit, Report, verbatim, verbatim_path};

/// How modinfo interprets an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenFor {
    /// With -m: a name.
    Name,
    /// A file.
    File,
    /// A name or an alias.
    Module,
    /// An alias: its brackets do not match, so that it cannot be a name.
    Alias,
}

impl Report {
    /// `--all` with operands.
    pub fn all_takes_no_operand(&self) -> Exit {
        self.refuse(format_args!("--all cannot be used with operands"))
    }

    /// modinfo without operands.
    pub fn missing_module_or_file_name(&self) -> Exit {
        self.refuse(format_args!("missing module or filename."))
    }

    /// A request for all modules of a directory without modules.dep.
    pub fn no_index_of_modules(&self, dir: &Path) -> Exit {
        self.refuse(format_args!("no index of modules in {} (run depmod to create it)", verbatim_path(dir)))
    }

    /// An operand that does not stand for any module.
    pub fn operand_not_found(&self, taken_for: TakenFor, operand: &OsStr) {
        let what = match taken_for {
            TakenFor::Name => "Module name",
            TakenFor::File => "Module file",
            TakenFor::Module => "Module",
            TakenFor::Alias => "Module alias",
        };
        self.error(format_args!("{what} {} not found.", verbatim(operand.as_encoded_bytes())));
    }

    /// A module file that does not exist: meta.pb is read instead.
    pub fn reading_meta_instead(&self, path: &Path, meta: &Path) {
        let (path, meta) = (verbatim_path(path), verbatim_path(meta));
        self.warning(format_args!("{path} does not exist: reading {meta} instead"));
    }

    /// A file that cannot be read, or is not a module.
    pub fn unreadable_module(&self, name: &[u8], error: &Error) {
        let (name, why) = (verbatim(name), strerror(error.errno()));
        match &error.cause {
            Cause::Io(_) => self.error(format_args!("could not get modinfo from '{name}': {why}")),
            Cause::Format(reason) => {
                self.error(format_args!("could not get modinfo from '{name}': {why} ({reason})"));
            }
        }
    }

    /// A malformed description of a parameter.
    pub fn bad_parameter_string(&self, key: &[u8], value: &[u8]) {
        let (key, value) = (verbatim(key), verbatim(value));
        self.error(format_args!("Found invalid \"{key}={value}\": missing ':'"));
    }
}
