//! The messages of modprobe, and those that insmod shares with it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use oxmod::errno::strerror;
use oxmod::error::{Cause, Error};
use oxmod::ops::command::CommandError;
use oxmod::ops::insert::Insertion;
use oxmod::ops::probe::{Action, Step};
use oxmod::ops::{Forbidden, ModuleError};

use super::{Exit, Outcome, Report, errno_text, io_text, verbatim, verbatim_path};

impl Report {
    /// Missing operands.
    pub fn missing_parameters(&self) -> Exit {
        self.misuse(format_args!("missing parameters. See -h."))
    }

    /// `-w` with a value that is not a number.
    pub fn bad_wait_value(&self, value: &OsStr) -> Exit {
        self.misuse(format_args!("unexpected wait value '{}'.", verbatim(value.as_bytes())))
    }

    /// `--jobs` with a value that is not a number.
    pub fn bad_jobs_value(&self, value: &OsStr) -> Exit {
        let value = verbatim(value.as_bytes());
        self.misuse(format_args!("invalid value '{value}' for --jobs (expected a number)"))
    }

    /// `--json` with an option that has no document.
    pub fn text_only(&self) -> Exit {
        self.misuse(format_args!(
            "--json cannot be used with --show-config, --show-modversions or --show-exports"
        ))
    }

    /// The meta.pb that modules are looked up in.
    pub fn looking_up_in(&self, meta: &Path) {
        self.info(format_args!("looking up modules in {}", verbatim_path(meta)));
    }

    /// A module directory whose path cannot be determined: the release or the working directory is unknown.
    pub fn no_module_directory(&self, error: &io::Error) -> Exit {
        self.refuse(format_args!("could not determine the module directory: {}", io_text(error)))
    }

    /// An operand that is neither a module nor an alias.
    pub fn not_found_in(&self, operand: &OsStr, dir: &Path) -> Outcome {
        let (operand, dir) = (verbatim(operand.as_bytes()), verbatim_path(dir));
        self.operand_failed(format_args!("Module {operand} not found in directory {dir}"))
    }

    /// An operand that names a file which does not exist.
    pub fn no_module_at(&self, operand: &OsStr, error: &io::Error) -> Outcome {
        let (operand, why) = (verbatim(operand.as_bytes()), io_text(error));
        self.operand_failed(format_args!("Failed to get module from path {operand}: {why}"))
    }

    /// A failed step that the request for `module` requires.
    pub fn step_failed(&self, module: &BString, step: &Step, error: &ModuleError) {
        match error {
            ModuleError::NotFound { name } => {
                self.error(format_args!("could not find module by name='{}'", verbatim(name)));
            }
            ModuleError::Command { error, .. } => self.install_command_failed(step, error),
            ModuleError::File { error, .. } => {
                // The file itself is damaged, and was not passed to the kernel.
                if let Cause::Format(reason) = &error.cause {
                    let (text, path) = (strerror(error.errno()), verbatim_path(&error.path));
                    let _ = self.not_inserted(module, format_args!("{text} ({path}: {reason})"));
                    return;
                }
            }
            _ => {}
        }
        let _ = self.not_inserted(module, format_args!("{}", kernel_error(error.errno())));
    }

    /// `--first-time` with a module that is loaded.
    pub fn already_loaded(&self, module: &BString) -> Exit {
        self.not_inserted(module, format_args!("{}", kernel_error(libc::EEXIST)))
    }

    /// A module that is forbidden, or one that depends on such a module.
    pub fn forbidden(&self, module: &BString, forbidden: &Forbidden) -> Exit {
        self.not_inserted(module, format_args!("{}", verbatim(&forbidden.explain(module))))
    }

    fn not_inserted(&self, module: &BString, why: std::fmt::Arguments<'_>) -> Exit {
        self.refuse(format_args!("could not insert '{}': {why}", verbatim(module)))
    }

