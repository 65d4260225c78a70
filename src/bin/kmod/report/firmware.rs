//! The messages of `kmod firmware` and `kmod fwprune`.

use std::path::Path;

use bstr::BString;
use oxmod::error::{Error, FormatError};
use oxmod::ops::firmware::{
    Ambiguity, AmbiguityPolicy, MissingFirmware, PresentFirmware, SelectError, Sizes, Unavailable,
};

use super::{Exit, Level, Outcome, Report, bare, verbatim, verbatim_path};

impl Report {
    /// A file that should list modules, and is empty.
    pub fn empty_list(&self, path: &[u8]) -> Exit {
        self.refuse(format_args!("{} does not name any module", verbatim(path)))
    }

    /// A missing flag of fwprune.
    pub fn missing_flag(&self, name: &str) -> Exit {
        self.refuse(format_args!("missing flag -{name}"))
    }

    /// A file in the module directory that is not a module.
    pub fn not_a_module(&self, path: &Path) {
        self.warning(format_args!("ignoring {}: not a module", verbatim_path(path)));
    }

    /// A built-in module that asks for firmware.
    pub fn builtin_firmware(&self, module: &BString, firmware: &BString) -> Exit {
        let (module, firmware) = (verbatim(module), verbatim(firmware));
        self.refuse(format_args!(
            "module {module} is built in and needs firmware {firmware}, possibly before the firmware can be loaded"
        ))
    }

    /// Files that cannot be read.
    pub fn unreadable_inputs(&self, errors: &[Error]) -> Outcome {
        for error in errors {
            self.unreadable(error);
        }
        if errors.is_empty() { Ok(()) } else { Err(Exit::Failure) }
    }

    /// A selection of modules that failed.
    pub fn selection_failed(&self, unselected: &SelectError) -> Exit {
        match unselected {
            SelectError::Unknown(name) => {
                self.refuse(format_args!("could not find module {}", verbatim(name)))
            }
            SelectError::NoIndex(dir) => self.no_index_of_modules(dir),
            SelectError::Unread(error) => self.unreadable(error),
        }
    }

    /// Devices that cannot be listed.
    pub fn unknown_devices(&self, unselected: &SelectError) {
        if let SelectError::Unread(error) = unselected {
            let path = verbatim_path(&error.path);
            self.warning(format_args!("could not look for devices in {path}: {}", error.cause));
        }
    }

    /// A firmware file that does not exist, and the modules that ask for it.
    pub fn no_such_firmware(&self, file: &BString, wanted: Option<&MissingFirmware>) -> Exit {
        let file = verbatim(file);
        match wanted.map(|missing| bstr::join(" ", &missing.modules)) {
            Some(modules) => {
                self.refuse(format_args!("could not find firmware {file} for {}", verbatim(&modules)))
            }
            None => self.refuse(format_args!("could not find firmware {file}")),
        }
    }

    /// A firmware name without a usable file.
    pub fn missing_firmware(&self, level: Level, missing: &MissingFirmware) {
        let (name, modules) = (verbatim(&missing.name), bstr::join(" ", &missing.modules));
        let modules = verbatim(&modules);
        let (at, why) = match &missing.why {
            Unavailable::Absent => {
                return self.say(level, format_args!("could not find firmware {name} for {modules}"));
            }
            Unavailable::TooMany => {
                let why = "the pattern matches too many names";
                return self.say(level, format_args!("could not use firmware {name} for {modules}: {why}"));
            }
            Unavailable::Leaves(at) => (at, "leads out of the firmware directory"),
            Unavailable::Loop(at) => (at, "leads through too many symbolic links"),
            Unavailable::Directory(at) => (at, "is a directory"),
            Unavailable::NoDirectory(at) => (at, "is not a directory"),
            Unavailable::Empty(at) => (at, "is empty"),
        };
        let at = verbatim(at);
        self.say(level, format_args!("could not use firmware {name} for {modules}: {at} {why}"));
    }

    /// Firmware that cannot be put into an image because its place is taken.
    pub fn lost_firmware(&self, lost: &[&PresentFirmware]) -> Outcome {
        for present in lost {
            let (name, modules) = (verbatim(&present.name), bstr::join(" ", &present.modules));
            let modules = verbatim(&modules);
            self.error(format_args!(
                "could not add firmware {name} for {modules}: another file has its place in the image"
            ));
        }
        if lost.is_empty() { Ok(()) } else { Err(Exit::Failure) }
    }

    /// The number of firmware names without a usable file.
    pub fn missing_count(&self, count: usize) {
        let names = if count == 1 { "name" } else { "names" };
        self.warning(format_args!(
            "could not find firmware for {count} {names} ('kmod firmware missing' lists them)"
        ));
    }

    /// Malformed lines of WHENCE.
    pub fn bad_whence_lines(&self, path: &Path, lines: &[usize]) {
        for line in lines {
            self.warning(format_args!("{} line {line}: ignoring malformed line", verbatim_path(path)));
        }
    }

    /// Ambiguous firmware names: errors, warnings or nothing, as the policy demands.
    pub fn ambiguities(&self, ambiguities: &[Ambiguity], policy: AmbiguityPolicy) -> Outcome {
        let level = match policy {
            AmbiguityPolicy::Error => Level::Error,
            AmbiguityPolicy::Warn => Level::Warning,
            AmbiguityPolicy::First => return Ok(()),
        };
        for ambiguity in ambiguities {
            self.ambiguity(level, ambiguity);
        }
        if policy == AmbiguityPolicy::Error && !ambiguities.is_empty() { Err(Exit::Failure) } else { Ok(()) }
    }

    fn ambiguity(&self, level: Level, ambiguity: &Ambiguity) {
        match ambiguity {
            Ambiguity::Files { name, taken, others } => {
                let others = bstr::join(", ", others);
                let (name, taken, others) = (verbatim(name), verbatim(taken), verbatim(&others));
                self.say(
                    level,
                    format_args!("firmware name {name} is ambiguous: {taken}, but also {others}"),
                );
            }
            Ambiguity::Targets { name, taken, other } => {
                let (name, taken, other) = (verbatim(name), verbatim(taken), verbatim(other));
                self.say(
                    level,
                    format_args!("link {name} is ambiguous: it leads to {taken}, but to {other} in WHENCE"),
                );
            }
        }
    }

    /// An image that the output format cannot describe.
    pub fn unfit_image(&self, error: &FormatError) -> Exit {
        self.refuse(format_args!("could not describe the image: {error}"))
    }

    /// An image that could not be copied completely.
    pub fn not_copied(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not copy {}: {}", verbatim_path(&error.path), error.cause))
    }

    /// The number and size of all files, of those in the image, and of those left out.
    #[allow(clippy::unused_self, reason = "called like the other messages")]
    pub fn sizes(&self, all: Sizes, taken: Sizes) {
        for (what, sizes) in [("all", all), ("taken", taken), ("saved", all.less(taken))] {
            bare(format_args!("{what}: {} files, {} bytes", sizes.files, sizes.bytes));
        }
    }
}
