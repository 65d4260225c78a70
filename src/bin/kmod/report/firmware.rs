//! What `kmod firmware` and `kmod fwprune` say of what is missing, in doubt, or cannot be had.

use std::ffi::OsStr;
use std::path::Path;

use bstr::BString;
use oxmod::error::{Error, FormatError};
use oxmod::formats::firmware::Dead;
use oxmod::ops::firmware::{Ambiguity, Missing, Policy, Present, Sizes, Unselected};

use super::{Exit, Level, Outcome, Report, bare, verbatim, verbatim_path};

impl Report {
    /// A word that an option does not know, and those that it does.
    pub fn bad_choice(&self, option: &str, word: &OsStr, choices: &[&str]) -> Exit {
        let word = verbatim(word.as_encoded_bytes());
        self.refuse(format_args!("--{option} knows no '{word}', only {}", choices.join(", ")))
    }

    /// An option that is to name something, and does not.
    pub fn empty_value(&self, option: &str) -> Exit {
        self.refuse(format_args!("--{option} names nothing"))
    }

    /// An operand that is to name something, and does not.
    pub fn empty_operand(&self, what: &str, operand: &[u8]) -> Exit {
        self.refuse(format_args!("{what} '{}' names nothing", verbatim(operand)))
    }

    /// An option that needs something else.
    pub fn only_with(&self, option: &str, other: &str) -> Exit {
        self.refuse(format_args!("{option} goes only with {other}"))
    }

    /// A file of names without any.
    pub fn nothing_named(&self, path: &[u8]) -> Exit {
        self.refuse(format_args!("{} names no module", verbatim(path)))
    }

    /// A flag of fwprune that has to be there.
    pub fn missing_flag(&self, name: &str) -> Exit {
        self.refuse(format_args!("fwprune needs -{name}"))
    }

    /// A file among modules that is none.
    pub fn stray(&self, path: &Path) {
        self.warning(format_args!("{} is no module; passed over", verbatim_path(path)));
    }

    /// A module that is part of the kernel asks for firmware.
    pub fn builtin_firmware(&self, module: &BString, firmware: &BString) -> Exit {
        let (module, firmware) = (verbatim(module), verbatim(firmware));
        self.refuse(format_args!(
            "{module} is built in and asks for firmware {firmware}, perhaps before it can be loaded"
        ))
    }

    /// Nothing could be chosen.
    pub fn nothing_chosen(&self, unselected: &Unselected) -> Exit {
        match unselected {
            Unselected::Unknown(name) => self.refuse(format_args!("no module {}", verbatim(name))),
            Unselected::NoIndex(dir) => {
                self.refuse(format_args!("no index of modules in {}: depmod makes it", verbatim_path(dir)))
            }
            Unselected::Unread(error) => self.unreadable(error),
        }
    }

    /// Nobody knows which devices there are.
    pub fn unknown_devices(&self, unselected: &Unselected) {
        if let Unselected::Unread(error) = unselected {
            let path = verbatim_path(&error.path);
            self.warning(format_args!("could not look for devices in {path}: {}", error.cause));
        }
    }

    /// A firmware file that is not there, and who wants it nevertheless.
    pub fn no_such_firmware(&self, file: &BString, wanted: Option<&Missing>) -> Exit {
        let file = verbatim(file);
        match wanted.map(|missing| bstr::join(" ", &missing.modules)) {
            Some(modules) => self.refuse(format_args!("no firmware {file} for {}", verbatim(&modules))),
            None => self.refuse(format_args!("no firmware {file}")),
        }
    }

    /// A name that there is nothing for.
    pub fn missing_firmware(&self, level: Level, missing: &Missing) {
        let (name, modules) = (verbatim(&missing.name), bstr::join(" ", &missing.modules));
        let modules = verbatim(&modules);
        let (at, why) = match &missing.why {
            Dead::Absent => return self.say(level, format_args!("no firmware {name} for {modules}")),
            Dead::TooMany => {
                let why = "it stands for too many names";
                return self.say(level, format_args!("no firmware {name} for {modules}: {why}"));
            }
            Dead::Leaves(at) => (at, "leads out of its directory"),
            Dead::Loop(at) => (at, "leads in a circle"),
            Dead::Directory(at) => (at, "is a directory"),
            Dead::NoDirectory(at) => (at, "is no directory"),
            Dead::Empty(at) => (at, "is empty"),
        };
        self.say(level, format_args!("no firmware {name} for {modules}: {} {why}", verbatim(at)));
    }

    /// Names that there is something for, for which an image has no place.
    pub fn lost_firmware(&self, lost: &[&Present]) -> Outcome {
        for present in lost {
            let (name, modules) = (verbatim(&present.name), bstr::join(" ", &present.modules));
            let modules = verbatim(&modules);
            self.error(format_args!("no place for firmware {name} for {modules}: something else is there"));
        }
        if lost.is_empty() { Ok(()) } else { Err(Exit::Failure) }
    }

    /// Names that there is nothing for, all in one.
    pub fn much_is_missing(&self, count: usize) {
        let names = if count == 1 { "name" } else { "names" };
        self.warning(format_args!(
            "there is no firmware for {count} {names} ('kmod firmware missing' lists them)"
        ));
    }

    /// Lines of WHENCE that make no sense.
    pub fn bad_whence_lines(&self, path: &Path, lines: &[usize]) {
        for line in lines {
            self.warning(format_args!("{} line {line}: it makes no sense", verbatim_path(path)));
        }
    }

    /// What could be something else: an end of the work, warnings, or nothing.
    pub fn ambiguities(&self, ambiguities: &[Ambiguity], policy: Policy) -> Outcome {
        let level = match policy {
            Policy::Error => Level::Error,
            Policy::Warn => Level::Warning,
            Policy::First => return Ok(()),
        };
        for ambiguity in ambiguities {
            self.ambiguity(level, ambiguity);
        }
        if policy == Policy::Error && !ambiguities.is_empty() { Err(Exit::Failure) } else { Ok(()) }
    }

    fn ambiguity(&self, level: Level, ambiguity: &Ambiguity) {
        match ambiguity {
            Ambiguity::Files { name, taken, others } => {
                let others = bstr::join(", ", others);
                let (name, taken, others) = (verbatim(name), verbatim(taken), verbatim(&others));
                self.say(level, format_args!("{name} is ambiguous: {taken}, but also {others}"));
            }
            Ambiguity::Targets { name, taken, other } => {
                let (name, taken, other) = (verbatim(name), verbatim(taken), verbatim(other));
                self.say(level, format_args!("{name} is ambiguous: a link to {taken}, in WHENCE to {other}"));
            }
        }
    }

    /// An image that its description cannot hold.
    pub fn unfit_image(&self, error: &FormatError) -> Exit {
        self.refuse(format_args!("{error}"))
    }

    /// An image that could not be copied to the end.
    pub fn not_copied(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not copy {}: {}", verbatim_path(&error.path), error.cause))
    }

    /// How much there is, is taken and is saved.
    #[allow(clippy::unused_self, reason = "the figures are for people, whatever is shown else")]
    pub fn sizes(&self, all: Sizes, taken: Sizes) {
        for (what, sizes) in [("all", all), ("taken", taken), ("saved", all.less(taken))] {
            bare(format_args!("{what}: {} files, {} bytes", sizes.files, sizes.bytes));
        }
    }
}
