//! One step of a plan, taken.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::plan::{Action, Step};
use crate::error::Error;
use crate::ops::command::{self, Surroundings};
use crate::ops::insert::{Force, Way, insert};
use crate::sys::module;

/// How steps are to be taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Means<'m> {
    /// Which of the kernel's checks to pass over.
    pub force: Force,
    /// A requested module that is loaded already is a failure (`--first-time`).
    pub first_time: bool,
    /// Where install commands are run.
    pub surroundings: Surroundings<'m>,
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
    /// The install command did not succeed.
    Command(command::Failure),
    /// The file could not be read, or the kernel refused the module.
    Refused(Error),
}

/// What a step came to.
pub type Answer = Result<Done, Failure>;

impl Step {
    /// What the step comes to where its module has been loaded since the plan was made, by another step, by
    /// the command of one, or by another process. `None` where it is still to be taken.
    pub fn overtaken(&self, means: &Means<'_>) -> Option<Answer> {
        let loads = matches!(self.action, Action::Insert(_) | Action::Install(_));
        (loads && module::is_live(&self.module)).then(|| self.already(means))
    }

    /// Takes this step, whatever [`Step::loaded`] and [`Step::overtaken`] say.
    pub fn take(&self, means: &Means<'_>) -> Answer {
        match &self.action {
            Action::Insert(path) => self.insert(path, means),
            Action::Install(command) => self.install(command, means),
            Action::BuiltIn => Ok(Done::BuiltIn),
            Action::Missing => Err(Failure::Missing),
        }
    }

    fn insert(&self, path: &Path, means: &Means<'_>) -> Answer {
        match insert(path, &self.options, means.force) {
            Ok(way) => Ok(Done::Inserted(way)),
            Err(error) if error.errno() == libc::EEXIST => self.already(means),
            Err(error) => Err(Failure::Refused(error)),
        }
    }

    fn already(&self, means: &Means<'_>) -> Answer {
        if self.requested && means.first_time { Err(Failure::Loaded) } else { Ok(Done::Loaded) }
    }

    fn install(&self, command: &BString, means: &Means<'_>) -> Answer {
        let (module, options) = (self.module.as_bstr(), self.options.as_bstr());
        let answer = means.surroundings.run(module, command.as_bstr(), options);
        answer.map(|()| Done::Installed).map_err(Failure::Command)
    }
}
