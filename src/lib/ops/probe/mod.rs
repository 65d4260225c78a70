//! Loading a module with all it needs: first a plan, then the taking of its steps.
//!
//! Owns the order of steps, the rules about blacklists, forbidden modules, install commands and
//! options, and what may happen at the same time. A dry run, `-D`, `-v` and the real insertion all read
//! the same plan. Must not print, and the plan must not change the system. Contract: kmod's
//! `kmod_module_probe_insert_module`, with these differences: an install command also counts for a
//! module that has soft dependencies, all of its softdep lines count, `forbid` lines do at all, and no
//! step comes twice.

mod execute;
mod forbid;
mod order;
mod parallel;
mod plan;
mod wait;

pub use execute::{Answer, Done, Failure, Means};
pub use forbid::Forbidden;
pub use parallel::{Answers, in_parallel};
pub use plan::{Action, Plan, Request, Step, plan};
pub use wait::Scheduled;

#[cfg(test)]
mod tests;
