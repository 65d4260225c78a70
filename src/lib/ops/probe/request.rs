//! Options of a request for a module.

use bstr::BString;

use crate::setters::setters;

/// How to plan the insertion of a module. The default is that of `modprobe MODULE`.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request {
    /// Parameters for the requested module, appended to those of the configuration.
    pub options: BString,
    /// Ignore the requested module's own install command and soft dependencies (`-i`).
    pub ignore_commands: bool,
    /// Plan as if nothing were loaded or built in (`-D`).
    pub ignore_loaded: bool,
    /// Apply the blacklist also to a module that was requested by its own name (`-b`).
    pub blacklist_names: bool,
    /// Ignore `forbid` lines (`--ignore-forbid`).
    pub ignore_forbid: bool,
    /// The plan is only displayed, so the dependencies in modules.dep.bin need not be checked.
    pub dry_run: bool,
}

setters!(Request {
    options: impl Into<BString>,
    ignore_commands: bool,
    ignore_loaded: bool,
    blacklist_names: bool,
    ignore_forbid: bool,
    dry_run: bool,
});
