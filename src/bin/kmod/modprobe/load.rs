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
use oxmod::notice::Sink;
use oxmod::ops::probe::{self, Action, Plan, Request, Step};
use oxmod::sys::file;

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
                out.flush()?;
                return Err(self.failed(module, format_args!("loading is not part of this build")));
            }
        }
        Ok(())
    }

    fn failed(&self, module: &Module, why: std::fmt::Arguments<'_>) -> Exit {
        self.report.error(format_args!("could not insert '{}': {why}", verbatim(&module.name)));
        Exit::Failure
    }
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
