//! Loading a module with all it needs: first a plan, then whatever the caller does with it.
//!
//! Owns the order of steps and the rules about blacklists, install commands and options. A dry run,
//! `-D`, `-v` and the real insertion all read the same plan. Must not print, and the plan must not
//! change the system. Contract: kmod's `kmod_module_probe_insert_module`, with these differences: an
//! install command also counts for a module that has soft dependencies, and no step comes twice.

mod order;
mod plan;

pub use plan::{Action, Plan, Request, Step, plan};
