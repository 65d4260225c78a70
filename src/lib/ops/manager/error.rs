//! Why the manager could not do what it was asked for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use crate::error::{self, Cause};
use crate::formats::config::Origin;
use crate::ops::command;
use crate::ops::probe::{Failure, Forbidden, Step};
use crate::ops::remove;
use crate::sys::{errno, file};

/// Why not all that was asked for was done, and what was done of it all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Incomplete<D: fmt::Debug> {
    /// The first reason.
    pub error: Box<Error>,
    /// What was done.
    pub done: Box<D>,
}

impl<D: fmt::Debug> Incomplete<D> {
    pub(super) fn new(error: Error, done: D) -> Self {
        Self { error: Box::new(error), done: Box::new(done) }
    }
}

/// Nothing was done.
impl<D: fmt::Debug + Default> From<Error> for Incomplete<D> {
    fn from(error: Error) -> Self {
        Self::new(error, D::default())
    }
}

/// For callers to whom the reason is enough.
impl<D: fmt::Debug> From<Incomplete<D>> for Error {
    fn from(incomplete: Incomplete<D>) -> Self {
        *incomplete.error
    }
}

/// Why a module was not loaded or not removed. Cheap to clone: everybody who waited for one insertion gets the
/// same.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has this name or alias.
    #[error("there is no module {name}")]
    NotFound {
        /// What was asked for, or the name of a module that another needs.
        name: BString,
    },
    /// What was asked for cannot be a name or an alias: its brackets do not pair.
    #[error("{name} cannot be the name of a module: its brackets do not pair")]
    Malformed {
        /// What was asked for.
        name: BString,
    },
    /// The configuration forbids the module, or one that it cannot do without.
    #[error("module {module}: {forbidden} is forbidden by {} line {}", origin.path.display(), origin.line)]
    Forbidden {
        /// What was to be loaded.
        module: BString,
        /// The module that the line is about.
        forbidden: BString,
        /// Where the line is written.
        origin: Origin,
        /// The reason that the line gives.
        reason: Option<BString>,
    },
    /// The kernel refused, or the module's own start failed.
    #[error("module {module}: {}", errno::strerror(*errno))]
    Kernel {
        /// The kernel's answer, such as `ENODEV` for a driver that finds no device.
        errno: i32,
        /// The module that was refused: the one asked for or one that it needs.
        module: BString,
    },
    /// The module's file is absent, unreadable or damaged: the kernel never judged it.
    #[error("module {module}: {error}")]
    File {
        /// The module.
        module: BString,
        /// What is wrong, with the path.
        error: Arc<error::Error>,
    },
    /// The install or remove command that the configuration has for the module failed.
    #[error("module {module}: {failure}")]
    Command {
        /// The module.
        module: BString,
        /// How the command ended.
        failure: command::Failure,
    },
    /// A part of the kernel cannot be removed.
    #[error("module {module} is built in")]
    BuiltIn {
        /// The module.
        module: BString,
    },
    /// Something uses the module that was to be removed.
    #[error("module {module} is in use")]
    InUse {
        /// The module.
        module: BString,
    },
    /// The meta.pb is not there or cannot be used.
    #[error("{error}")]
    Meta {
        /// What is wrong, with the path.
        error: Arc<error::Error>,
    },
    /// There is no directory of modules to work with.
    #[error("{}: {}", path.display(), errno::strerror(*errno))]
    Directory {
        /// The directory; empty where not even its name could be found out.
        path: PathBuf,
        /// The system's answer.
        errno: i32,
    },
}

impl Error {
    /// What the system said, where it did; for callers that think in errno values.
    pub fn errno(&self) -> i32 {
        match self {
            Self::NotFound { .. } => libc::ENOENT,
            Self::Forbidden { .. } => libc::EPERM,
            Self::Kernel { errno, .. } | Self::Directory { errno, .. } => *errno,
            Self::File { error, .. } | Self::Meta { error } => error.errno(),
            Self::Command { .. } | Self::Malformed { .. } => libc::EINVAL,
            Self::BuiltIn { .. } | Self::InUse { .. } => libc::EBUSY,
        }
    }

    pub(super) fn directory(path: &Path, error: &io::Error) -> Self {
        Self::Directory { path: path.to_path_buf(), errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }

    pub(super) fn forbidden(module: &BString, why: &Forbidden<'_>) -> Self {
        Self::Forbidden {
            module: module.clone(),
            forbidden: why.module.name.clone(),
            origin: why.line.origin.clone(),
            reason: why.line.reason.clone(),
        }
    }

    /// Why `step` could not be taken.
    pub(super) fn of_step(step: &Step, failure: Failure) -> Self {
        let module = step.module.clone();
        match failure {
            Failure::Missing => Self::NotFound { name: module },
            Failure::Loaded => Self::Kernel { errno: libc::EEXIST, module },
            Failure::Command(failure) => Self::Command { module, failure },
            Failure::Refused(error) => match error.cause {
                // A file that is gone and a symbol that nobody exports have one errno.
                Cause::Io(_) if file::exists(&error.path).is_ok() => {
                    Self::Kernel { errno: error.errno(), module }
                }
                _ => Self::File { module, error: Arc::new(error) },
            },
        }
    }

    /// Why a module stays; `command` is how its remove command ended, if it has one.
    pub(super) fn of_removal(failure: remove::Failure, command: Option<command::Failure>) -> Self {
        match failure {
            remove::Failure::BuiltIn(module) => Self::BuiltIn { module },
            remove::Failure::NotLoaded(name) => Self::NotFound { name },
            remove::Failure::InUse(module) => Self::InUse { module },
            remove::Failure::Command(module) => match command {
                Some(failure) => Self::Command { module, failure },
                None => Self::Kernel { errno: libc::EINVAL, module },
            },
            remove::Failure::Kernel(module, error) => match error.raw_os_error() {
                Some(libc::EAGAIN) => Self::InUse { module },
                errno => Self::Kernel { errno: errno.unwrap_or(libc::EIO), module },
            },
        }
    }
}
