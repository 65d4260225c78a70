//! Prevents parallel insertions of the same module: a caller that arrives while a module is being inserted
//! waits, and gets the result of the caller that began.
//!
//! No caller waits for one module while it inserts another, so callers cannot deadlock, whatever the
//! dependencies are.

use std::sync::Arc;

use bstr::BString;

use super::result::{StepOutcome, StepResult};
use crate::lock::{Condvar, Mutex};
use crate::ops::ModuleError;

/// The insertions in progress.
#[derive(Debug, Default)]
pub(super) struct Insertions {
    /// At most one per thread.
    attempts: Mutex<Vec<(BString, Arc<Attempt>)>>,
}

#[derive(Debug, Default)]
struct Attempt {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone)]
enum Progress {
    #[default]
    Running,
    Finished(StepResult),
    /// The caller that began it panicked.
    Abandoned,
}

/// The result of an insertion for one of the callers that requested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// This caller did the work.
    Own(StepOutcome),
    /// Another caller did the work in the meantime.
    Others(StepOutcome),
}

/// Held by the caller that does the work; ends the attempt even if the caller panics.
struct Leader<'f> {
    insertions: &'f Insertions,
    module: &'f BString,
    attempt: Arc<Attempt>,
    progress: Progress,
}

impl Insertions {
    /// Does `work` for the module, or waits for the caller that is doing it.
    pub(super) fn share(
        &self,
        module: &BString,
        work: impl FnOnce() -> StepResult,
    ) -> Result<Shared, ModuleError> {
        loop {
            let (attempt, begun) = self.join(module);
            if begun {
                let mut lead = Leader { insertions: self, module, attempt, progress: Progress::Abandoned };
                let result = work();
                lead.progress = Progress::Finished(result.clone());
                return result.map(Shared::Own);
            }
            if let Some(result) = attempt.wait() {
                return result.map(Shared::Others);
            }
        }
    }

    /// Returns the attempt for a module, and whether this call begins it.
    fn join(&self, module: &BString) -> (Arc<Attempt>, bool) {
        let mut attempts = self.attempts.lock();
        if let Some((_, attempt)) = attempts.iter().find(|(name, _)| name == module) {
            return (attempt.clone(), false);
        }
        let attempt = Arc::default();
        attempts.push((module.clone(), Arc::clone(&attempt)));
        (attempt, true)
    }

    /// Returns the number of callers that wait for a module.
    #[cfg(test)]
    pub(super) fn waiting_for(&self, module: &BString) -> usize {
        // The list and the caller that does the work hold one reference each.
        let attempts = self.attempts.lock();
        let attempt = attempts.iter().find(|(name, _)| name == module).map(|(_, attempt)| attempt);
        attempt.map_or(0, |attempt| Arc::strong_count(attempt).saturating_sub(2))
    }

    /// Whether a module is being inserted.
    #[cfg(test)]
    pub(super) fn is_running(&self, module: &BString) -> bool {
        self.attempts.lock().iter().any(|(name, _)| name == module)
    }
}

impl Attempt {
    /// Waits for the result; `None` if the attempt was abandoned.
    fn wait(&self) -> Option<StepResult> {
        let mut progress = self.progress.lock();
        loop {
            match &*progress {
                Progress::Running => progress = self.changed.wait(progress),
                Progress::Finished(result) => return Some(result.clone()),
                Progress::Abandoned => return None,
            }
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        // Callers that arrive from now on begin a new attempt, and find the module loaded.
        self.insertions.attempts.lock().retain(|(name, _)| name != self.module);
        *self.attempt.progress.lock() = self.progress.clone();
        self.attempt.changed.notify_all();
    }
}

#[cfg(test)]
#[path = "insertions_tests.rs"]
mod tests;
