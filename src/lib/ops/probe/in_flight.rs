//! Prevents parallel insertions of the same module: a caller that arrives while a module is being inserted
//! waits, and gets the result of the caller that began.
//!
//! No caller waits for one module while it inserts another, so callers cannot deadlock, whatever the
//! dependencies are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bstr::BString;

use super::execute::{Done, StepResult};
use crate::ops::ModuleError;

/// The insertions in progress.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    open: Mutex<HashMap<BString, Arc<Attempt>>>,
}

#[derive(Debug, Default)]
struct Attempt {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone)]
enum Progress {
    #[default]
    Open,
    Over(StepResult),
    /// The caller that began it panicked.
    Abandoned,
}

/// The result of an insertion for one of the callers that requested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// This caller did the work.
    Own(Done),
    /// Another caller did the work in the meantime.
    Others(Done),
}

/// Held by the caller that does the work; ends the attempt even if the caller panics.
struct Lead<'f> {
    in_flight: &'f InFlight,
    module: &'f BString,
    attempt: Arc<Attempt>,
    progress: Progress,
}

impl InFlight {
    /// Does `work` for the module, or waits for the caller that is doing it.
    pub(super) fn share(
        &self,
        module: &BString,
        work: impl FnOnce() -> StepResult,
    ) -> Result<Shared, ModuleError> {
        loop {
            let (attempt, begun) = self.join(module);
            if begun {
                let mut lead = Lead { in_flight: self, module, attempt, progress: Progress::Abandoned };
                let result = work();
                lead.progress = Progress::Over(result.clone());
                return result.map(Shared::Own);
            }
            if let Some(result) = attempt.wait() {
                return result.map(Shared::Others);
            }
        }
    }

    /// Returns the attempt for a module, and whether this call begins it.
    fn join(&self, module: &BString) -> (Arc<Attempt>, bool) {
        match lock(&self.open).entry(module.clone()) {
            Entry::Occupied(entry) => (entry.get().clone(), false),
            Entry::Vacant(entry) => (entry.insert(Arc::default()).clone(), true),
        }
    }

    /// Returns the number of callers that wait for a module.
    #[cfg(test)]
    pub(super) fn waiting_for(&self, module: &BString) -> usize {
        // Three of the references are not those of waiters: the map's, the leader's and the clone made
        // here.
        let attempt = lock(&self.open).get(module).cloned();
        attempt.map_or(0, |attempt| Arc::strong_count(&attempt).saturating_sub(3))
    }

    /// Whether a module is being inserted.
    #[cfg(test)]
    pub(super) fn is_open(&self, module: &BString) -> bool {
        lock(&self.open).contains_key(module)
    }
}

impl Attempt {
    /// Waits for the result; `None` if the attempt was abandoned.
    fn wait(&self) -> Option<StepResult> {
        let mut progress = lock(&self.progress);
        loop {
            match &*progress {
                Progress::Open => {
                    progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                }
                Progress::Over(result) => return Some(result.clone()),
                Progress::Abandoned => return None,
            }
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // A caller that arrives from now on begins a new attempt, and finds the module loaded.
        lock(&self.in_flight.open).remove(self.module);
        *lock(&self.attempt.progress) = self.progress.clone();
        self.attempt.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "in_flight_tests.rs"]
mod tests;
