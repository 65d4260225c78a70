//! What may be asked for beyond the module itself.

use bstr::BString;

/// How a module is to be planned. By default as `modprobe MODULE` does it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request {
    /// Parameters for the requested module, after those of the configuration.
    pub options: BString,
    /// Leave out the requested module's own install command and soft dependencies (`-i`).
    pub ignore_commands: bool,
    /// Plan as if nothing were loaded or built in (`-D`).
    pub ignore_loaded: bool,
    /// Let the blacklist apply to a module that was asked for by its own name too (`-b`).
    pub blacklist_names: bool,
    /// Load what `forbid` lines forbid (`--ignore-forbid`).
    pub ignore_forbid: bool,
    /// The plan is only to be shown: what modules.dep.bin says of dependencies need not be checked.
    pub dry_run: bool,
}

/// One method for each field.
impl Request {
    /// The default.
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
