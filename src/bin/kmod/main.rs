//! The multi-call binary: `argv[0]` chooses the applet, the applet's answer is the exit code.
//!
//! Nothing else happens here. The applets are listed in [`registry`]; every word that a user reads on standard error is in
//! [`report`].
//!
//! ```text
//! registry ─► applets/* ─► cli ─► output ─► report ─► the library: ops, context
//! ```

// The program's `main` is that of `oxmod::sys::entry`.
#![cfg_attr(not(test), no_main)]
// In a program, `pub` says that another file of it may use the item; there is no outside.
#![allow(unreachable_pub)]
// Tests do to the system what they like.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod applets;
mod cli;
mod output;
mod registry;
mod report;

#[global_allocator]
static MEMORY: oxmod::sys::memory::ExitingAllocator = oxmod::sys::memory::ExitingAllocator;

oxmod::entry!(registry::main);
