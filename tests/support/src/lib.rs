//! Code shared by the tests. It does not use the library under test, so that a bug in the library cannot hide
//! itself.
//!
//! - [`Module`] writes `.ko` files of either class and byte order, [`Root`] writes trees of them.
//! - [`Run`] is a command line of one of the tools. It runs on [`Side::Ours`] or [`Side::Theirs`], optionally
//!   inside a [`Root`], whose `/etc`, `/run`, `/proc`, `/sys` and `/lib/modules` then replace those of the
//!   machine.
//! - [`Shim`] stands in for the kernel: it answers module calls as scripted and logs them.
//! - [`on_faulty_disk`] runs a command and injects a fault into a chosen file system call.
//! - [`Random`] makes pseudo-random choices that are the same in each run.
//! - [`same`] and [`differs_because`] run a scenario on both sides and compare the answers.
//!
//! ```no_run
//! use oxmod_test_support::{Root, Run, same};
//! let root = Root::new();
//! root.module("kernel/a.ko", |module| module.need("b_symbol"));
//! root.file("etc/modprobe.d/x.conf", "options a x=1\n");
//! let answer = same(|side| Run::new("modprobe").args(["-c"]).inside(&root).on(side));
//! assert!(answer.stdout_text().starts_with("options a x=1\n"));
//! ```

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do to the system what they like"
)]

mod compare;
mod compress;
mod disk;
mod elf;
mod lab;
mod random;
mod root;
mod run;
mod sandbox;
mod shim;
mod signature;

pub use compare::{differs_because, each, same, sides};
pub use compress::{Compression, compress, xz_in_blocks};
pub use disk::{Fault, on_faulty_disk};
pub use elf::{Crcs, Module};
pub use lab::{Kernel, exhaustive, kernels, ours, reference, running_release};
pub use random::Random;
pub use root::{RELEASE, Root};
pub use run::{Answer, Run, Side, Stream};
pub use shim::{Shim, Shimmed};
pub use signature::Trailer;
