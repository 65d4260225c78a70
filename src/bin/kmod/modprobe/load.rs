//! modprobe's main job: from operands to plans, printed or carried out.
//!
//! Owns what is printed of a plan and the words for what goes wrong. The order of steps is the
//! library's.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use oxmod::context::{Context, Module, absolute};
use oxmod::error::{Cause, Error};
use oxmod::notice::Sink;
use oxmod::ops::insert::insert;
use oxmod::ops::probe::{self, Action, Plan, Request, Step};
use oxmod::sys::module::{State, state};
use oxmod::sys::{errno, file, process};

use super::args::Settings;
use crate::report::{Exit, Outcome, Report, io_text, verbatim, verbatim_path};
use crate::stdout::Out;

/// What all operands share.
pub struct Loader<'l, 'c> {
    /// Where modules are found.
    pub context: &'l Context<'c>,
    /// How they are to be treated.
    pub settings: &'l Settings,
    /// Where messages go.
    pub report: &'l Report,
    /// What the library notices.
    pub sink: Sink<'l>,
    /// The lines that a dry run has printed: what one operand brings in, the next would find loaded.
    pub printed: HashSet<BString>,
}

impl Loader<'_, '_> {
    /// Each operand in turn; one that fails does not stop the others.
    pub fn all(&mut self, operands: &[OsString], out: &mut Out) -> Outcome {
        let mut outcome = Ok(());
        for operand in operands {
            match self.one(operand, BStr::new(""), out) {
                Err(Exit::Failure) => outcome = Err(Exit::Failure),
                other => other?,
            }
        }
        outcome
    }

    /// One operand: a path that begins with `/` or `./`, else the name or alias of modules.
    pub fn one(&mut self, operand: &OsStr, parameters: &BStr, out: &mut Out) -> Outcome {
        let bytes = operand.as_bytes();
        if bytes.starts_with(b"/") || bytes.starts_with(b"./") {
            let module = self.by_path(operand)?;
            return self.module(&module, parameters, out);
        }
        let found = self.context.lookup(bytes).unwrap_or_default();
        if found.is_empty() {
            return Err(self.not_found(format_args!(
                "Module {} not found in directory {}",
                verbatim(bytes),
                verbatim_path(self.context.dir())
            )));
        }
        let mut outcome = Ok(());
        for module in &found {
            match self.module(module, parameters, out) {
                Err(Exit::Failure) => outcome = Err(Exit::Failure),
                other => other?,
            }
        }
        outcome
    }

    fn by_path(&self, operand: &OsStr) -> Result<Module, Exit> {
        // The path is kept as it was given: modprobe shows it, and the kernel is not asked here.
        let path = absolute(operand).and_then(|path| file::exists(Path::new(&path)).map(|()| path));
        path.map(|path| Module::from_file(Path::new(&path))).map_err(|error| {
            self.not_found(format_args!(
                "Failed to get module from path {}: {}",
                verbatim(operand.as_bytes()),
                io_text(&error)
            ))
        })
    }

    /// The end for a single module, a warning among several.
    fn not_found(&self, text: std::fmt::Arguments<'_>) -> Exit {
        if self.settings.all {
            self.report.warning(text);
        } else {
            // Hidden or shown, the answer is the same.
            let _ = self.report.fatal(text);
        }
        Exit::Failure
    }

    fn module(&mut self, module: &Module, parameters: &BStr, out: &mut Out) -> Outcome {
        if self.settings.resolve {
            out.bytes(&module.name)?;
            return out.bytes(b"\n");
        }
        let request = Request {
            options: (!parameters.is_empty()).then_some(parameters),
            ignore_commands: self.settings.ignore_commands,
            ignore_loaded: self.settings.ignore_loaded,
            blacklist_names: self.settings.use_blacklist,
        };
        match probe::plan(self.context, module, &request, self.sink) {
            Plan::Steps(steps) => self.carry_out(module, &steps, out),
            Plan::Loaded if self.settings.first_time => {
                Err(self.failed(module, format_args!("Module already in kernel")))
            }
            Plan::Loaded | Plan::Blacklisted(_) => Ok(()),
        }
    }

    fn carry_out(&mut self, module: &Module, steps: &[Step], out: &mut Out) -> Outcome {
        for step in steps.iter().filter(|step| !step.loaded) {
            if self.settings.show {
                let line = shown(step);
                if !self.settings.dry_run || self.printed.insert(line.clone()) {
                    out.bytes(&line)?;
                }
            }
            if !self.settings.dry_run {
                // What a command prints comes after the line that announces it.
                out.flush()?;
                self.act(module, step)?;
            }
        }
        Ok(())
    }

