//! The error types of the library and the one map from them to errno values.
//!
//! Formats return [`FormatError`], because they do not know file names. Everything that touches files returns [`Error`],
//! which names the path once. The texts are suitable for users; for an errno, they are those of the C library. `Display`
//! replaces the bytes of a path that are not UTF-8; a message that must keep them is composed of [`Error::path`] and
//! [`Error::cause`].

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use crate::errno;
use crate::text::{message, verbatim, verbatim_path};

/// The class of a [`FormatError`]; determines its errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatKind {
    /// The bytes are not of this format at all (errno `ENOEXEC`).
    NotThisFormat,
    /// The bytes are of this format but violate its rules (errno `EINVAL`).
    Malformed,
    /// The bytes are well formed, but the requested part is absent (errno `ENODATA`).
    Absent,
    /// A resource limit was reached, such as the size of decompressed data (errno `EFBIG`).
    Limit,
    /// There is not enough memory for the contents (errno `ENOMEM`).
    NoMemory,
    /// The format is recognised, but not supported by this build or this tool (errno `ENOTSUP`).
    Unsupported,
}

/// A problem with the contents of a file, without the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FormatError {
    /// The class of the problem.
    pub kind: FormatKind,
    /// The reason in a few words, without a full stop.
    pub reason: Cow<'static, str>,
}

impl FormatError {
    /// Creates a problem of class `kind`, described by `reason`.
    pub fn new(kind: FormatKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// Creates a problem of class [`FormatKind::Malformed`].
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(FormatKind::Malformed, reason)
    }

    /// Returns the errno value for this problem.
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

/// The reason why an operation on a file failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A system call failed.
    #[error("{}", errno::strerror(errno::of(.0)))]
    Io(#[from] io::Error),
    /// The contents of the file are invalid.
    #[error("{0}")]
    Format(#[from] FormatError),
}

impl Cause {
    /// Converts the cause to an error of the format, for formats that treat an unreadable file as damaged.
    #[cold]
    pub fn into_format_error(self) -> FormatError {
        match self {
            Self::Io(_) => FormatError::malformed(format!("it cannot be read: {self}")),
            Self::Format(error) => error,
        }
    }
}

/// A failure with the path that it concerns.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
pub struct Error {
    /// The file or directory concerned.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub cause: Cause,
}

/// The result type of everything that touches files.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates a failure that concerns `path`.
    pub fn new(path: impl Into<PathBuf>, cause: impl Into<Cause>) -> Self {
        Self { path: path.into(), cause: cause.into() }
    }

    /// For `map_err`: attaches `path` to a cause.
    pub fn at<C: Into<Cause>>(path: &Path) -> impl FnOnce(C) -> Self + '_ {
        move |cause| Self::new(path, cause)
    }

    /// Whether memory or file descriptors were exhausted. The file is not at fault then, and another attempt may succeed.
    pub fn is_shortage(&self) -> bool {
        matches!(self.errno(), libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    }

    /// Returns the errno value for this failure; `EIO` if it does not come from the system.
    pub fn errno(&self) -> i32 {
        match &self.cause {
            Cause::Io(error) => errno::of(error),
            Cause::Format(error) => error.errno(),
        }
    }
}

/// A line of the configuration that forbids a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The module that the line is about: the requested one, or one that it depends on.
    pub module: BString,
    /// The file.
    pub path: Arc<Path>,
    /// The last physical line of the logical line, counted from 1.
    pub line: u32,
    /// The reason that the line gives.
    pub reason: Option<BString>,
}

impl Forbidden {
    /// Returns why `requested` is not loaded: `forbidden by PATH line N: REASON`, after the name of the module that the
    /// line is about if that is another.
    pub fn explain(&self, requested: &[u8]) -> BString {
        let mut text = BString::default();
        if self.module != requested {
            text.extend_from_slice(&message!("{} is ", verbatim(&self.module)));
        }
        text.extend_from_slice(&message!("forbidden by {} line {}", verbatim_path(&self.path), self.line));
        if let Some(reason) = &self.reason {
            text.extend_from_slice(&message!(": {}", verbatim(reason)));
        }
        text
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No module has an empty name, so the text includes the module.
        self.explain(b"").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::{Error, Forbidden, FormatError};

    #[test]
    fn a_forbidden_dependency_is_named() {
        let reason = Some(b"br\xf6ken".into());
        let forbidden = Forbidden { module: "b".into(), path: Path::new("/f").into(), line: 3, reason };
        assert_eq!(forbidden.explain(b"b"), b"forbidden by /f line 3: br\xf6ken");
        let forbidden = Forbidden { reason: None, ..forbidden };
        assert_eq!(forbidden.explain(b"a"), "b is forbidden by /f line 3");
        assert_eq!(forbidden.to_string(), "b is forbidden by /f line 3");
    }

    #[test]
    fn display_contains_the_path_and_the_reason() {
        let absent = Error::new("/a", io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(absent.to_string(), "/a: No such file or directory");
        let cut = Error::new("/a", io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!((cut.to_string().as_str(), cut.errno()), ("/a: Input/output error", libc::EIO));
        assert_eq!(Error::new("/a", FormatError::malformed("no root")).to_string(), "/a: no root");
    }
}
