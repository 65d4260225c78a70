//! modprobe's main job: from operands to plans, printed or carried out.
//!
//! Owns which operands become which requests, what is printed of a plan, and whether requests are
//! served in turn or at the same time. The order of steps and their taking are the library's.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};
use oxmod::context::{Context, Module, absolute};
use oxmod::notice::Sink;
use oxmod::ops::probe::{self, Action, Answers, Done, Failure, Means, Plan, Request, Scheduled, Step};
use oxmod::sys::file;

use super::args::Settings;
use super::environment;
use crate::report::{Exit, Outcome, Report};
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
    pub printed: BTreeSet<BString>,
}

impl Loader<'_, '_> {
    /// Each operand; one that fails does not stop the others.
    pub fn all(&mut self, operands: &[OsString], parameters: &BStr, out: &mut Out) -> Outcome {
        if self.settings.jobs > 1 && !self.settings.dry_run && !self.settings.resolve {
            return self.at_once(operands, parameters, out);
        }
        each(operands, |operand| {
            let modules = self.find(operand)?;
            each(&modules, |module| self.module(module, parameters, out))
        })
    }

    /// The modules that an operand stands for: those of this name or alias, or the one in the file if it
    /// begins with `/` or `./`. Never none: that is a failure, and has been told.
    fn find(&self, operand: &OsStr) -> Result<Vec<Module>, Exit> {
        let bytes = operand.as_bytes();
        if bytes.starts_with(b"/") || bytes.starts_with(b"./") {
            // The path is kept as it was given: modprobe shows it, and the kernel is not asked here.
            let path = absolute(operand).and_then(|path| file::exists(Path::new(&path)).map(|()| path));
            let module = path.map(|path| vec![Module::from_file(Path::new(&path))]);
            return module.map_err(|error| self.report.no_module_at(operand, &error, self.settings.all));
        }
        let found = self.context.lookup(bytes).unwrap_or_default();
        if found.is_empty() {
            return Err(self.report.not_found_in(operand, self.context.dir(), self.settings.all));
        }
        Ok(found)
    }

    fn module(&mut self, module: &Module, parameters: &BStr, out: &mut Out) -> Outcome {
        if self.settings.resolve {
            out.bytes(&module.name)?;
            return out.bytes(b"\n");
        }
        let steps = self.plan(module, parameters)?;
        if self.settings.dry_run { self.dry_run(&steps, out) } else { self.in_turn(module, &steps, out) }
    }

    /// The steps for a module; none where nothing is to be done.
    fn plan(&self, module: &Module, parameters: &BStr) -> Result<Vec<Step>, Exit> {
        let request = Request {
            options: (!parameters.is_empty()).then_some(parameters),
            ignore_commands: self.settings.ignore_commands,
            ignore_loaded: self.settings.ignore_loaded,
            blacklist_names: self.settings.use_blacklist,
            within: self.settings.within.as_ref().map(|name| name.as_bytes().as_bstr()),
        };
        match probe::plan(self.context, module, &request, self.sink) {
            Plan::Steps(steps) => Ok(steps),
            Plan::Loaded if self.settings.first_time => {
                Err(self.report.already_loaded(module.name.as_bstr()))
            }
            Plan::Loaded | Plan::Blacklisted(_) => Ok(Vec::new()),
        }
    }

    fn dry_run(&mut self, steps: &[Step], out: &mut Out) -> Outcome {
        for step in steps.iter().filter(|step| self.settings.show && !step.loaded) {
            let line = shown(step);
            if self.printed.insert(line.clone()) {
                out.bytes(&line)?;
            }
        }
        Ok(())
    }

    /// Step by step, each announced before it is taken.
    fn in_turn(&self, module: &Module, steps: &[Step], out: &mut Out) -> Outcome {
        let variables = [(environment::NAME, self.settings.environment.as_os_str())];
        let means = self.means(&variables);
        for step in steps.iter().filter(|step| !step.loaded) {
            self.announce(step, out)?;
            // What a command prints comes after the line that announces it.
            out.flush()?;
            self.conclude(module, step, step.take(&means))?;
        }
        Ok(())
    }

    /// All operands' steps by several threads. What is said comes in the order of the operands, first of
    /// what is not to be found, then of what was done.
    fn at_once(&self, operands: &[OsString], parameters: &BStr, out: &mut Out) -> Outcome {
        let mut plans = Vec::new();
        let mut outcome = each(operands, |operand| {
            let modules = self.find(operand)?;
            each(&modules, |module| {
                let steps = self.plan(module, parameters)?;
                plans.push(Scheduled::new(self.context, module.clone(), steps));
                Ok(())
            })
        });
        if let Err(Exit::Stdout(_) | Exit::Done) = outcome {
            return outcome;
        }
        let variables = [(environment::NAME, self.settings.environment.as_os_str())];
        let served = probe::in_parallel(&plans, self.settings.jobs, &self.means(&variables), |answers| {
            each(&plans, |plan| self.serve(plan, answers, out))
        });
        if outcome.is_ok() {
            outcome = served;
        }
        outcome
    }

    /// Tells of one request's steps as they come to their end.
    fn serve(&self, plan: &Scheduled, answers: &mut Answers<'_>, out: &mut Out) -> Outcome {
        let mut outcome = Ok(());
        for step in &plan.steps {
            let Some(answer) = answers.wait() else { continue };
            self.announce(step, out)?;
            out.flush()?;
            // One reason for each request, the first.
            if outcome.is_ok() || answer.is_ok() || !step.required {
                outcome = outcome.and(self.conclude(&plan.module, step, answer));
            }
        }
        outcome
    }

    fn means<'m>(&self, variables: &'m [(&'m str, &'m OsStr)]) -> Means<'m> {
        Means { force: self.settings.force, first_time: self.settings.first_time, variables }
    }

    fn announce(&self, step: &Step, out: &mut Out) -> Outcome {
        if self.settings.show { out.bytes(&shown(step)) } else { Ok(()) }
    }

    /// Says what came of a step. A soft dependency may fail unheard, but for its install command.
    fn conclude(&self, module: &Module, step: &Step, answer: Result<Done, Failure>) -> Outcome {
        match (answer, &step.action) {
            (Ok(Done::Inserted(way)), Action::Insert(path)) => self.report.inserted(path, way),
            (Err(failure), _) if step.required => {
                return Err(self.report.step_failed(module.name.as_bstr(), step, &failure));
            }
            (Err(Failure::Command(command, status)), _) => {
                self.report.install_command_failed(step, command.as_bstr(), status);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Goes through all of them, whatever fails, up to the end of standard output.
fn each<T>(items: &[T], mut action: impl FnMut(&T) -> Outcome) -> Outcome {
    let mut outcome = Ok(());
    for item in items {
        match action(item) {
            Err(Exit::Failure) => outcome = Err(Exit::Failure),
            other => other?,
        }
    }
    outcome
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
