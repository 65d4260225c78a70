//! The error type for loading and removing modules, shared by all operations.

use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use super::command::CommandError;
use crate::errno;
use crate::error::Error;

pub use crate::error::Forbidden;

/// The reason why a module was not loaded or not removed. Cheap to clone: all callers that waited for one
/// insertion get the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// No module has this name or alias.
    #[error("module {name} not found")]
    NotFound {
        /// The requested name, or the name of a module that another one needs.
        name: BString,
    },
    /// The requested string cannot be a name or an alias: its brackets do not match.
    #[error("invalid module name '{name}': unmatched bracket")]
    Malformed {
        /// The requested string.
        name: BString,
    },
    /// The configuration forbids the module, or one that it depends on.
    #[error("module {module}: {}", forbidden.explain(module))]
    Forbidden {
        /// The module that was to be loaded.
        module: BString,
        /// The forbidden module and the line that forbids it.
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
    /// The module is built in and cannot be removed.
    #[error("module {module} is built in")]
    BuiltIn {
        /// The module.
        module: BString,
    },
    /// The module that was to be removed is in use.
    #[error("module {module} is in use")]
    InUse {
        /// The module.
        module: BString,
    },
    /// The kernel refused the module, or the module's initialisation failed.
    #[error("module {module}: {}", errno::strerror(*errno))]
    Kernel {
        /// The kernel's error, such as `ENODEV` for a driver that finds no device.
        errno: i32,
        /// The module that was refused: the requested one or one that it needs.
        module: BString,
        /// The file that was passed to the kernel, if a module was to be inserted.
        path: Option<PathBuf>,
    },
    /// The module's file is missing, unreadable or damaged; the kernel was not called.
    #[error("module {module}: {error}")]
    File {
        /// The module.
        module: BString,
        /// The error, with the path.
        error: Arc<Error>,
    },
    /// The install or remove command of the module failed.
    #[error("module {module}: {error}")]
    Command {
        /// The module.
        module: BString,
        /// The command and how it failed.
        error: CommandError,
    },
}

impl ModuleError {
    /// Returns the errno value for this failure.
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

    /// Returns the module that failed, which is not always the requested one.
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
