//! modprobe's command line: from argv to one job that is to be done.
//!
//! Owns the order in which options act (-q and -v count in sequence), the precedence between jobs and
//! the quoting of parameters. Must not do any of the jobs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bstr::BString;
use oxmod::context::load_list;
use oxmod::number::{self, Base};
use oxmod::ops::command::{CommandEnvironment, CommandOutput};
use oxmod::ops::insert::Force;
use oxmod::ops::probe::ExecuteOptions;

use super::options_variable::{append, prepend};
use crate::cli::environment;
use crate::cli::invocation::Invocation;
use crate::cli::options::{Options, jobs_value};
use crate::cli::parameters::parameters;
use crate::cli::target::Target;
use crate::report::{self, Exit, Level, Report};

/// What is to be done; the first that was asked for in this order wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// `-c`.
    ShowConfig,
    /// `--show-modversions`, of one file or module.
    ShowModversions(OsString),
    /// `--show-exports`, of one file or module.
    ShowExports(OsString),
    /// `-r`, of all operands.
    Remove(Vec<OsString>),
    /// One module with parameters, or with `-a` every operand without.
    Insert(Vec<OsString>, BString),
}

/// How it is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Settings {
    /// `-R`: only print the names.
    pub resolve: bool,
    /// `-D`: plan as if nothing were loaded.
    pub ignore_loaded: bool,
    /// `-n`, `-D`: change nothing.
    pub dry_run: bool,
    /// `-D`, `-v`: print each step.
    pub show: bool,
    /// `-a`: what is not found is a warning, not the end.
    pub all: bool,
    /// `--first-time`.
    pub first_time: bool,
    /// `-i`.
    pub ignore_commands: bool,
    /// `-b`.
    pub use_blacklist: bool,
    /// `--ignore-forbid`.
    pub ignore_forbid: bool,
    /// `-d`, `-S`, `-C`, `--meta`.
    pub target: Target,
    /// `-f` and its parts.
    pub force: Force,
    /// `-w`: how long to wait for a module in use.
    pub wait: Option<Duration>,
    /// `--remove-holders`.
    pub holders: bool,
    /// `--jobs`: how many modules to load at a time, at least one.
    pub jobs: usize,
    /// `--json`.
    pub json: bool,
    /// `MODPROBE_OPTIONS` for child processes.
    pub environment: OsString,
}

/// A command line that has been read, but for the lists that it names.
pub struct CommandLine {
    /// How things are to be done.
    pub settings: Settings,
    given: Given,
    operands: Vec<OsString>,
}

/// What one option at a time leaves behind.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)]
struct Given {
    show_config: bool,
    show_modversions: bool,
    show_exports: bool,
    remove: bool,
    show: bool,
    /// `--load-list`, in order.
    lists: Vec<OsString>,
}

impl Settings {
    /// How plans are executed and modules removed.
    pub fn execute_options(&self) -> ExecuteOptions {
        let mut options = ExecuteOptions::default();
        options.force = self.force;
        options.first_time = self.first_time;
        options.dry_run = self.dry_run;
        options.jobs = self.jobs;
        options.wait = self.wait;
        options.commands = CommandEnvironment::of_process();
        options.commands.variables.push((environment::MODPROBE_OPTIONS, self.environment.clone()));
        if self.json {
            // Whatever a command prints, the document stays one.
            options.commands.output = CommandOutput::Error;
        }
        options
    }
}

/// Reads argv and `MODPROBE_OPTIONS`.
pub fn parse(invocation: &Invocation, report: &Report) -> Result<CommandLine, Exit> {
    let variable = environment::modprobe_options();
    let args = prepend(variable.as_deref(), &invocation.args);
    let mut settings = Settings { environment: variable.unwrap_or_default(), jobs: 1, ..Settings::default() };
    let mut given = Given::default();
    let mut use_syslog = report::stderr_was_closed();
    let mut walk = Options::over(invocation, &args);
    while let Some(option) = walk.next()? {
        if option.id == "syslog" {
            use_syslog = true;
            append(&mut settings.environment, OsStr::new("-s"));
        } else {
            given.take(option.id, option.value, &mut settings, report)?;
        }
    }
    let operands = walk.operands();
    if use_syslog {
        // Whatever went wrong on the command line itself has gone to standard error.
        report.use_syslog();
    }
    settings.show = given.show || report.shows(Level::Notice);
    settings.all |= !given.lists.is_empty();
    Ok(CommandLine { settings, given, operands })
}

