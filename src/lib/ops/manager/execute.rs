//! One step, taken among others who load and remove modules: other threads, other processes.
//!
//! The kernel's own state decides, never a memory of what was done. A module that is on its way in or out
//! by another process's doing is waited for, not for ever.

use std::ffi::OsString;
use std::time::Duration;

use super::error::Error;
use super::in_flight::{Flights, Shared};
use crate::ops::command::{NESTING_VARIABLE, Surroundings};
use crate::ops::probe::{Action, Done, Failure, Means, Step};
use crate::sys::module::{self, State};
use crate::sys::process::Output;

/// How long a module may be on its way before the kernel is asked all the same: it waits for a module that is
/// coming, and refuses one that is going.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a module is tried that another process loads or removes each time.
const TRIES: u32 = 3;

/// What takes steps.
#[derive(Debug)]
pub(super) struct Actor {
    flights: Flights,
    nesting: OsString,
}

impl Actor {
    pub(super) fn new() -> Self {
        let nesting = std::env::var_os(NESTING_VARIABLE).unwrap_or_default();
        Self { flights: Flights::default(), nesting }
    }

    /// Where commands are run. Standard output belongs to the program, which may not know of them.
    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { nesting: &self.nesting, variables: &[], output: Output::Error }
    }

    /// Takes a step, or waits for another thread that is taking the same.
    pub(super) fn take(&self, step: &Step) -> Result<Done, Error> {
        match step.action {
            Action::BuiltIn => Ok(Done::BuiltIn),
            Action::Missing => Err(Error::of_step(step, Failure::Missing)),
            Action::Insert(_) | Action::Install(_) => {
                match self.flights.share(&step.module, || self.insert(step))? {
                    // Who did it has it in its report.
                    Shared::Others(Done::Inserted(_)) => Ok(Done::Loaded),
                    Shared::Own(done) | Shared::Others(done) => Ok(done),
                }
            }
        }
    }

    fn insert(&self, step: &Step) -> Result<Done, Error> {
        let means = Means { surroundings: self.surroundings(), ..Means::default() };
        let mut errno = libc::EBUSY;
        for _ in 0..TRIES {
            if settled(&step.module) == Some(State::Live) {
                return Ok(Done::Loaded);
            }
            errno = match step.take(&means) {
                Ok(Done::Loaded) if module::is_live(&step.module) || !module::are_shown() => {
                    return Ok(Done::Loaded);
                }
                // The indexes do not know that it is built in; the kernel does.
                Ok(Done::Loaded) if module::is_bare(&step.module) && settled(&step.module).is_none() => {
                    return Ok(Done::BuiltIn);
                }
                Ok(Done::Loaded) => libc::EEXIST,
                Err(Failure::Refused(error)) if error.errno() == libc::EBUSY => libc::EBUSY,
                answer => return answer.map_err(|failure| Error::of_step(step, failure)),
            };
            // Another process may have had it in hand: what comes of that is to be seen. A module that is
            // nowhere has said so itself.
            if module::state(&step.module).is_none() {
                break;
            }
        }
        Err(Error::Kernel { errno, module: step.module.clone() })
    }
}

/// The state of a module once it is not changing any more, or has been for too long.
pub(super) fn settled(name: &[u8]) -> Option<State> {
    module::settled(name, PATIENCE)
}
