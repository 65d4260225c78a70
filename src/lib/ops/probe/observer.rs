//! What happens while plans are executed, for those who show it, log it or count it.

use bstr::BStr;

use super::plan::Step;
use super::result::StepResult;

/// Is told what an [`Executor`](super::Executor) does, in order. It cannot stop the work: what an observer fails to show is
/// for it to remember.
pub trait Observer {
    /// A step is about to be executed; with [`ExecuteOptions::dry_run`](super::ExecuteOptions::dry_run), it would be.
    fn starting(&mut self, step: &Step) {
        let _ = step;
    }

    /// A step was executed. Steps that were loaded when the plan was made, or that depend on one that failed, are left out.
    fn finished(&mut self, finished: &Finished<'_>) {
        let _ = finished;
    }

    /// A module is about to be removed.
    fn removing(&mut self, removal: &Removal<'_>) {
        let _ = removal;
    }

    /// A module was removed, or stays.
    fn removed(&mut self, removal: &Removal<'_>, result: &Result<(), crate::ops::ModuleError>) {
        let _ = (removal, result);
    }
}

/// Takes no notice.
impl Observer for () {}

/// A step that was executed.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'f> {
    /// The number of its plan among those that are executed together, counted from 0.
    pub plan: usize,
    /// Its place in the plan, counted from 0.
    pub place: usize,
    /// The step.
    pub step: &'f Step,
    /// What it came to.
    pub result: &'f StepResult,
}

/// The removal of one module.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'r> {
    /// The module's normalised name.
    pub module: &'r BStr,
    /// The command of the configuration that is run in place of a removal; as written.
    pub command: Option<&'r BStr>,
}
