//! The command line of `kmod coldplug`.

use std::ffi::OsStr;

use clap::Command;

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, jobs_value};
use crate::cli::own_options;
use crate::cli::target::Target;
use crate::report::{Exit, Report};

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod coldplug [OPTIONS]";
    options::table("coldplug", "Load the drivers of the devices that are present", usage)
        .args([
            own_options::dry_run(),
            options::json(),
            options::jobs("Load modules for up to N devices in parallel; 0 means one per CPU [default: 1]"),
            flag(None, "watch", "Keep running and load modules for new devices until SIGTERM or SIGINT"),
            flag(None, "trigger", "Afterwards make the kernel send the events of all devices again"),
        ])
        .args(own_options::target())
        .arg(options::meta())
        .args(options::syslog_and_verbose())
        .arg(options::help())
        .after_help(
            "Modules are loaded for all devices below /sys/devices, including those that appear while drivers are loaded. \
             A module that cannot be loaded does not stop the others. It is not a failure if a device has no driver, or if \
             a driver is blacklisted, is forbidden or does not find its device. The events of --trigger are for other \
             programs, such as udev and mdev.",
        )
}

/// The options of the command line.
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
    /// `--jobs`: for how many devices to load modules in parallel, at least one.
    pub jobs: usize,
    /// The module directory and its configuration.
    pub target: Target,
}

impl Settings {
    fn take(&mut self, id: &str, value: &OsStr, report: &Report) -> Result<(), Exit> {
        match id {
            "dry-run" => self.dry_run = true,
            "json" => self.json = true,
            "watch" => self.watch = true,
            "trigger" => self.trigger = true,
            "jobs" => self.jobs = jobs_value(value, report)?,
            "syslog" => report.use_syslog(),
            id if self.target.take(id, value, report)? => {}
            _ => report.louder(),
        }
        Ok(())
    }
}

/// Parses argv.
pub fn parse(invocation: &Invocation, report: &Report) -> Result<Settings, Exit> {
    let mut settings = Settings { jobs: 1, ..Settings::default() };
    let mut argv = Options::anywhere(invocation);
    while let Some(option) = argv.next()? {
        settings.take(option.id, &option.value.unwrap_or_default(), report)?;
    }
    match argv.operands().first() {
        Some(operand) => Err(report.surplus_operand(operand)),
        None if settings.watch && (settings.dry_run || settings.json) => {
            Err(report.not_with("--watch", "--dry-run or --json"))
        }
        None => Ok(settings),
    }
}