    /// A failed install command.
    pub fn install_command_failed(&self, step: &Step, error: &CommandError) {
        match error {
            CommandError::Status(command, status) => self.error(format_args!(
                "Error running install command '{}' for module {}: retcode {status}",
                verbatim(command),
                verbatim(&step.module)
            )),
            CommandError::Recursion(command) => self.recursion("install", command, step.module.as_bstr()),
        }
    }

    /// A command that was not run again because it calls modprobe for its own module.
    fn recursion(&self, which: &str, command: &BString, module: &BStr) {
        let (command, module) = (verbatim(command), verbatim(module));
        self.error(format_args!(
            "Error running {which} command '{command}' for module {module}: \
             it calls modprobe for {module} again (use modprobe -i in it)"
        ));
    }

    /// A module that the kernel could not decompress.
    pub fn inserted(&self, step: &Step, insertion: Insertion) {
        if let Action::Insert(path) = &step.action {
            self.inserted_file(path, insertion);
        }
    }

    /// A module file that the kernel could not decompress.
    pub fn inserted_file(&self, path: &Path, insertion: Insertion) {
        if let Insertion::Refused(errno) = insertion {
            let (path, why) = (verbatim_path(path), strerror(errno));
            self.warning(format_args!(
                "the kernel could not decompress {path} ({why}): decompressed it for the kernel"
            ));
        }
    }

    /// `-r` with an operand that is neither a module nor an alias.
    pub fn not_found(&self, operand: &OsStr) -> Outcome {
        self.operand_failed(format_args!("Module {} not found.", verbatim(operand.as_bytes())))
    }

    /// The reason for which a module was not removed; an error ends the run.
    pub fn not_removed(&self, error: &ModuleError) -> Outcome {
        match error {
            ModuleError::BuiltIn { module } => {
                self.operand_failed(format_args!("Module {} is builtin.", verbatim(module)))
            }
            ModuleError::NotLoaded { module } => {
                self.operand_failed(format_args!("Module {} is not in kernel.", verbatim(module)))
            }
            ModuleError::InUse { module } => {
                self.operand_failed(format_args!("Module {} is in use.", verbatim(module)))
            }
            ModuleError::Command { module, .. } => {
                self.operand_failed(format_args!("Error running remove command for {}", verbatim(module)))
            }
            // Reported by `refused_to_remove`.
            _ => Ok(()),
        }
    }

    /// A module that was not removed, either the requested one or one that would be removed with it. Of failed commands
    /// only those that run themselves are reported here.
    pub fn refused_to_remove(&self, module: &BStr, error: &ModuleError) {
        match error {
            ModuleError::Kernel { errno, .. } => {
                self.error(format_args!("could not remove '{}': {}", verbatim(module), strerror(*errno)));
            }
            ModuleError::Command { error: CommandError::Recursion(command), .. } => {
                self.recursion("remove", command, module);
            }
            _ => {}
        }
    }

    /// `--show-modversions` of a file without them, or of one that is not a module.
    pub fn no_modversions(&self, operand: &OsStr, error: &Error) -> Outcome {
        self.cannot_show("modversions", operand, error)
    }

    /// `--show-exports` of a file without them, or of one that is not a module.
    pub fn no_exports(&self, operand: &OsStr, error: &Error) -> Outcome {
        self.cannot_show("symbols", operand, error)
    }

    fn cannot_show(&self, what: &str, operand: &OsStr, error: &Error) -> Outcome {
        let operand = verbatim(operand.as_bytes());
        self.operand_failed(format_args!("could not get {what} of {operand}: {}", errno_text(error)))
    }
}

/// Returns kmod's text for the errno with which the kernel refused a module.
pub(super) fn kernel_error(errno: i32) -> String {
    match errno {
        libc::EEXIST => "Module already in kernel".to_owned(),
        libc::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".to_owned(),
        errno => strerror(errno),
    }
}
