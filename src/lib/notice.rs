//! Events that the library reports to its caller while it works, such as warnings.
//!
//! This module owns the events, their levels and their wording, so that all programs print the same messages. The library
//! sends notices to the [`Sink`] that its caller provided; it must not print anything itself. Messages that kmod prints
//! too have kmod's text and level.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use crate::error::{Error, Forbidden};
use crate::text::{self, message, verbatim, verbatim_path};

mod depmod;

pub use depmod::DepmodNotice;

/// The severity of a notice. The values are the priorities of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// A request cannot be fulfilled, or is fulfilled without the file concerned.
    Error = libc::LOG_ERR,
    /// Something is wrong, but the result is complete.
    Warning = libc::LOG_WARNING,
    /// Normal, but significant.
    Notice = libc::LOG_NOTICE,
    /// Of interest to users who ask for details.
    Info = libc::LOG_INFO,
}

/// One event. The enum is `#[non_exhaustive]` because later versions of the library report more events.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A malformed line of modprobe.d; it is skipped.
    BadConfigLine {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The first word of the line.
        word: BString,
    },
    /// A directive that is accepted but has no effect.
    IgnoredDirective {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The directive.
        command: BString,
    },
    /// A directive of older tools that is no longer read.
    DeprecatedDirective {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The directive.
        command: BString,
    },
    /// A module name on the kernel command line with an unmatched bracket; the word is skipped.
    BadCommandLineName(BString),
    /// A name in a soft dependency with an unmatched bracket; it is skipped.
    BadSoftdepName(BString),
    /// A soft dependency that is skipped because it, or a module that it depends on, is forbidden.
    ForbiddenSoftdep {
        /// The soft dependency.
        softdep: BString,
        /// The line that forbids it.
        forbidden: Forbidden,
    },
    /// A directory inside a configuration directory; its files are not read.
    ConfigSubdirectory(PathBuf),
    /// A configuration file that is listed but cannot be examined, such as a dangling link.
    ConfigDangling(Error),
    /// A binary index that cannot be used; the text file from which it was made is read instead.
    IndexUnusable {
        /// The reason, with the path of the binary index.
        error: Error,
        /// The text file.
        instead: PathBuf,
    },
    /// An event of depmod.
    Depmod(DepmodNotice),
    /// A file that cannot be read, or is damaged; it is treated as absent.
    Unreadable(Error),
    /// A meta.pb that is for another kernel.
    MetaKernelMismatch {
        /// The file.
        path: PathBuf,
        /// The kernel that it is for.
        release: BString,
        /// The kernel of the module directory.
        wanted: BString,
    },
}

impl Notice {
    /// Returns the severity.
    pub fn level(&self) -> Level {
        match self {
            Self::BadConfigLine { .. }
            | Self::DeprecatedDirective { .. }
            | Self::BadCommandLineName(_)
            | Self::BadSoftdepName(_)
            | Self::ConfigSubdirectory(_)
            | Self::ConfigDangling(_)
            | Self::Unreadable(_) => Level::Error,
            Self::ForbiddenSoftdep { .. } | Self::IndexUnusable { .. } | Self::MetaKernelMismatch { .. } => {
                Level::Warning
            }
            Self::IgnoredDirective { .. } => Level::Info,
            Self::Depmod(notice) => notice.level(),
        }
    }

