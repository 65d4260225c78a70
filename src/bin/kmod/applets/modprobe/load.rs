//! modprobe's main job: from operands to plans, shown or carried out.
//!
//! Owns which operands become which requests, and whether requests are served in turn or at the same
//! time. The order of steps and their taking are the library's, what is shown of them the view's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::{BStr, ByteSlice};
use oxmod::context::{Context, Module, absolute};
use oxmod::notice::Sink;
use oxmod::ops::probe::{self, Action, Answers, Done, Failure, Means, Plan, Request, Scheduled, Step};
use oxmod::sys::file;

use super::args::Settings;
use super::environment;
use super::view::View;
use crate::report::{Exit, Outcome, Report};

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
}

impl Loader<'_, '_> {
    /// Each operand; one that fails does not stop the others.
    pub fn all(&self, operands: &[OsString], parameters: &BStr, view: &mut dyn View) -> Outcome {
        if self.settings.jobs > 1 && !self.settings.dry_run && !self.settings.resolve {
            return self.at_once(operands, parameters, view);
        }
        each(operands, |operand| {
            let modules = self.find(operand, view)?;
            each(&modules, |module| self.module(module, parameters, view))
        })
    }

    /// The modules that an operand stands for: those of this name or alias, or the one in the file if it
    /// begins with `/` or `./`. Never none: that is a failure, and has been told.
    fn find(&self, operand: &OsStr, view: &mut dyn View) -> Result<Vec<Module>, Exit> {
        view.operand(operand);
        let bytes = operand.as_bytes();
        if bytes.starts_with(b"/") || bytes.starts_with(b"./") {
            // The path is kept as it was given: modprobe shows it, and the kernel is not asked here.
            let path = absolute(operand).and_then(|path| file::exists(Path::new(&path)).map(|()| path));
            let module = path.map(|path| vec![Module::from_file(Path::new(&path))]);
            return module.map_err(|error| {
                view.not_found(Some(&error));
                self.report.no_module_at(operand, &error, self.settings.all)
            });
        }
        let found = self.context.lookup(bytes).unwrap_or_default();
        if found.is_empty() {
            view.not_found(None);
            return Err(self.report.not_found_in(operand, self.context.dir(), self.settings.all));
        }
        Ok(found)
    }

    fn module(&self, module: &Module, parameters: &BStr, view: &mut dyn View) -> Outcome {
        if self.settings.resolve {
            return view.resolved(module);
        }
        let (plan, steps) = self.plan(module, parameters, view)?;
        if self.settings.dry_run { Ok(()) } else { self.in_turn(plan, module, &steps, view) }
    }

    /// The steps for a module, none where nothing is to be done, and the view's number for them.
    fn plan(
        &self,
        module: &Module,
        parameters: &BStr,
        view: &mut dyn View,
    ) -> Result<(usize, Vec<Step>), Exit> {
        let request = Request {
            options: (!parameters.is_empty()).then_some(parameters),
            ignore_commands: self.settings.ignore_commands,
            ignore_loaded: self.settings.ignore_loaded,
            blacklist_names: self.settings.use_blacklist,
            ignore_forbid: self.settings.ignore_forbid,
            dry_run: self.settings.dry_run,
        };
        let plan = probe::plan(self.context, module, &request, self.sink);
        let number = view.planned(module, &plan)?;
        match plan {
            Plan::Steps(steps) => Ok((number, steps)),
            Plan::Loaded if self.settings.first_time => {
                Err(self.report.already_loaded(module.name.as_bstr()))
            }
            Plan::Loaded | Plan::Blacklisted(_) => Ok((number, Vec::new())),
            Plan::Forbidden(why) => Err(self.report.forbidden(module.name.as_bstr(), &why)),
        }
    }

    /// Step by step, each announced before it is taken.
    fn in_turn(&self, plan: usize, module: &Module, steps: &[Step], view: &mut dyn View) -> Outcome {
        let variables = [(environment::NAME, self.settings.environment.as_os_str())];
        let means = self.means(&variables);
        for (place, step) in steps.iter().enumerate().filter(|(_, step)| !step.loaded) {
            let answer = if let Some(answer) = step.overtaken(&means) {
                answer
            } else {
                view.taking(step)?;
                step.take(&means)
            };
            view.taken(plan, place, step, &answer);
            self.conclude(module, step, answer)?;
        }
        Ok(())
    }

    /// All operands' steps by several threads. What is said comes in the order of the operands, first of
    /// what is not to be found, then of what was done.
    fn at_once(&self, operands: &[OsString], parameters: &BStr, view: &mut dyn View) -> Outcome {
        let (mut plans, mut numbers) = (Vec::new(), Vec::new());
        let mut outcome = each(operands, |operand| {
            let modules = self.find(operand, view)?;
            each(&modules, |module| {
                let (number, steps) = self.plan(module, parameters, view)?;
                numbers.push(number);
                plans.push(Scheduled::new(self.context, module.clone(), steps));
                Ok(())
            })
        });
        if let Err(Exit::Stdout(_) | Exit::Done) = outcome {
            return outcome;
        }
        let variables = [(environment::NAME, self.settings.environment.as_os_str())];
        let served = probe::in_parallel(&plans, self.settings.jobs, &self.means(&variables), |answers| {
            let plans: Vec<(&Scheduled, &usize)> = plans.iter().zip(&numbers).collect();
            each(&plans, |(plan, number)| self.serve(**number, plan, answers, view))
        });
        if outcome.is_ok() {
            outcome = served;
        }
        outcome
    }

    /// Tells of one request's steps as they come to their end.
    fn serve(
        &self,
        number: usize,
        plan: &Scheduled,
        answers: &mut Answers<'_>,
        view: &mut dyn View,
    ) -> Outcome {
        let mut outcome = Ok(());
        for (place, step) in plan.steps.iter().enumerate() {
            let Some(answer) = answers.wait() else { continue };
            if !matches!(answer, Ok(Done::Loaded) | Err(Failure::Loaded)) {
                view.taking(step)?;
            }
            view.taken(number, place, step, &answer);
            // One reason for each request, the first.
            if outcome.is_ok() || answer.is_ok() || !step.required {
                outcome = outcome.and(self.conclude(&plan.module, step, answer));
            }
        }
        outcome
    }

    fn means<'m>(&'m self, variables: &'m [(&'m str, &'m OsStr)]) -> Means<'m> {
        let Settings { force, first_time, .. } = *self.settings;
        Means { force, first_time, surroundings: self.settings.surroundings(variables) }
    }

    /// Says what came of a step. A soft dependency may fail unheard, but for its install command.
    fn conclude(&self, module: &Module, step: &Step, answer: Result<Done, Failure>) -> Outcome {
        match (answer, &step.action) {
            (Ok(Done::Inserted(way)), Action::Insert(path)) => self.report.inserted(path, way),
            (Err(failure), _) if step.required => {
                return Err(self.report.step_failed(module.name.as_bstr(), step, &failure));
            }
            (Err(Failure::Command(failure)), _) => self.report.install_command_failed(step, &failure),
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