    /// Does one step. What is loaded meanwhile needs nothing; a soft dependency may fail unheard.
    fn act(&self, module: &Module, step: &Step) -> Outcome {
        let failure = match &step.action {
            Action::Insert(_) if state(&step.module) == Some(State::Live) => None,
            Action::Insert(path) => self.insert(step, path),
            // A command that calls modprobe for its own module would go round in circles.
            Action::Install(_) if is_of_command(step) => self.itself(step),
            Action::Install(command) => self.install(step, command.as_bstr()),
            Action::BuiltIn => None,
            Action::Missing => Some(Failure::Missing),
        };
        match failure {
            Some(failure) if step.required => Err(self.tell(module, step, &failure)),
            Some(Failure::Command(command, status)) => {
                self.command_failed(step, &command, status);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn insert(&self, step: &Step, path: &Path) -> Option<Failure> {
        let error = insert(path, &step.options, self.settings.force, self.sink).err()?;
        let lost_race = error.errno() == libc::EEXIST && !(step.requested && self.settings.first_time);
        if lost_race { None } else { Some(Failure::Refused(error)) }
    }

    /// The module of an install command, without that command.
    fn itself(&self, step: &Step) -> Option<Failure> {
        match self.context.path_of(&step.module) {
            Some(path) => self.insert(step, &path),
            None => Some(Failure::Missing),
        }
    }

    fn install(&self, step: &Step, command: &BStr) -> Option<Failure> {
        let whole = command.replace("$CMDLINE_OPTS", step.options.as_slice());
        let status = run_command(&whole, step.module.as_bstr(), &self.settings.environment);
        if status == 0 { None } else { Some(Failure::Command(whole.into(), status)) }
    }

    /// Says why a step failed. The module named in the end is the one that was asked for.
    fn tell(&self, module: &Module, step: &Step, failure: &Failure) -> Exit {
        let errno = match failure {
            Failure::Missing => {
                let name = verbatim(&step.module);
                self.report.error(format_args!("could not find module by name='{name}'"));
                libc::ENOENT
            }
            Failure::Command(command, status) => {
                self.command_failed(step, command, *status);
                libc::EINVAL
            }
            Failure::Refused(error) => match &error.cause {
                Cause::Io(_) => error.errno(),
                // The file itself is damaged: the kernel never saw it.
                Cause::Format(reason) => {
                    let (text, path) = (errno::strerror(error.errno()), verbatim_path(&error.path));
                    return self.failed(module, format_args!("{text} ({path}: {reason})"));
                }
            },
        };
        self.failed(module, format_args!("{}", kernel_answer(errno)))
    }

    fn command_failed(&self, step: &Step, command: &BString, status: i32) {
        let (command, name) = (verbatim(command), verbatim(&step.module));
        self.report.error(format_args!(
            "Error running install command '{command}' for module {name}: retcode {status}"
        ));
    }

    fn failed(&self, module: &Module, why: std::fmt::Arguments<'_>) -> Exit {
        self.report.error(format_args!("could not insert '{}': {why}", verbatim(&module.name)));
        Exit::Failure
    }
}

/// Why a step could not be done.
enum Failure {
    /// There is no such module.
    Missing,
    /// An install command, as it was run, ended with this status.
    Command(BString, i32),
    /// The file could not be read, or the kernel refused the module.
    Refused(Error),
}

/// Whether this process was started by the install command of the step's module.
fn is_of_command(step: &Step) -> bool {
    std::env::var_os("MODPROBE_MODULE").is_some_and(|name| name.as_bytes() == step.module.as_slice())
}

/// What the kernel's errno means for a module.
fn kernel_answer(errno: i32) -> String {
    match errno {
        libc::EEXIST => "Module already in kernel".to_owned(),
        libc::ENOENT => "Unknown symbol in module, or unknown parameter (see dmesg)".to_owned(),
        errno => errno::strerror(errno),
    }
}

/// Runs a command of the configuration; its exit code, or a negative number.
pub fn run_command(command: &[u8], module: &BStr, environment: &OsStr) -> i32 {
    let variables = [("MODPROBE_MODULE", OsStr::from_bytes(module)), (super::environment::NAME, environment)];
    process::shell(OsStr::from_bytes(command), &variables)
        .unwrap_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO))
}

/// The line that stands for a step; scripts and builders of initial file systems parse it.
fn shown(step: &Step) -> BString {
    let (keyword, object): (&str, &[u8]) = match &step.action {
        Action::Insert(path) => ("insmod", path.as_os_str().as_bytes()),
        Action::Install(command) => ("install", command),
        Action::BuiltIn => return [b"builtin ", step.module.as_bytes(), b"\n"].concat().into(),
        Action::Missing => return BString::default(),
    };
    [keyword.as_bytes(), b" ", object, b" ", &step.options, b"\n"].concat().into()
}
