//! Events that the library tells its caller about while it goes on: warnings and remarks.
//!
//! A [`Notice`] carries facts; the words for it are chosen by whoever prints it. The library sends
//! notices to the [`Sink`] that its caller provided and never prints by itself.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use crate::error::Error;

mod depmod;

pub use depmod::DepmodNotice;

/// One event. `#[non_exhaustive]`: new kinds appear as the library learns to notice more.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A configuration line (modprobe.d, depmod.d) that could not be understood and was skipped.
    BadConfigLine {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The first word of the line.
        word: BString,
    },
    /// A configuration directive that is accepted and does nothing.
    IgnoredDirective {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The directive.
        command: BString,
    },
    /// A directive that older tools had and that is not read any more.
    DeprecatedDirective {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The directive.
        command: BString,
    },
    /// A module name on the kernel command line whose brackets do not pair; its word is skipped.
    BadCommandLineName(BString),
    /// A name in a soft dependency whose brackets do not pair; it is passed over.
    BadSoftdepName(BString),
    /// A soft dependency that is passed over because it, or something that it needs, is forbidden.
    ForbiddenSoftdep {
        /// The soft dependency.
        softdep: BString,
        /// The forbidden module: the soft dependency itself or a dependency of it.
        module: BString,
        /// The file that forbids it.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The reason that the line gives.
        reason: Option<BString>,
    },
    /// A directory inside a configuration directory; its files are not read.
    ConfigSubdirectory(PathBuf),
    /// A configuration file that is listed but cannot be looked at, such as a dangling link.
    ConfigDangling(Error),
    /// A binary index could not be used; the text file beside it answers instead.
    IndexUnusable {
        /// Why, with the path of the binary index.
        error: Error,
        /// The text file that is read instead.
        instead: PathBuf,
    },
    /// Something that only depmod comes upon.
    Depmod(DepmodNotice),
    /// A file that should be readable was not; its contents are treated as absent.
    Unreadable(Error),
    /// A meta.pb cannot be read, or makes no sense.
    Unusable(Error),
    /// A meta.pb is that of another kernel.
    MetaOfAnother {
        /// The file.
        path: PathBuf,
        /// The kernel that it says it is of.
        release: BString,
        /// The one that modules are wanted of.
        wanted: BString,
    },
}

/// Receives notices: whoever opens a context decides what becomes of them. Clones share the receiver.
///
/// It is called from the thread in which something was noticed, and must not call back into what it was given to.
#[derive(Clone, Default)]
pub struct Sink(Option<Arc<dyn Fn(&Notice) + Send + Sync>>);

impl Sink {
    /// Notices go to `receive`.
    pub fn new(receive: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(receive)))
    }

    /// Notices are dropped.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Hands a notice over.
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
pub(crate) mod testing {
    //! A sink whose notices tests look at.

    use std::sync::{Arc, Mutex};

    use super::{Notice, Sink};

    /// What `take` makes of each notice.
    pub(crate) struct Recorder<T>(Arc<Mutex<Vec<T>>>);

    impl<T: Send + 'static> Recorder<T> {
        pub(crate) fn new(take: impl Fn(&Notice) -> T + Send + Sync + 'static) -> (Self, Sink) {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let recorder = Self(Arc::clone(&seen));
            (recorder, Sink::new(move |notice| seen.lock().unwrap().push(take(notice))))
        }

        /// All since the last call.
        pub(crate) fn take(&self) -> Vec<T> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }
}
