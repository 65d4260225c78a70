//! The executor, which carries out the steps of plans, one after another or in parallel.
//!
//! This module owns the result of a step. The kernel's current state decides, never a record of what was
//! done: a module may have been loaded since the plan was made, by another step, by the command of a step,
//! by another thread or by another process.

use std::path::Path;
use std::time::Duration;

use bstr::{BStr, BString, ByteSlice};

use super::insertions::{Insertions, Shared};
use super::observer::{Finished, Observer};
use super::parallel::in_parallel;
use super::plan::{Action, Plan, Step};
use super::result::{StepOutcome, StepResult};
use super::wait::Scheduled;
use crate::context::Context;
use crate::context::loaded::{self, ModuleState};
use crate::ops::ModuleError;
use crate::ops::command::{CommandEnvironment, CommandError};
use crate::ops::insert::{Force, InsertError, insert};
use crate::setters::setters;
use crate::sys::module;

/// How long to wait for a module that is being loaded or removed before the kernel is called regardless:
/// the kernel waits for a module that is being loaded, and refuses one that is being removed.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of attempts for a module that another process keeps loading or removing.
const TRIES: u32 = 3;

/// Options for the execution of plans and the removal of modules.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExecuteOptions {
    /// The checks of the kernel that are to be skipped.
    pub force: Force,
    /// Fail if a requested module is already loaded (`--first-time`).
    pub first_time: bool,
    /// Change nothing: the observer is notified of each step that would be executed.
    pub dry_run: bool,
    /// How many steps to execute in parallel; 0 and 1 mean one after another.
    pub jobs: usize,
    /// How long to wait for a module that is in use to be released before it is removed.
    pub wait: Option<Duration>,
    /// The environment of the configuration's commands.
    pub commands: CommandEnvironment,
}

setters!(ExecuteOptions {
    force: Force,
    first_time: bool,
    dry_run: bool,
    jobs: usize,
    wait: Option<Duration>,
    commands: CommandEnvironment,
});

/// Executes plans and removals.
#[derive(Debug, Default)]
pub struct Executor {
    options: ExecuteOptions,
    insertions: Option<Insertions>,
}

impl Executor {
    /// Returns an executor for a single thread.
    pub fn new(options: ExecuteOptions) -> Self {
        Self { options, insertions: None }
    }

    /// Returns an executor for many threads: if several want the same module at the same time, one inserts
    /// it and the others get its result. If another process is loading or removing a module, the executor
    /// waits for that to end.
    pub fn shared(options: ExecuteOptions) -> Self {
        Self { options, insertions: Some(Insertions::default()) }
    }

    /// The options of the executor.
    pub fn options(&self) -> &ExecuteOptions {
        &self.options
    }

    /// Executes one plan, step by step, up to the first required step that fails.
    ///
    /// Errors: the error of that step.
    pub fn load(&self, plan: &Plan, observer: &mut dyn Observer) -> Result<(), ModuleError> {
        self.in_sequence(0, plan.steps(), observer)
    }

    /// Executes several plans and returns one result for each. With [`ExecuteOptions::jobs`], each step
    /// starts as soon as the steps that it waits for have ended; the observer is still notified in the
    /// order of the plans.
    pub fn load_all(
        &self,
        context: &Context,
        plans: &[Plan],
        observer: &mut dyn Observer,
    ) -> Vec<Result<(), ModuleError>> {
        if self.options.jobs <= 1 || self.options.dry_run {
            let one = |(number, plan): (usize, &Plan)| self.in_sequence(number, plan.steps(), observer);
            return plans.iter().enumerate().map(one).collect();
        }
        let scheduled: Vec<_> = plans.iter().map(|plan| Scheduled::new(context, plan.steps())).collect();
        in_parallel(&scheduled, self.options.jobs, &|step| self.execute_unless_loaded(step), |results| {
            let mut outcomes = Vec::with_capacity(plans.len());
            for (plan, Scheduled { steps, .. }) in scheduled.iter().enumerate() {
                let mut outcome = Ok(());
                for (place, step) in steps.iter().enumerate() {
                    let Some(result) = results.wait() else { continue };
                    if !matches!(result, Ok(StepOutcome::Loaded) | Err(ModuleError::AlreadyLoaded { .. })) {
                        observer.starting(step);
                    }
                    observer.finished(&Finished { plan, place, step, result: &result });
                    outcome = outcome.and_then(|()| required(step, result));
                }
                outcomes.push(outcome);
            }
            outcomes
        })
    }

    fn in_sequence(
        &self,
        plan: usize,
        steps: &[Step],
        observer: &mut dyn Observer,
    ) -> Result<(), ModuleError> {
        for (place, step) in steps.iter().enumerate().filter(|(_, step)| !step.loaded) {
            if self.options.dry_run {
                observer.starting(step);
                continue;
            }
            let result = self.result_if_loaded(step).unwrap_or_else(|| {
                observer.starting(step);
                self.execute(step)
            });
            observer.finished(&Finished { plan, place, step, result: &result });
            required(step, result)?;
        }
        Ok(())
    }

