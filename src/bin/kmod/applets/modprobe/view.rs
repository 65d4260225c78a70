//! What becomes of a run's operands, reported step by step to whatever shows it: as text, or as a document.
//!
//! Owns the order of events. Operands come one after another, each with the modules that it stands for. A module to be
//! loaded is planned, then its plan is executed; with `--jobs` all modules are planned before the first step of any is
//! reported. Why something failed is also reported to the user, whatever the view does about it.

use std::ffi::OsStr;
use std::io;

use bstr::BString;
use oxmod::context::{Context, Module};
use oxmod::ops::ModuleError;
use oxmod::ops::probe::{Finished, Observer, Plan, Removal, Step, StepOutcome};

use super::args::{Job, Settings};
use crate::output::stdout::Out;
use crate::report::Report;

/// Shows what happens. What cannot be shown never stops the work: a view remembers it until the end.
///
/// In the events of [`Observer`] plans are numbered as [`View::planned`] has numbered them.
pub trait View: Observer {
    /// What is about to be done, and where modules are looked for.
    fn begin(&mut self, job: &Job, settings: &Settings, context: &Context);

    /// Standard output, for the answers that are nothing but text; `None` where they cannot be shown.
    fn out(&mut self) -> Option<&mut Out>;

    /// The next operand.
    fn operand(&mut self, operand: &OsStr);

    /// It stands for nothing: no such name or, with an error, no such file.
    fn not_found(&mut self, error: Option<&io::Error>);

    /// It stands for this module, and nothing more was asked (`-R`).
    fn resolved(&mut self, module: &Module);

    /// It stands for this module, and this is the plan for it, the first being number 0.
    fn planned(&mut self, plan: &Plan);

    /// It stands for this module, which is to be removed.
    fn unwanted(&mut self, module: &Module);

    /// The module that is to be removed stays.
    fn stays(&mut self, error: &ModuleError);
}

/// Hands what happens to the view, and reports to the user what went wrong.
pub struct Watcher<'w> {
    view: &'w mut dyn View,
    report: &'w Report,
    /// The modules that the plans are for.
    modules: Vec<BString>,
    /// The view's number of the first of these plans.
    first: usize,
    /// The plan that the last error was about: of each only the first is reported.
    failed: Option<usize>,
}

impl<'w> Watcher<'w> {
    /// For the execution of these plans, the first of which the view knows by the number `first`.
    pub fn new(view: &'w mut dyn View, report: &'w Report, plans: &[Plan], first: usize) -> Self {
        let modules = plans.iter().map(|plan| plan.module.name.clone()).collect();
        Self { view, report, modules, first, failed: None }
    }
}

impl Observer for Watcher<'_> {
    fn starting(&mut self, step: &Step) {
        self.view.starting(step);
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        let Finished { plan, step, result, .. } = *finished;
        self.view.finished(&Finished { plan: self.first + plan, ..*finished });
        match result {
            Ok(StepOutcome::Inserted(insertion)) => self.report.inserted(step, *insertion),
            Err(error) if step.required => {
                if self.failed.replace(plan) != Some(plan)
                    && let Some(module) = self.modules.get(plan)
                {
                    self.report.step_failed(module, step, error);
                }
            }
            // A soft dependency may fail silently, but for its install command.
            Err(ModuleError::Command { error, .. }) => self.report.install_command_failed(step, error),
            Ok(_) | Err(_) => {}
        }
    }

    fn removing(&mut self, removal: &Removal<'_>) {
        self.view.removing(removal);
    }

    fn removed(&mut self, removal: &Removal<'_>, result: &Result<(), ModuleError>) {
        self.view.removed(removal, result);
        if let Err(error) = result {
            self.report.refused_to_remove(removal.module, error);
        }
    }
}
