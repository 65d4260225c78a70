//! Observers of the execution of plans, for display, logging or counting.

use bstr::BStr;

use super::plan::Step;
use super::result::StepResult;

/// Is notified of what an [`Executor`](super::Executor) does, in order. An observer cannot stop the work:
/// if it fails, for instance to print, it has to remember the failure itself.
pub trait Observer {
    /// A step is about to be executed, or would be with
    /// [`ExecuteOptions::dry_run`](super::ExecuteOptions::dry_run).
    fn starting(&mut self, step: &Step) {
        let _ = step;
    }

    /// A step was executed. Not called for steps whose module was loaded when the plan was made, or that
    /// depend on a step that failed.
    fn finished(&mut self, finished: &Finished<'_>) {
        let _ = finished;
    }

    /// A module is about to be removed.
    fn removing(&mut self, removal: &Removal<'_>) {
        let _ = removal;
    }

    /// A module was removed, or its removal failed.
    fn removed(&mut self, removal: &Removal<'_>, result: &Result<(), crate::ops::ModuleError>) {
        let _ = (removal, result);
    }

    /// A soft dependency stays in the kernel, and the removal of the module that has it continues. If the
    /// kernel refused to remove it, or its remove command failed, [`removed`](Self::removed) was called before.
    fn kept(&mut self, error: &crate::ops::ModuleError) {
        let _ = error;
    }
}

/// Ignores all events.
impl Observer for () {}

/// A step that was executed.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'f> {
    /// The position of its plan among those that are executed together, counted from 0.
    pub plan: usize,
    /// The position of the step in the plan, counted from 0.
    pub place: usize,
    /// The step.
    pub step: &'f Step,
    /// The result of the step.
    pub result: &'f StepResult,
}

/// The removal of one module.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'r> {
    /// The module's normalised name.
    pub module: &'r BStr,
    /// The remove command of the configuration that is run instead, as written in the configuration.
    pub command: Option<&'r BStr>,
}