impl CommandLine {
    /// What is to be done, with the operands that lists hold before the others.
    pub fn job(self, report: &Report) -> Result<(Job, Settings), Exit> {
        let Self { settings, given, operands } = self;
        let mut all = Vec::new();
        // A list that cannot be read is the end: half of them may be worse than none.
        for list in &given.lists {
            all.extend(load_list(list).map_err(|error| report.unreadable(&error))?);
        }
        all.extend(operands);
        let job = given.job(all, &settings).ok_or_else(|| report.missing_parameters())?;
        Ok((job, settings))
    }
}

impl Given {
    fn take(
        &mut self,
        id: &str,
        value: Option<OsString>,
        settings: &mut Settings,
        report: &Report,
    ) -> Result<(), Exit> {
        match id {
            "all" => settings.all = true,
            "remove" => self.remove = true,
            "remove-holders" => settings.holders = true,
            "jobs" => settings.jobs = jobs_value(&value.unwrap_or_default(), report)?,
            "json" => settings.json = true,
            "load-list" => self.lists.extend(value),
            "wait" => settings.wait = wait_value(&value.unwrap_or_default(), report)?,
            "force" => settings.force = Force { vermagic: true, modversions: true },
            "force-vermagic" => settings.force.vermagic = true,
            "force-modversion" => settings.force.modversions = true,
            "resolve-alias" => settings.resolve = true,
            "first-time" => settings.first_time = true,
            "ignore-install" => settings.ignore_commands = true,
            "ignore-forbid" => {
                append(&mut settings.environment, OsStr::new("--ignore-forbid"));
                settings.ignore_forbid = true;
            }
            "use-blacklist" => settings.use_blacklist = true,
            "show-depends" => {
                settings.ignore_loaded = true;
                settings.dry_run = true;
                self.show = true;
            }
            "dry-run" => settings.dry_run = true,
            "show-config" => self.show_config = true,
            "show-modversions" => self.show_modversions = true,
            "show-exports" => self.show_exports = true,
            "config" => {
                let path = value.unwrap_or_default();
                append(&mut settings.environment, OsStr::new("-C"));
                append(&mut settings.environment, &path);
                settings.target.config.push(path.into());
            }
            "meta" => {
                let path = value.unwrap_or_default();
                append(&mut settings.environment, OsStr::new("--meta"));
                append(&mut settings.environment, &path);
                settings.target.meta = Some(path.into());
            }
            "dirname" => settings.target.basedir = value,
            "set-version" => settings.target.release = value,
            "quiet" => {
                append(&mut settings.environment, OsStr::new("-q"));
                report.quiet();
            }
            "verbose" => {
                append(&mut settings.environment, OsStr::new("-v"));
                report.louder();
            }
            _ => {}
        }
        Ok(())
    }

    /// `None` when the job lacks its operands; a list may be empty.
    fn job(self, mut operands: Vec<OsString>, settings: &Settings) -> Option<Job> {
        if self.show_config {
            return Some(Job::ShowConfig);
        }
        let one = self.show_modversions || self.show_exports;
        if operands.is_empty() && (one || self.lists.is_empty()) {
            return None;
        }
        Some(if self.show_modversions {
            Job::ShowModversions(operands.swap_remove(0))
        } else if self.show_exports {
            Job::ShowExports(operands.swap_remove(0))
        } else if self.remove {
            Job::Remove(operands)
        } else if settings.all {
            Job::Insert(operands, BString::default())
        } else {
            let parameters = parameters(operands.get(1..).unwrap_or_default());
            operands.truncate(1);
            Job::Insert(operands, parameters)
        })
    }
}

/// `-w` takes what C's strtoul takes in any base. Zero is no wait at all.
fn wait_value(value: &OsStr, report: &Report) -> Result<Option<Duration>, Exit> {
    match number::unsigned(value.as_bytes(), Base::ByPrefix) {
        Some((0, b"")) => Ok(None),
        Some((milliseconds, b"")) => Ok(Some(Duration::from_millis(milliseconds))),
        _ => Err(report.bad_wait_value(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_values() {
        let report = Report::new("t", Level::Warning);
        report.quiet();
        for (text, good) in [
            ("10", true),
            ("0x10", true),
            ("010", true),
            ("-1", true),
            (" 5", true),
            ("0", true),
            ("", false),
            ("x", false),
            ("10z", false),
            ("0x", false),
            ("08", false),
        ] {
            assert_eq!(wait_value(OsStr::new(text), &report).is_ok(), good, "{text}");
        }
        let wait = |text: &str| wait_value(OsStr::new(text), &report).ok().flatten();
        assert_eq!(wait("0x10"), Some(Duration::from_millis(16)));
        assert_eq!(wait("010"), Some(Duration::from_millis(8)));
        assert_eq!(wait("0"), None);
    }
}
