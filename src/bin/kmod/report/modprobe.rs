//! What modprobe says, and insmod where it says the same.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use oxmod::error::{Cause, Error};
use oxmod::ops::ModuleError;
use oxmod::ops::command::CommandError;
use oxmod::ops::insert::Insertion;
use oxmod::ops::probe::{Action, Step};
use oxmod::sys::errno::strerror;

use super::{Exit, Level, Outcome, Report, errno_text, io_text, verbatim, verbatim_path, why};

impl Report {
    /// No operands where there must be some.
    pub fn missing_parameters(&self) -> Exit {
        self.misuse(format_args!("missing parameters. See -h."))
    }

    /// `-w` with anything but a number.
    pub fn bad_wait_value(&self, value: &OsStr) -> Exit {
        self.misuse(format_args!("unexpected wait value '{}'.", verbatim(value.as_bytes())))
    }

    /// `--jobs` with anything but a number.
    pub fn bad_jobs_value(&self, value: &OsStr) -> Exit {
        self.misuse(format_args!("unexpected number of jobs '{}'.", verbatim(value.as_bytes())))
    }

    /// `--load-list` with a file that cannot be read.
    pub fn unreadable_list(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not read {}: {}", verbatim_path(&error.path), why(error)))
    }

    /// `--json` with a question that has no document.
    pub fn text_only(&self) -> Exit {
        self.misuse(format_args!(
            "--json does not go with --show-config, --show-modversions and --show-exports"
        ))
    }

    /// Where modules are looked up if it is not in the indexes.
    pub fn looks_in(&self, meta: &Path) {
        self.info(format_args!("modules are looked up in {}", verbatim_path(meta)));
    }

    /// Neither the release nor the working directory could be had.
    pub fn no_module_directory(&self, error: &io::Error) -> Exit {
        self.refuse(format_args!("could not find the module directory: {error}"))
    }

    /// Nothing of that name or alias: the end for one module, a warning among several.
    pub fn not_found_in(&self, operand: &OsStr, dir: &Path, among_several: bool) -> Exit {
        let (operand, dir) = (verbatim(operand.as_bytes()), verbatim_path(dir));
        self.one_of(among_several, format_args!("Module {operand} not found in directory {dir}"))
    }

    /// No file where the operand says: the end for one module, a warning among several.
    pub fn no_module_at(&self, operand: &OsStr, error: &io::Error, among_several: bool) -> Exit {
        let (operand, why) = (verbatim(operand.as_bytes()), io_text(error));
        self.one_of(among_several, format_args!("Failed to get module from path {operand}: {why}"))
    }

    fn one_of(&self, among_several: bool, text: std::fmt::Arguments<'_>) -> Exit {
        self.say(if among_several { Level::Warning } else { Level::Fatal }, text);
        // Hidden or shown, the answer is the same.
        Exit::Failure
    }

    /// A step that the request for `module` could not do without has failed.
    pub fn step_failed(&self, module: &BString, step: &Step, error: &ModuleError) {
        match error {
            ModuleError::NotFound { name } => {
                self.error(format_args!("could not find module by name='{}'", verbatim(name)));
            }
            ModuleError::Command { error, .. } => self.install_command_failed(step, error),
            ModuleError::File { error, .. } => {
                // The file itself is damaged: the kernel never saw it.
                if let Cause::Format(reason) = &error.cause {
                    let (text, path) = (strerror(error.errno()), verbatim_path(&error.path));
                    let _ = self.not_inserted(module, format_args!("{text} ({path}: {reason})"));
                    return;
                }
            }
            _ => {}
        }
        let _ = self.not_inserted(module, format_args!("{}", kernel_answer(error.errno())));
    }

    /// `--first-time`, and the module is there.
    pub fn already_loaded(&self, module: &BString) -> Exit {
        self.not_inserted(module, format_args!("{}", kernel_answer(libc::EEXIST)))
    }

    pub(super) fn not_inserted(&self, module: &BString, why: std::fmt::Arguments<'_>) -> Exit {
        self.refuse(format_args!("could not insert '{}': {why}", verbatim(module)))
    }

    /// An install command did not succeed.
    pub fn install_command_failed(&self, step: &Step, error: &CommandError) {
        match error {
            CommandError::Status(command, status) => self.error(format_args!(
                "Error running install command '{}' for module {}: retcode {status}",
                verbatim(command),
                verbatim(&step.module)
            )),
            circle => self.circle("install", circle.command(), step.module.as_bstr()),
        }
    }

    /// A command that calls modprobe for its own module, and again, is not run once more.
    fn circle(&self, which: &str, command: &BString, module: &BStr) {
        self.error(format_args!(
            "Error running {which} command '{}' for module {}: it runs inside itself; -i would prevent that",
            verbatim(command),
            verbatim(module)
        ));
    }

    /// How a module got in, where that is news.
    pub fn inserted(&self, step: &Step, insertion: Insertion) {
        if let Action::Insert(path) = &step.action {
            self.inserted_file(path, insertion);
        }
    }

    /// The same of a file.
    pub fn inserted_file(&self, path: &Path, insertion: Insertion) {
        if let Insertion::Refused(errno) = insertion {
            let (path, why) = (verbatim_path(path), strerror(errno));
            self.warning(format_args!(
                "the kernel could not decompress {path} ({why}): decompressed it for the kernel"
            ));
        }
    }

    /// `-r`, and nothing of that name or alias.
    pub fn not_found(&self, operand: &OsStr) -> Outcome {
        self.fatal(format_args!("Module {} not found.", verbatim(operand.as_bytes())))
    }

    /// Why a module stays; an error ends the run.
    pub fn not_removed(&self, error: &ModuleError) -> Outcome {
        match error {
            ModuleError::BuiltIn { module } => {
                self.fatal(format_args!("Module {} is builtin.", verbatim(module)))
            }
            ModuleError::NotLoaded { module } => {
                self.fatal(format_args!("Module {} is not in kernel.", verbatim(module)))
            }
            ModuleError::InUse { module } => {
                self.fatal(format_args!("Module {} is in use.", verbatim(module)))
            }
            ModuleError::Command { module, .. } => {
                self.fatal(format_args!("Error running remove command for {}", verbatim(module)))
            }
            // Reported when it happened, see `refused_to_remove`.
            _ => Ok(()),
        }
    }

    /// A module was not removed, either the one that was asked for or one that was to go with it. Of a command that failed
    /// only a circle is reported here.
    pub fn refused_to_remove(&self, module: &BStr, error: &ModuleError) {
        match error {
            ModuleError::Kernel { errno, .. } => {
                self.error(format_args!("could not remove '{}': {}", verbatim(module), strerror(*errno)));
            }
            ModuleError::Command { error: CommandError::Circle(command), .. } => {
                self.circle("remove", command, module);
            }
            _ => {}
        }
    }

    /// `--show-modversions` or `--show-exports`, of a file that has none or is none.
    pub fn cannot_show(&self, what: &str, operand: &OsStr, error: &Error) -> Outcome {
        let operand = verbatim(operand.as_bytes());
        self.fatal(format_args!("could not get {what} of {operand}: {}", errno_text(error)))
    }
}

/// What the kernel's errno means for a module.
pub(super) fn kernel_answer(errno: i32) -> String {
    match errno {
        libc::EEXIST => "Module already in kernel".to_owned(),
        libc::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".to_owned(),
        errno => strerror(errno),
    }
}
