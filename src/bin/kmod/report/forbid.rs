//! The words for what the configuration forbids.

use std::fmt;
use std::path::Path;

use bstr::{BStr, BString};
use oxmod::ops::Forbidden;

use super::{Exit, Report, verbatim, verbatim_path};

impl Report {
    /// The module that was asked for, or one that it needs, is forbidden.
    pub fn forbidden(&self, asked_for: &BString, forbidden: &Forbidden) -> Exit {
        self.not_inserted(asked_for, format_args!("{}", Words::of(asked_for, forbidden)))
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

impl<'a> Words<'a> {
    pub(super) fn of(asked_for: &'a BString, forbidden: &'a Forbidden) -> Self {
        Self {
            asked_for: asked_for.as_ref(),
            module: &forbidden.module,
            path: &forbidden.origin.path,
            line: forbidden.origin.line,
            reason: forbidden.reason.as_ref(),
        }
    }
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
