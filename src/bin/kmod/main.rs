//! The multi-call binary: `argv[0]` selects the applet, whose result is the exit code.
//!
//! The applets are listed in [`registry`]. The wording of all messages on standard error is in [`report`].
//!
//! ```text
//! registry ─► applets/* ─► cli ─► output ─► report ─► the library: ops, context
//! ```

// `oxmod::sys::entry` defines the program's `main`.
#![cfg_attr(not(test), no_main)]
// In a program, `pub` means that other files may use the item.
#![allow(unreachable_pub)]
// Tests may use the methods and types that clippy.toml forbids.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod applets;
mod cli;
mod output;
mod registry;
mod report;

#[global_allocator]
static MEMORY: oxmod::sys::memory::ExitingAllocator = oxmod::sys::memory::ExitingAllocator;

oxmod::entry!(registry::main);
