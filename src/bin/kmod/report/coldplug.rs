//! The messages of `kmod coldplug`: why a driver could not be loaded, and with -v what happened to the others.

use std::path::Path;

use bstr::BString;
use oxmod::error::{Error, FormatError};
use oxmod::ops::ModuleError;
use oxmod::ops::coldplug::{DeviceGroup, GroupPlan, GroupReport, WatchError};
use oxmod::ops::command::CommandError;
use oxmod::ops::probe::Decision;

use super::escaped::{escaped, escaped_path};
use super::modprobe::kernel_error;
use super::{Exit, Level, Report, io_text, verbatim, verbatim_path};

impl Report {
    /// A device directory that cannot be opened.
    pub fn no_devices(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not open {}: {}", escaped_path(&error.path), error.cause))
    }

    /// A device whose event could not be sent again.
    pub fn not_triggered(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not write to {}: {}", escaped_path(&error.path), error.cause))
    }

    /// The start of watching: from now on no device is missed.
    pub fn listening(&self) {
        self.say(Level::Notice, format_args!("listening for kernel events"));
    }

    /// The end of watching: loads in progress are completed.
    pub fn shutting_down(&self) {
        self.say(Level::Notice, format_args!("shutting down"));
    }

    /// Watching that could not be started, or has failed.
    pub fn not_watching(&self, failure: &WatchError) -> Exit {
        match failure {
            WatchError::NoDevices(error) => self.no_devices(error),
            WatchError::Listen(error) => {
                self.refuse(format_args!("could not listen for kernel events: {}", io_text(error)))
            }
            other => self.refuse(format_args!("stopped listening for kernel events: {other}")),
        }
    }

    /// Changed files that were reloaded.
    pub fn reloaded(&self) {
        self.say(Level::Notice, format_args!("reloaded indexes and configuration"));
    }

    /// Changed files that could not be reloaded.
    pub fn not_reloaded(&self, error: &Error) {
        _ = self.unreadable(error);
        self.warning(format_args!("continuing with the previous indexes and configuration"));
    }

    /// A run that was stopped after `scans` scans, each of which found new devices.
    pub fn too_many_scans(&self, scans: usize) -> Exit {
        self.refuse(format_args!("new devices keep appearing: stopped after {scans} scans"))
    }

    /// A malformed message of the kernel.
    pub fn malformed_event(&self, error: &FormatError) {
        self.warning(format_args!("ignoring a malformed kernel event: {error}"));
    }

    /// Messages that the kernel dropped because too many were waiting.
    pub fn lost_events(&self) {
        self.warning(format_args!("the kernel dropped events: scanning all devices again"));
    }

    /// Reports what was done for a group of devices; returns whether no driver failed.
    pub fn group_loaded(&self, group: &DeviceGroup, result: &GroupReport) -> bool {
        let report = &result.report;
        let device = Device(group);
        self.each(&report.loaded, "inserted", device);
        self.each(&report.commands, "ran the install command of", device);
        self.each(&report.blacklisted, "skipped the blacklisted", device);
        report
            .failed
            .iter()
            .fold(true, |success, (driver, error)| self.driver_failed(driver, error, device) && success)
    }

    /// Reports which drivers for a group of devices would not be loaded.
    pub fn group_planned(&self, group: &DeviceGroup, plan: &GroupPlan) {
        for plan in &plan.planned {
            let name = &plan.module.name;
            if let Some(error) = plan.refusal() {
                self.driver_failed(name, &error, Device(group));
            } else if matches!(plan.decision, Decision::Blacklisted(_)) {
                self.each(std::slice::from_ref(name), "would skip the blacklisted", Device(group));
            }
        }
    }

    fn each(&self, names: &[BString], done: &str, device: Device<'_>) {
        for name in names {
            self.say(Level::Notice, format_args!("{done} '{}' for {}", escaped(name), device.text()));
        }
    }

    /// Reports why a driver was not loaded; returns whether that was to be expected.
    fn driver_failed(&self, driver: &BString, error: &ModuleError, device: Device<'_>) -> bool {
        let (level, expected) = match error {
            ModuleError::Forbidden { .. } => (Level::Warning, true),
            // A driver is loaded for every device whose modalias it matches, and refuses some of these devices.
            ModuleError::Kernel { errno: libc::ENODEV, .. } => (Level::Notice, true),
            _ => (Level::Error, false),
        };
        let needed = match error {
            ModuleError::Kernel { module, .. }
            | ModuleError::File { module, .. }
            | ModuleError::Command { module, .. }
                if module != driver =>
            {
                format!("{}: ", escaped(module))
            }
            _ => String::new(),
        };
        self.say(
            level,
            format_args!(
                "could not insert '{}' for {}: {needed}{}",
                escaped(driver),
                device.text(),
                reason(driver, error)
            ),
        );
        expected
    }
}

/// Returns why a driver was not loaded, with the text of modprobe's message if there is one.
fn reason(driver: &BString, error: &ModuleError) -> String {
    match error {
        ModuleError::NotFound { name } => format!("module '{}' not found", escaped(name)),
        ModuleError::Forbidden { forbidden, .. } => verbatim(&forbidden.explain(driver)).to_string(),
        ModuleError::Kernel { errno, .. } => kernel_error(*errno),
        ModuleError::File { error, .. } => format!("{}: {}", verbatim_path(&error.path), error.cause),
        ModuleError::Command { error: CommandError::Status(command, status), .. } => {
            format!("install command '{}': retcode {status}", verbatim(command))
        }
        ModuleError::Command { error: CommandError::Recursion(command), .. } => {
            format!("install command '{}' calls modprobe for its own module", verbatim(command))
        }
        other => other.to_string(),
    }
}

/// The devices for which a driver is loaded, as messages name them.
#[derive(Clone, Copy)]
struct Device<'d>(&'d DeviceGroup);

impl Device<'_> {
    /// Returns the path of the first device and the number of the others. The modalias can be longer than a screen.
    fn text(self) -> String {
        let path = self.0.devices.first().map_or(Path::new(""), std::path::PathBuf::as_path);
        match self.0.devices.len() {
            0 | 1 => escaped_path(path).to_string(),
            more => format!("{} and {} more", escaped_path(path), more - 1),
        }
    }
}