    /// Returns the result of a step whose module has been loaded since the plan was made; `None` if the step has to be
    /// executed. A shared executor checks this itself, after waiting for other threads.
    fn result_if_loaded(&self, step: &Step) -> Option<StepResult> {
        let loads = matches!(step.action, Action::Insert(_) | Action::Install(_));
        let is_shared = self.insertions.is_some();
        (!is_shared && loads && loaded::is_live(&step.module)).then(|| self.already(step))
    }

    /// Executes a step unless its module has been loaded since the plan was made.
    pub(super) fn execute_unless_loaded(&self, step: &Step) -> StepResult {
        self.result_if_loaded(step).unwrap_or_else(|| self.execute(step))
    }

    /// Executes a step, or waits for another thread that executes one for the same module.
    fn execute(&self, step: &Step) -> StepResult {
        match (&step.action, &self.insertions) {
            (Action::BuiltIn, _) => Ok(StepOutcome::BuiltIn),
            (Action::Missing, _) => Err(ModuleError::NotFound { name: step.module.clone() }),
            (_, None) => self.once(step),
            (_, Some(insertions)) => match insertions.share(&step.module, || self.with_retries(step))? {
                // The thread that inserted it reports it.
                Shared::Others(StepOutcome::Inserted(_)) => Ok(StepOutcome::Loaded),
                Shared::Own(done) | Shared::Others(done) => Ok(done),
            },
        }
    }

    /// Executes a step, and tries again if another process is loading or removing the module.
    fn with_retries(&self, step: &Step) -> StepResult {
        let kernel =
            |errno| ModuleError::Kernel { errno, module: step.module.clone(), path: path_of(&step.action) };
        let mut error = kernel(libc::EBUSY);
        for _ in 0..TRIES {
            if wait_until_settled(&step.module) == Some(ModuleState::Live) {
                return self.already(step);
            }
            error = match self.once(step) {
                Ok(StepOutcome::Loaded) if loaded::is_live(&step.module) || !module::is_sysfs_available() => {
                    return self.already(step);
                }
                // The module is built in, although the indexes do not list it.
                Ok(StepOutcome::Loaded)
                    if module::is_stateless(&step.module) && wait_until_settled(&step.module).is_none() =>
                {
                    return Ok(StepOutcome::BuiltIn);
                }
                Ok(StepOutcome::Loaded) => kernel(libc::EEXIST),
                Err(error @ ModuleError::Kernel { errno: libc::EBUSY, .. }) => error,
                result => return result,
            };
            // Another process may have been loading or removing the module; the result of that is not known
            // yet. If the kernel does not know the module, its error is final.
            if loaded::state(&step.module).is_none() {
                break;
            }
        }
        Err(error)
    }

    fn once(&self, step: &Step) -> StepResult {
        match &step.action {
            Action::Insert(path) => self.insert(step, path),
            Action::Install(command) => {
                let result = self.run(step.module.as_bstr(), command.as_bstr(), step.options.as_bstr());
                result.map(|()| StepOutcome::Installed)
            }
            Action::BuiltIn => Ok(StepOutcome::BuiltIn),
            Action::Missing => Err(ModuleError::NotFound { name: step.module.clone() }),
        }
    }

    fn insert(&self, step: &Step, path: &Path) -> StepResult {
        let module = || step.module.clone();
        match insert(path, &step.options, self.options.force) {
            Ok(insertion) => Ok(StepOutcome::Inserted(insertion)),
            Err(InsertError::Kernel(error)) if error.errno() == libc::EEXIST => self.already(step),
            Err(InsertError::Kernel(error)) => {
                Err(ModuleError::Kernel { errno: error.errno(), module: module(), path: Some(error.path) })
            }
            Err(InsertError::File(error)) => Err(ModuleError::File { module: module(), error: error.into() }),
        }
    }

    fn already(&self, step: &Step) -> StepResult {
        if step.requested && self.options.first_time {
            Err(ModuleError::AlreadyLoaded { module: step.module.clone() })
        } else {
            Ok(StepOutcome::Loaded)
        }
    }

    /// Runs a command of the configuration for `module`.
    pub(in crate::ops) fn run(
        &self,
        module: &BStr,
        command: &BStr,
        options: &BStr,
    ) -> Result<(), ModuleError> {
        let failed = |error: CommandError| ModuleError::Command { module: BString::from(module), error };
        self.options.commands.run(module, command, options).map_err(failed)
    }
}

/// Returns the error of a failed step if the step is required.
fn required(step: &Step, result: StepResult) -> Result<(), ModuleError> {
    match result {
        Err(error) if step.required => Err(error),
        _ => Ok(()),
    }
}

fn path_of(action: &Action) -> Option<std::path::PathBuf> {
    match action {
        Action::Insert(path) => Some(path.clone()),
        _ => None,
    }
}

/// Waits until a module is no longer being loaded or removed, or until the timeout, and returns its state.
pub(in crate::ops) fn wait_until_settled(name: &[u8]) -> Option<ModuleState> {
    loaded::wait_until_settled(name, SETTLE_TIMEOUT)
}
