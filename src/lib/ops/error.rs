//! Why a module was not loaded or not removed: one vocabulary for all operations.

use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use super::command::CommandError;
use crate::errno;
use crate::error::Error;

pub use crate::error::Forbidden;

/// Why a module was not loaded or not removed. Cheap to clone: all callers that waited for one insertion get the same.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// Nothing has this name or alias.
    #[error("module {name} not found")]
    NotFound {
        /// What was asked for, or the name of a module that another needs.
        name: BString,
    },
    /// What was asked for cannot be a name or an alias: it has an unmatched bracket.
    #[error("invalid module name '{name}': unmatched bracket")]
    Malformed {
        /// What was asked for.
        name: BString,
    },
    /// The configuration forbids the module, or one that it depends on.
    #[error("module {module}: {}", forbidden.explain(module))]
    Forbidden {
        /// What was to be loaded.
        module: BString,
        /// The module that the line is about, and the line.
        forbidden: Forbidden,
    },
    /// The module is loaded, and the request counts that as a failure.
    #[error("module {module} is already loaded")]
    AlreadyLoaded {
        /// The module.
        module: BString,
    },
    /// The module is not loaded, and the request counts that as a failure.
    #[error("module {module} is not loaded")]
    NotLoaded {
        /// The module.
        module: BString,
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
    /// The kernel refused, or the module's own start failed.
    #[error("module {module}: {}", errno::strerror(*errno))]
    Kernel {
        /// The kernel's answer, such as `ENODEV` for a driver that finds no device.
        errno: i32,
        /// The module that was refused: the one asked for or one that it needs.
        module: BString,
        /// The file that the kernel was given, when a module was to be inserted.
        path: Option<PathBuf>,
    },
    /// The module's file is absent, unreadable or damaged: the kernel never saw it.
    #[error("module {module}: {error}")]
    File {
        /// The module.
        module: BString,
        /// What is wrong, with the path.
        error: Arc<Error>,
    },
    /// The install or remove command that the configuration has for the module failed.
    #[error("module {module}: {error}")]
    Command {
        /// The module.
        module: BString,
        /// How the command ended.
        error: CommandError,
    },
}

impl ModuleError {
    /// The errno value that stands for this failure.
    pub fn errno(&self) -> i32 {
        match self {
            Self::NotFound { .. } | Self::NotLoaded { .. } => libc::ENOENT,
            Self::Forbidden { .. } => libc::EPERM,
            Self::AlreadyLoaded { .. } => libc::EEXIST,
            Self::Kernel { errno, .. } => *errno,
            Self::File { error, .. } => error.errno(),
            Self::Command { .. } | Self::Malformed { .. } => libc::EINVAL,
            Self::BuiltIn { .. } | Self::InUse { .. } => libc::EBUSY,
        }
    }

    /// The module that failed, which need not be the one that was asked for.
    pub fn module(&self) -> &BString {
        match self {
            Self::NotFound { name } | Self::Malformed { name } => name,
            Self::Forbidden { module, .. }
            | Self::AlreadyLoaded { module }
            | Self::NotLoaded { module }
            | Self::BuiltIn { module }
            | Self::InUse { module }
            | Self::Kernel { module, .. }
            | Self::File { module, .. }
            | Self::Command { module, .. } => module,
        }
    }
}
