//! A preloaded library between a program and the disk: it counts what the program changes there and makes one of these
//! calls the last one, or one that fails. `shim/disk.c` is the library.
//!
//! Only for dynamically linked programs that run on the machine itself, not inside of a tree.

use std::fs;

use crate::run::{Answer, Run, Side};
use crate::shim;

const SOURCE: &str = concat!(include_str!("../shim/real.h"), include_str!("../shim/disk.c"));

/// What goes wrong. Calls have numbers from 1; what is counted are writes, and the creation, making durable, renaming,
/// locking and removal of files and directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The program is killed before this call.
    Kill(usize),
    /// The program is killed in this call, if it is a write, after half of it.
    Tear(usize),
    /// This call fails with this errno.
    Once(usize, i32),
    /// From this call on, the first half of it excepted, there is no room: this is the errno of what needs some.
    Full(usize, i32),
    /// This call and all later ones fail with this errno.
    Dead(usize, i32),
    /// Each rename takes so many milliseconds.
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

/// Runs a command over a disk with this fault: its answer, and the calls that came through, each as the call and
/// the name of the file, such as `rename modules.dep`.
///
/// # Panics
/// When the library cannot be made, or its log not be read.
pub fn on_faulty_disk(run: &Run, side: Side, fault: Fault) -> (Answer, Vec<String>) {
    let log = tempfile::NamedTempFile::new().expect("a log");
    let (word, at, errno) = fault.words();
    let setting = format!("{} {word} {at} {errno}", log.path().display());
    let run = run.clone().env("OXMOD_DISK", setting).env("LD_PRELOAD", shim::library("disk", SOURCE));
    let answer = run.on(side);
    let calls = fs::read_to_string(log.path()).expect("the calls");
    (answer, calls.lines().map(str::to_owned).collect())
}
