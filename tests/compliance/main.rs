//! Compares the behaviour of our tools with that of the reference, one file or directory per applet.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test does to the system what it likes"
)]

mod blocks;
mod coldplug;
mod completions;
mod depmod;
mod faults;
mod firmware;
mod formats;
mod getopt;
mod json;
mod kmod;
mod lsmod;
mod manager;
mod manual;
mod meta;
mod modinfo;
mod modinfo_cache;
mod modinfo_real;
mod modinfo_signature;
mod modprobe;
mod paths;
mod readme;
mod single;
mod streams;
mod syslog;
mod text_files;
