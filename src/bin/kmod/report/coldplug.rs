//! What `kmod coldplug` says: of each driver that could not be loaded why, and with -v of the others too.

use std::path::Path;

use bstr::BString;
use oxmod::error::{Cause, Error, FormatError};
use oxmod::ops::ModuleError;
use oxmod::ops::coldplug::{Failure, Foreseen, Need, Served};
use oxmod::ops::command::CommandError;
use oxmod::ops::probe::Decision;

use super::forbid::Words;
use super::modprobe::kernel_answer;
use super::{Exit, Level, Report, errno_text, escaped, escaped_path, io_text, verbatim, verbatim_path, why};

impl Report {
    /// There are no modules to work with.
    pub fn no_manager(&self, error: &Error) -> Exit {
        match error.cause {
            Cause::Io(_) => self.refuse(format_args!(
                "could not open {}: {}",
                verbatim_path(&error.path),
                errno_text(error)
            )),
            // Reported when it was noticed.
            Cause::Format(_) => Exit::Failure,
        }
    }

    /// The kernel shows no devices.
    pub fn no_devices(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not open {}: {}", escaped_path(&error.path), why(error)))
    }

    /// Some device's event could not be sent again.
    pub fn not_triggered(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not write to {}: {}", escaped_path(&error.path), why(error)))
    }

    /// `--watch` with what wants an end.
    pub fn endless(&self) -> Exit {
        self.refuse(format_args!("--watch does not go with --dry-run and --json"))
    }

    /// From here on no device is missed.
    pub fn listening(&self) {
        self.say(Level::Notice, format_args!("listening to the kernel's events"));
    }

    /// What has begun is still brought to its end.
    pub fn ending(&self) {
        self.say(Level::Notice, format_args!("ending: nothing more is begun"));
    }

    /// There is no watching, or not any more.
    pub fn not_watching(&self, failure: &Failure) -> Exit {
        match failure {
            Failure::NoDevices(error) => return self.no_devices(error),
            Failure::Deaf(error) => {
                self.error(format_args!("could not listen to the kernel's events: {}", io_text(error)));
            }
            other => self.error(format_args!("not listening any more: {other}")),
        }
        Exit::Failure
    }

    /// What was changed counts from here on.
    pub fn refreshed(&self) {
        self.say(Level::Notice, format_args!("have read indexes and configuration anew"));
    }

    /// What was changed does not count.
    pub fn not_refreshed(&self, error: &Error) {
        _ = self.no_manager(error);
        self.warning(format_args!("going on with the indexes and the configuration of before"));
    }

    /// After so many looks there were still new ones.
    pub fn devices_without_end(&self, looks: usize) -> Exit {
        self.refuse(format_args!("devices keep appearing: stopping after {looks} looks at all of them"))
    }

    /// A message that makes no sense.
    pub fn odd_event(&self, error: &FormatError) {
        self.warning(format_args!("passing over an event of the kernel's: {error}"));
    }

    /// There were more messages than the kernel keeps.
    pub fn lost_events(&self) {
        self.warning(format_args!("the kernel has lost events: looking at all devices again"));
    }

    /// What came of a need; whether all is well.
    pub fn served(&self, need: &Need, served: &Served) -> bool {
        let report = &served.report;
        let device = Device(need);
        self.each(&report.loaded, "inserted", device);
        self.each(&report.commands, "ran the install command of", device);
        self.each(&report.blacklisted, "passed over the blacklisted", device);
        report.failed.iter().fold(true, |fine, (driver, error)| self.unserved(driver, error, device) && fine)
    }

    /// What would stand in the way.
    pub fn foreseen(&self, need: &Need, foreseen: &Foreseen) {
        for plan in &foreseen.planned {
            let name = &plan.module.name;
            if let Some(error) = plan.refusal() {
                self.unserved(name, &error, Device(need));
            } else if matches!(plan.decision, Decision::Blacklisted(_)) {
                self.each(std::slice::from_ref(name), "would pass over the blacklisted", Device(need));
            }
        }
    }

    fn each(&self, names: &[BString], done: &str, device: Device<'_>) {
        for name in names {
            self.say(Level::Notice, format_args!("{done} '{}' for {}", escaped(name), device.words()));
        }
    }

    /// Why a driver was not loaded; whether that is as it should be.
    fn unserved(&self, driver: &BString, error: &ModuleError, device: Device<'_>) -> bool {
        let (level, fine) = match error {
            ModuleError::Forbidden { .. } => (Level::Warning, true),
            // A driver is asked for each device that it might know, and knows better.
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
                device.words(),
                reason(driver, error)
            ),
        );
        fine
    }
}

/// Why, in modprobe's words where it has some.
fn reason(driver: &BString, error: &ModuleError) -> String {
    match error {
        ModuleError::NotFound { name } => format!("there is no module '{}'", escaped(name)),
        ModuleError::Forbidden { forbidden, .. } => Words::of(driver, forbidden).to_string(),
        ModuleError::Kernel { errno, .. } => kernel_answer(*errno),
        ModuleError::File { error, .. } => format!("{}: {}", verbatim_path(&error.path), why(error)),
        ModuleError::Command { error: CommandError::Status(command, status), .. } => {
            format!("install command '{}': retcode {status}", verbatim(command))
        }
        ModuleError::Command { error: CommandError::Circle(command), .. } => {
            format!("install command '{}' runs inside itself", verbatim(command))
        }
        other => other.to_string(),
    }
}

/// For whom a driver was to be loaded.
#[derive(Clone, Copy)]
struct Device<'d>(&'d Need);

impl Device<'_> {
    /// The first device: a modalias can be longer than a screen.
    fn words(self) -> String {
        let path = self.0.devices.first().map_or(Path::new(""), std::path::PathBuf::as_path);
        match self.0.devices.len() {
            0 | 1 => escaped_path(path).to_string(),
            more => format!("{} and {} more", escaped_path(path), more - 1),
        }
    }
}
