//! One step of a plan, taken.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BString, ByteSlice};

use super::plan::{Action, Step};
use crate::error::Error;
use crate::ops::insert::{Force, Way, insert};
use crate::sys::module;
use crate::sys::process::{self, Output};

/// Tells a command of the configuration which module it is run for.
pub const MODULE_VARIABLE: &str = "MODPROBE_MODULE";

/// How steps are to be taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Means<'m> {
    /// Which of the kernel's checks to pass over.
    pub force: Force,
    /// A requested module that is loaded already is a failure (`--first-time`).
    pub first_time: bool,
    /// What install commands find in their environment, beside `MODPROBE_MODULE`.
    pub variables: &'m [(&'m str, &'m OsStr)],
    /// Where they write to.
    pub output: Output,
}

/// What a step came to when it went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The module was inserted.
    Inserted(Way),
    /// It was loaded by then, by another step or another process.
    Loaded,
    /// Its install command succeeded.
    Installed,
    /// It is part of the kernel.
    BuiltIn,
}

/// Why a step could not be taken.
#[derive(Debug)]
pub enum Failure {
    /// There is no such module.
    Missing,
    /// It is loaded, and the request called that a failure.
    Loaded,
    /// The install command, as it was run, ended with this exit code, or the signal that ended it or
    /// the errno that kept it from starting, negated.
    Command(BString, i32),
    /// The file could not be read, or the kernel refused the module.
    Refused(Error),
}

/// What a step came to.
pub type Answer = Result<Done, Failure>;

impl Step {
    /// Takes this step, whatever [`Step::loaded`] says.
    pub fn take(&self, means: &Means<'_>) -> Answer {
        match &self.action {
            Action::Insert(_) if module::is_live(&self.module) => Ok(Done::Loaded),
            Action::Insert(path) => self.insert(path, means),
            Action::Install(command) => self.install(command, means),
            Action::BuiltIn => Ok(Done::BuiltIn),
            Action::Missing => Err(Failure::Missing),
        }
    }

    fn insert(&self, path: &Path, means: &Means<'_>) -> Answer {
        match insert(path, &self.options, means.force) {
            Ok(way) => Ok(Done::Inserted(way)),
            Err(error) if error.errno() == libc::EEXIST => {
                if self.requested && means.first_time {
                    Err(Failure::Loaded)
                } else {
                    Ok(Done::Loaded)
                }
            }
            Err(error) => Err(Failure::Refused(error)),
        }
    }

    fn install(&self, command: &BString, means: &Means<'_>) -> Answer {
        let whole = command.replace("$CMDLINE_OPTS", self.options.as_slice());
        let mut variables = vec![(MODULE_VARIABLE, OsStr::from_bytes(&self.module))];
        variables.extend_from_slice(means.variables);
        let status = process::shell(OsStr::from_bytes(&whole), &variables, means.output)
            .unwrap_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO));
        if status == 0 { Ok(Done::Installed) } else { Err(Failure::Command(whole.into(), status)) }
    }
}
