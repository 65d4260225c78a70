//! The error types of the library and the one map from them to errno values.
//!
//! Formats return [`FormatError`] (they know no file names); everything that touches files returns
//! [`Error`], which names the path once. No wording of the tools lives here: the program's report
//! decides what a person reads, these texts are its raw material.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// What class of problem a [`FormatError`] is; decides the errno that scripts and callers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatKind {
    /// The bytes are not of this format at all (errno `ENOEXEC`).
    NotThisFormat,
    /// The bytes claim to be of this format but break its rules (errno `EINVAL`).
    Malformed,
    /// Well formed, but the asked-for part is absent (errno `ENODATA`).
    Absent,
    /// A resource limit was reached, such as the size of decompressed data (errno `EFBIG`).
    Limit,
    /// There is too little memory for what the bytes hold (errno `ENOMEM`).
    NoMemory,
    /// Recognised, but this build or this tool does not handle it (errno `ENOTSUP`).
    Unsupported,
}

/// A problem found in bytes, without the name of the file they came from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FormatError {
    /// The class of the problem.
    pub kind: FormatKind,
    /// What is wrong, in a few words, without a trailing full stop.
    pub reason: Cow<'static, str>,
}

impl FormatError {
    /// A problem of class `kind`, described by `reason`.
    pub fn new(kind: FormatKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// Shorthand for [`FormatKind::Malformed`].
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FormatKind::Malformed, reason)
    }

    /// The errno value that stands for this problem.
    pub fn errno(&self) -> i32 {
        match self.kind {
            FormatKind::NotThisFormat => libc::ENOEXEC,
            FormatKind::Malformed => libc::EINVAL,
            FormatKind::Absent => libc::ENODATA,
            FormatKind::Limit => libc::EFBIG,
            FormatKind::NoMemory => libc::ENOMEM,
            FormatKind::Unsupported => libc::ENOTSUP,
        }
    }
}

/// Why an operation on a file failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file's bytes are at fault.
    #[error("{0}")]
    Format(#[from] FormatError),
}

impl Cause {
    /// Turns the cause into a problem of the bytes, for formats that treat a file which cannot be read as damaged.
    #[cold]
    pub fn into_format_error(self) -> FormatError {
        match self {
            Self::Io(error) => FormatError::malformed(format!("it cannot be read: {error}")),
            Self::Format(error) => error,
        }
    }
}

/// A failure with the path that it concerns, named once.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct Error {
    /// The file or directory concerned.
    pub path: PathBuf,
    /// What happened to it.
    #[source]
    pub cause: Cause,
}

/// The library's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Joins a path with what happened to it.
    pub fn new(path: impl Into<PathBuf>, cause: impl Into<Cause>) -> Self {
        Self { path: path.into(), cause: cause.into() }
    }

    /// For `map_err`: attaches `path` to a cause.
    pub fn at<C: Into<Cause>>(path: &Path) -> impl FnOnce(C) -> Self + '_ {
        move |cause| Self::new(path, cause)
    }

    /// Whether it was the want of memory or descriptors, and not the file: another time all may be well.
    pub fn is_shortage(&self) -> bool {
        matches!(self.errno(), libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    }

    /// The errno value that stands for this failure (`EIO` where the system gave none).
    pub fn errno(&self) -> i32 {
        match &self.cause {
            Cause::Io(error) => error.raw_os_error().unwrap_or(libc::EIO),
            Cause::Format(error) => error.errno(),
        }
    }
}
