//! Loading a module with all it needs: first a plan, then its execution.
//!
//! Owns the order of steps, the rules about blacklists, forbidden modules, install commands and
//! options, and what may happen at the same time. A dry run, `-D`, `-v`, `--json`, the manager and the real insertion all
//! read the same [`Plan`] and observe the same [`Executor`]. Must not print, and a plan must not change the system.
//! Contract: kmod's `kmod_module_probe_insert_module`, with these differences: an install command also counts for a
//! module that has soft dependencies, all of its softdep lines count, `forbid` lines do at all, and no
//! step comes twice.

mod execute;
mod forbid;
mod in_flight;
mod observer;
mod order;
mod parallel;
mod plan;
mod request;
mod result;
mod wait;

pub(in crate::ops) use execute::settled;
pub use execute::{ExecuteOptions, Executor};
pub use observer::{Finished, Observer, Removal};
pub use plan::{Action, Decision, Plan, Step};
pub use request::Request;
pub use result::{Done, StepResult};

#[cfg(test)]
mod tests;
