//! Everything that touches the operating system: files, processes, threads, clocks, module system calls.
//!
//! Must not interpret what it reads, which is left to the formats. All unsafe blocks of the library are below this
//! module, each with a `SAFETY` comment.

// clippy.toml forbids these methods and types everywhere else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod devices;
pub mod dir;
pub mod entry;
pub mod environment;
pub mod file;
pub mod host;
pub mod image_dir;
pub mod listing;
pub mod memory;
pub mod module;
pub mod parallel;
pub mod proc;
pub mod process;
pub mod publish;
#[allow(unsafe_code)]
pub mod regex;
pub mod resolve;
pub mod retry;
pub mod stdio;
pub mod stopwatch;
pub mod sysfs;
pub mod syslog;
mod temporary;
pub mod tree;
pub mod uevent;
