//! The events of a run, which a view shows as text or as a document.
//!
//! This module owns the order of events. Operands are processed one after another, each with its modules. A module that is
//! to be loaded is planned, then its plan is executed; with `--jobs`, all modules are planned before the first step is
//! reported. Failures are also reported to the user, independently of the view.

use std::ffi::OsStr;
use std::io;

use bstr::BString;
use oxmod::context::{Context, Module};
use oxmod::ops::ModuleError;
use oxmod::ops::probe::{Finished, Observer, Plan, Removal, Step, StepOutcome};

use super::args::{Job, Settings};
use crate::output::stdout::Out;
use crate::report::Report;

/// Shows the events of a run. A failure to show something does not stop the work; the view returns it at the end.
///
/// In the events of [`Observer`], plans are numbered in the order of the calls of [`View::planned`], starting with 0.
pub trait View: Observer {
    /// Called first, with the job, the options and the context for lookups.
    fn begin(&mut self, job: &Job, settings: &Settings, context: &Context);

    /// Returns standard output, for jobs that only print text; `None` if the view does not support them.
    fn out(&mut self) -> Option<&mut Out>;

    /// Called at the start of each operand. The following events are about this operand.
    fn operand(&mut self, operand: &OsStr);

    /// The operand is not a name or alias of a module or, with an error, not an existing file.
    fn not_found(&mut self, error: Option<&io::Error>);

    /// The operand stands for this module, which is not loaded (`-R`).
    fn resolved(&mut self, module: &Module);

    /// The operand stands for a module, for which this is the plan.
    fn planned(&mut self, plan: &Plan);

    /// The operand stands for this module, which is to be removed.
    fn removing_module(&mut self, module: &Module);

    /// The module could not be removed.
    fn not_removed(&mut self, error: &ModuleError);
}

/// Passes events to the view, and reports failures to the user.
pub struct Reporter<'w> {
    view: &'w mut dyn View,
    report: &'w Report,
    /// The modules of the plans.
    modules: Vec<BString>,
    /// The view's number of the first of these plans.
    first: usize,
    /// The plan of the last error. Only the first error of each plan is reported.
    failed: Option<usize>,
}

impl<'w> Reporter<'w> {
    /// Creates an observer for the execution of these plans; `first` is the view's number of the first one.
    pub fn new(view: &'w mut dyn View, report: &'w Report, plans: &[Plan], first: usize) -> Self {
        let modules = plans.iter().map(|plan| plan.module.name.clone()).collect();
        Self { view, report, modules, first, failed: None }
    }
}

impl Observer for Reporter<'_> {
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
            // A soft dependency may fail silently, except for its install command.
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

    fn kept(&mut self, error: &ModuleError) {
        self.view.kept(error);
        // The removal continues without it, so this cannot be an error that ends the run.
        let _ = self.report.not_removed(error);
    }
}
