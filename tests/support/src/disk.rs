//! Fault injection for file system calls: a preloaded library counts the calls with which a program changes
//! the disk, and kills the program at one of them or makes it fail. The library is `shim/disk.c`.
//!
//! Works only for dynamically linked programs that run directly on the machine, not inside a
//! [`Root`](crate::Root).

use std::fs;

use crate::run::{Answer, Run, Side};
use crate::shim;

const SOURCE: &str = concat!(include_str!("../shim/real.h"), include_str!("../shim/disk.c"));

/// The fault to inject. Calls are numbered from 1. Counted are writes, fsync and flock, and calls that
/// create, rename or remove files and directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The program is killed before this call.
    Kill(usize),
    /// The program is killed during this call, after half of the bytes, if the call is a write.
    Tear(usize),
    /// This call fails with this errno.
    Once(usize, i32),
    /// From this call on, calls that need space fail with this errno; if this call is a write, it writes half
    /// first.
    Full(usize, i32),
    /// This call and all later ones fail with this errno.
    Dead(usize, i32),
    /// Each rename is delayed by this many milliseconds.
    Slow(usize),
}

impl Fault {
    fn words(self) -> (&'static str, usize, i32) {
        match self {
            Self::None => ("none", 0, 0),
            Self::Kill(at) => ("kill", at, 0),
            Self::Tear(at) => ("tear", at, 0),
            Self::Once(at, errno) => ("once", at, errno),
            Self::Full(at, errno) => ("full", at, errno),
            Self::Dead(at, errno) => ("dead", at, errno),
            Self::Slow(milliseconds) => ("slow", milliseconds, 0),
        }
    }
}

/// Runs a command with this fault. Returns its answer and the calls that were made, each as the call and the
/// file name, such as `rename modules.dep`.
///
/// # Panics
/// If the library cannot be compiled, or its log cannot be read.
pub fn on_faulty_disk(run: &Run, side: Side, fault: Fault) -> (Answer, Vec<String>) {
    let log = tempfile::NamedTempFile::new().expect("a log");
    let (word, at, errno) = fault.words();
    let setting = format!("{} {word} {at} {errno}", log.path().display());
    let run = run.clone().env("OXMOD_DISK", setting).env("LD_PRELOAD", shim::library("disk", SOURCE));
    let answer = run.on(side);
    let calls = fs::read_to_string(log.path()).expect("the calls");
    (answer, calls.lines().map(str::to_owned).collect())
}
