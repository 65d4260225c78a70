//! The command line of modprobe: from argv to one job.
//!
//! This module owns the order in which options take effect (-q and -v are processed in sequence), the precedence between
//! jobs, and the quoting of parameters. It must not execute any job.

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

/// The job of a run. If several were requested, the first one in this order is executed.
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
    /// Load one module with parameters, or with `-a` all operands without parameters.
    Insert(Vec<OsString>, BString),
}

/// The options that apply to the job.
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
    /// `-a`: a module that is not found causes a warning, and the others are loaded.
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
    /// `-f`, `--force-vermagic`, `--force-modversion`.
    pub force: Force,
    /// `-w`: how long to wait for a module in use.
    pub wait: Option<Duration>,
    /// `--remove-holders`.
    pub holders: bool,
    /// `--jobs`: how many modules to load in parallel, at least one.
    pub jobs: usize,
    /// `--json`.
    pub json: bool,
    /// `MODPROBE_OPTIONS` for child processes.
    pub environment: OsString,
}

/// A command line that has been parsed. The lists that it names have not been read yet.
pub struct CommandLine {
    /// The options that apply to the job.
    pub settings: Settings,
    given: Given,
    operands: Vec<OsString>,
}

/// The options that determine the job.
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
    /// Returns the options for the executor.
    pub fn execute_options(&self) -> ExecuteOptions {
        let mut commands = CommandEnvironment::of_process();
        commands.variables.push((environment::MODPROBE_OPTIONS, self.environment.clone()));
        if self.json {
            // Standard output must contain only the document.
            commands.output = CommandOutput::Error;
        }
        ExecuteOptions::new()
            .force(self.force)
            .first_time(self.first_time)
            .dry_run(self.dry_run)
            .jobs(self.jobs)
            .wait(self.wait)
            .commands(commands)
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
        // Only now, because errors in the command line itself are printed on standard error.
        report.use_syslog();
    }
    settings.show = given.show || report.shows(Level::Notice);
    settings.all |= !given.lists.is_empty();
    if settings.all {
        report.several_operands();
    }
    Ok(CommandLine { settings, given, operands })
}

impl CommandLine {
    /// Returns the job. The modules in lists precede the other operands.
    pub fn job(self, report: &Report) -> Result<(Job, Settings), Exit> {
        let Self { settings, given, operands } = self;
        let mut all = Vec::new();
        // If a list cannot be read, nothing is loaded: some of the modules may be worse than none.
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
            "remove-holders" => (self.remove, settings.holders) = (true, true),
            "jobs" => settings.jobs = jobs_value(&value.unwrap_or_default(), report)?,
            "json" => settings.json = true,
            "load-list" => self.lists.extend(value),
            "wait" => settings.wait = wait_value(&value.unwrap_or_default(), report)?,
            "force" => settings.force = Force { vermagic: true, modversions: true },
            "force-vermagic" => settings.force.vermagic = true,
            "force-modversion" => settings.force.modversions = true,
            "resolve-alias" | "show-alias" => settings.resolve = true,
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

    /// Returns the job; `None` if operands are missing. A list may be empty.
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

/// Parses the value of `-w` like C's strtoul with base 0. Zero means not to wait.
fn wait_value(value: &OsStr, report: &Report) -> Result<Option<Duration>, Exit> {
    match number::unsigned_in_range(value.as_bytes(), Base::ByPrefix) {
        Some((0, b"")) => Ok(None),
        Some((milliseconds, b"")) => Ok(Some(Duration::from_millis(milliseconds))),
        _ => Err(report.bad_wait_value(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_values_are_parsed() {
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
            ("18446744073709551615", true),
            ("18446744073709551616", false),
            ("-99999999999999999999", false),
        ] {
            assert_eq!(wait_value(OsStr::new(text), &report).is_ok(), good, "{text}");
        }
        let wait = |text: &str| wait_value(OsStr::new(text), &report).ok().flatten();
        assert_eq!(wait("0x10"), Some(Duration::from_millis(16)));
        assert_eq!(wait("010"), Some(Duration::from_millis(8)));
        assert_eq!(wait("0"), None);
    }
}