    /// Returns the message for users, without a newline. Paths and names keep their bytes, which need not be UTF-8.
    pub fn message(&self) -> BString {
        match self {
            Self::BadConfigLine { path, line, word } => message!(
                "{} line {line}: ignoring bad line starting with {}",
                verbatim_path(path),
                beginning(word)
            ),
            Self::IgnoredDirective { path, line, command } => message!(
                "{} line {line}: directive '{}' has no effect",
                verbatim_path(path),
                verbatim(command)
            ),
            Self::DeprecatedDirective { path, command, line: _ } => message!(
                "{}: command {} is deprecated and not parsed anymore",
                verbatim_path(path),
                verbatim(command)
            ),
            Self::BadCommandLineName(name) => message!(
                "Ignoring bad option on kernel command line while parsing module name: '{}'",
                verbatim(name)
            ),
            Self::BadSoftdepName(name) => {
                message!("failed to lookup dependency '{}', continuing anyway.", verbatim(name))
            }
            Self::ForbiddenSoftdep { softdep, forbidden } => message!(
                "ignoring soft dependency '{}': {}",
                verbatim(softdep),
                verbatim(&forbidden.explain(softdep))
            ),
            Self::ConfigSubdirectory(path) => {
                message!("Directories inside directories are not supported: {}", verbatim_path(path))
            }
            Self::ConfigDangling(error) => {
                message!("Cannot stat directory entry: {}", verbatim_path(&error.path))
            }
            Self::IndexUnusable { error, instead } => message!(
                "could not use {}: {}; reading {} instead",
                verbatim_path(&error.path),
                error.cause,
                verbatim_path(instead)
            ),
            Self::Unreadable(error) => {
                message!("could not read {}: {}", verbatim_path(&error.path), error.cause)
            }
            Self::MetaKernelMismatch { path, release, wanted } => message!(
                "{} is for kernel {}, not {}",
                verbatim_path(path),
                verbatim(release),
                verbatim(wanted)
            ),
            Self::Depmod(notice) => notice.message(),
        }
    }
}

/// Returns the beginning of an invalid line, in quotes. A byte order mark, which is invisible, is spelled out.
fn beginning(word: &[u8]) -> impl fmt::Display + '_ {
    fmt::from_fn(|f| match text::split_byte_order_mark(word) {
        Some((encoding, rest)) => {
            write!(f, "a byte order mark ({encoding}) and '{}': save the file without one", verbatim(rest))
        }
        None => write!(f, "'{}'", verbatim(word)),
    })
}

/// A receiver of notices, chosen by the caller that opens a context. Clones share the receiver.
///
/// It is called from the thread in which the event occurred, and must not call back into the object that it was given
/// to.
#[derive(Clone, Default)]
pub struct Sink(Option<Arc<Receive>>);

type Receive = dyn Fn(&Notice) + Send + Sync;

impl Sink {
    /// Creates a sink that calls `receive` with each notice.
    pub fn new(receive: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(receive)))
    }

    /// Creates a sink that drops all notices.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Passes a notice to the receiver.
    pub fn send(&self, notice: &Notice) {
        if let Some(receive) = &self.0 {
            receive(notice);
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Sink(..)" } else { "Sink(none)" })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    use super::{DepmodNotice, Error, Level, Notice};

    #[test]
    fn messages_keep_bytes_that_are_not_utf_8() {
        let path = PathBuf::from(OsStr::from_bytes(b"/J\xfcrgen.conf"));
        let notice = Notice::BadConfigLine { path: path.clone(), line: 7, word: b"\xe9".into() };
        assert_eq!(notice.message(), b"/J\xfcrgen.conf line 7: ignoring bad line starting with '\xe9'");
        let denied = std::io::Error::from_raw_os_error(libc::EACCES);
        let notice = Notice::Unreadable(Error::new(path, denied));
        assert_eq!(notice.message(), b"could not read /J\xfcrgen.conf: Permission denied");
        assert_eq!(notice.level(), Level::Error);
    }

    #[test]
    fn an_unwritten_cache_is_expected_on_a_read_only_file_system() {
        let unwritten = |errno| {
            let error = Error::new("/c", std::io::Error::from_raw_os_error(errno));
            Notice::Depmod(DepmodNotice::CacheUnwritten(error)).level()
        };
        assert_eq!((unwritten(libc::EROFS), unwritten(libc::ENOSPC)), (Level::Info, Level::Warning));
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A sink that records notices for tests.

    use std::sync::{Arc, Mutex};

    use super::{Notice, Sink};

    /// The values that `take` returned for the notices.
    pub(crate) struct Recorder<T>(Arc<Mutex<Vec<T>>>);

    impl<T: Send + 'static> Recorder<T> {
        pub(crate) fn new(take: impl Fn(&Notice) -> T + Send + Sync + 'static) -> (Self, Sink) {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let recorder = Self(Arc::clone(&seen));
            (recorder, Sink::new(move |notice| seen.lock().unwrap().push(take(notice))))
        }

        /// Returns the values since the previous call.
        pub(crate) fn take(&self) -> Vec<T> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }
}
