//! The messages about the kernel's information on loaded modules, of lsmod and rmmod.

use oxmod::error::{Cause, Error};

use super::{Exit, Report, errno_text, verbatim_path};

impl Report {
    /// lsmod with operands.
    pub fn too_many_arguments(&self) -> Exit {
        self.refuse(format_args!("too many arguments provided."))
    }

    /// A list of loaded modules that cannot be read.
    pub fn no_table_of_modules(&self, error: &Error) -> Exit {
        let why = errno_text(error);
        self.error(format_args!("could not open {}: {why}", verbatim_path(&error.path)));
        self.refuse(format_args!("could not get list of modules: {why}"))
    }

    /// A use count that is not a number; an absent one is not reported.
    pub fn unreadable_count(&self, error: &Error) {
        if error.errno() != libc::ENOENT {
            let (path, why) = (verbatim_path(&error.path), errno_text(error));
            self.error(format_args!("could not read integer from '{path}': '{why}'"));
        }
    }

    /// A size that is not a number.
    pub fn unreadable_size(&self, error: &Error) {
        if matches!(error.cause, Cause::Format(_)) {
            let dir = error.path.parent().unwrap_or(&error.path);
            self.error(format_args!("failed to read coresize from {}", verbatim_path(dir)));
        }
    }

    /// Holders that cannot be listed.
    pub fn unreadable_holders(&self, error: &Error) {
        self.error(format_args!("could not open '{}': {}", verbatim_path(&error.path), errno_text(error)));
    }
}
