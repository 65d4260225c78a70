//! Everything that touches the operating system: files, processes, threads, module system calls.
//!
//! Nothing here interprets what it reads; formats do that. The only unsafe blocks of the library
//! live below this module, each with its `SAFETY` comment.

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
pub mod stdio;
pub mod sysfs;
pub mod syslog;
pub mod tree;
pub mod uevent;
