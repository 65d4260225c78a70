//! One insertion a module at a time: who comes while a module is being inserted waits, and gets the answer of the
//! one who began.
//!
//! Nobody waits for one module while inserting another, so nobody waits in a circle, whatever depends on what.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bstr::BString;

use super::error::Error;
use crate::ops::probe::Done;

/// The insertions that are going on.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Mutex<HashMap<BString, Arc<Flight>>>,
}

#[derive(Debug, Default)]
struct Flight {
    end: Mutex<End>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone)]
enum End {
    #[default]
    Open,
    Over(Result<Done, Error>),
    /// Whoever began did not come to an end, by a panic.
    Abandoned,
}

/// What came of it for one of those who asked for a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    /// This one did the work.
    Own(Done),
    /// Another did it meanwhile.
    Others(Done),
}

/// Ends the flight of the one who leads it, come what may.
struct Lead<'f> {
    flights: &'f Flights,
    module: &'f BString,
    flight: Arc<Flight>,
    end: End,
}

impl Flights {
    /// Does `work` for the module, or waits for the one who is doing it.
    pub(super) fn share(
        &self,
        module: &BString,
        work: impl FnOnce() -> Result<Done, Error>,
    ) -> Result<Shared, Error> {
        loop {
            let (flight, begun) = self.join(module);
            if begun {
                let mut lead = Lead { flights: self, module, flight, end: End::Abandoned };
                let answer = work();
                lead.end = End::Over(answer.clone());
                return answer.map(Shared::Own);
            }
            if let Some(answer) = flight.wait() {
                return answer.map(Shared::Others);
            }
        }
    }

    /// The flight for a module, and whether it begins with this.
    fn join(&self, module: &BString) -> (Arc<Flight>, bool) {
        match lock(&self.open).entry(module.clone()) {
            Entry::Occupied(entry) => (entry.get().clone(), false),
            Entry::Vacant(entry) => (entry.insert(Arc::default()).clone(), true),
        }
    }

    /// How many wait for a module.
    #[cfg(test)]
    pub(super) fn waiting_for(&self, module: &BString) -> usize {
        // One is the map's, one the leader's, one is made here.
        let flight = lock(&self.open).get(module).cloned();
        flight.map_or(0, |flight| Arc::strong_count(&flight).saturating_sub(3))
    }

    /// Whether a module is being inserted.
    #[cfg(test)]
    pub(super) fn is_open(&self, module: &BString) -> bool {
        lock(&self.open).contains_key(module)
    }
}

impl Flight {
    /// The answer, once there is one.
    fn wait(&self) -> Option<Result<Done, Error>> {
        let mut end = lock(&self.end);
        loop {
            match &*end {
                End::Open => end = self.changed.wait(end).unwrap_or_else(PoisonError::into_inner),
                End::Over(answer) => return Some(answer.clone()),
                End::Abandoned => return None,
            }
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        // Who comes from here on begins anew, and finds the module loaded.
        lock(&self.flights.open).remove(self.module);
        *lock(&self.flight.end) = self.end.clone();
        self.flight.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
