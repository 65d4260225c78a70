//! The command line of `kmod coldplug`.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::Command;
use oxmod::context::{ConfigSource, module_dir};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, jobs_value, value};
use crate::report::{Exit, Report};

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod coldplug [OPTIONS]";
    options::table("coldplug", "Load the drivers of the devices that are there", usage)
        .args([
            flag(Some('n'), "dry-run", "Print what would be done, and do nothing"),
            flag(None, "json", "Answer with a JSON document, see oxmod-json(5)"),
            value(Some('d'), "root", "DIR", "Take the modules below DIR instead of /"),
            value(Some('S'), "set-version", "VERSION", "Those of this kernel [default: the running one]"),
            value(Some('C'), "config", "PATH", "Read this configuration instead of the usual ones"),
            value(None, "meta", "FILE", "Look modules up in this meta.pb, whatever indexes there are"),
            value(None, "jobs", "N", "Serve up to N devices at a time, 0 for one for each processor"),
            flag(None, "watch", "Then go on with the devices that appear, until SIGTERM or SIGINT"),
            flag(None, "trigger", "Then have the kernel send the event of every device again"),
        ])
        .args(options::syslog_and_verbose())
        .arg(options::help())
        .after_help(
            "Every device below /sys/devices is served, and those that come with the drivers of others. A module that \
             fails does not stop the rest. That a driver is blacklisted, forbidden or finds no device is no failure, nor \
             that a device has no driver. Events (--trigger) are for other programs that listen to them: udev, mdev.",
        )
}

/// The options, as typed.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Settings {
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--json`.
    pub json: bool,
    /// `--watch`.
    pub watch: bool,
    /// `--trigger`.
    pub trigger: bool,
    /// `--jobs`: how many devices to serve at a time, at least one.
    pub jobs: usize,
    /// `--meta`.
    pub meta: Option<PathBuf>,
    /// `--config`, in order.
    config: Vec<PathBuf>,
    root: Option<OsString>,
    version: Option<OsString>,
}

impl Settings {
    /// The module directory.
    ///
    /// Errors: when the working directory or the kernel's release cannot be had.
    pub fn dir(&self) -> io::Result<PathBuf> {
        module_dir(self.root.as_deref(), self.version.as_deref())
    }

    /// Which configuration counts.
    pub fn config_source(&self) -> ConfigSource {
        match self.config.as_slice() {
            [] => ConfigSource::System,
            paths => ConfigSource::Paths(paths.to_vec()),
        }
    }

    fn take(&mut self, id: &str, value: OsString, report: &Report) -> Result<(), Exit> {
        match id {
            "dry-run" => self.dry_run = true,
            "json" => self.json = true,
            "watch" => self.watch = true,
            "trigger" => self.trigger = true,
            "root" => self.root = Some(value),
            "set-version" => self.version = Some(value),
            "config" => self.config.push(value.into()),
            "meta" => self.meta = Some(value.into()),
            "jobs" => self.jobs = jobs_value(&value, report)?,
            "syslog" => report.use_syslog(),
            _ => report.louder(),
        }
        Ok(())
    }
}

/// Reads argv.
pub fn parse(invocation: &Invocation, report: &Report) -> Result<Settings, Exit> {
    let mut settings = Settings { jobs: 1, ..Settings::default() };
    let mut argv = Options::anywhere(invocation);
    while let Some(option) = argv.next()? {
        settings.take(option.id, option.value.unwrap_or_default(), report)?;
    }
    match argv.operands().first() {
        Some(operand) => Err(report.surplus_operand(operand)),
        None if settings.watch && (settings.dry_run || settings.json) => Err(report.endless()),
        None => Ok(settings),
    }
}
