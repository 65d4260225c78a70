//! The words for what the configuration forbids.

use std::fmt;
use std::path::Path;

use bstr::{BStr, BString};
use oxmod::ops::probe::Forbidden;

use super::{Exit, Report, verbatim, verbatim_path};

impl Report {
    /// The module that was asked for, or one that it needs, is forbidden.
    pub fn forbidden(&self, asked_for: &BStr, why: &Forbidden<'_>) -> Exit {
        let (module, line) = (&why.module.name, why.line);
        let (path, number) = (&line.origin.path, line.origin.line);
        let words = Words { asked_for, module, path, line: number, reason: line.reason.as_ref() };
        self.not_inserted(asked_for, format_args!("{words}"))
    }

    /// A soft dependency was passed over.
    pub(super) fn forbidden_softdep(
        &self,
        softdep: &BString,
        module: &BString,
        path: &Path,
        line: u32,
        reason: Option<&BString>,
    ) {
        let words = Words { asked_for: softdep.as_ref(), module, path, line, reason };
        self.warning(format_args!("passing over soft dependency '{}': {words}", verbatim(softdep)));
    }
}

/// By which line, for which reason.
pub(super) struct Words<'a> {
    pub(super) asked_for: &'a BStr,
    pub(super) module: &'a BString,
    pub(super) path: &'a Path,
    pub(super) line: u32,
    pub(super) reason: Option<&'a BString>,
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.asked_for != self.module.as_slice() {
            write!(f, "{} is ", verbatim(self.module))?;
        }
        write!(f, "forbidden by {} line {}", verbatim_path(self.path), self.line)?;
        match self.reason {
            Some(reason) => write!(f, ": {}", verbatim(reason)),
            None => Ok(()),
        }
    }
}
