//! Options of a request for a module.

use bstr::BString;

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

/// One method for each field.
impl Request {
    /// Returns the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`Request::options`].
    #[must_use]
    pub fn options(mut self, options: impl Into<BString>) -> Self {
        self.options = options.into();
        self
    }

    /// Sets [`Request::ignore_commands`].
    #[must_use]
    pub fn ignore_commands(mut self, ignore: bool) -> Self {
        self.ignore_commands = ignore;
        self
    }

    /// Sets [`Request::ignore_loaded`].
    #[must_use]
    pub fn ignore_loaded(mut self, ignore: bool) -> Self {
        self.ignore_loaded = ignore;
        self
    }

    /// Sets [`Request::blacklist_names`].
    #[must_use]
    pub fn blacklist_names(mut self, apply: bool) -> Self {
        self.blacklist_names = apply;
        self
    }

    /// Sets [`Request::ignore_forbid`].
    #[must_use]
    pub fn ignore_forbid(mut self, ignore: bool) -> Self {
        self.ignore_forbid = ignore;
        self
    }

    /// Sets [`Request::dry_run`].
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}
