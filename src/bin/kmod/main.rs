//! The multi-call binary: `argv[0]` chooses the applet, the applet's answer is the exit code.
//!
//! Nothing else happens here. The applets are listed in [`applet`]; what a person reads is worded in
//! [`report`].

// The program's `main` is that of `oxmod::sys::entry`.
#![cfg_attr(not(test), no_main)]
// In a program, `pub` says that another file of it may use the item; there is no outside.
#![allow(unreachable_pub)]
// A build without some of the parts has words and helpers that nobody there uses.
#![cfg_attr(
    not(all(
        feature = "coldplug",
        feature = "complete",
        feature = "depmod",
        feature = "firmware",
        feature = "meta"
    )),
    allow(dead_code, unused_imports)
)]

mod applet;
#[cfg(feature = "depmod")]
mod depmod;
mod getopt;
mod insmod;
mod json;
mod lsmod;
mod modinfo;
mod modprobe;
mod options;
mod report;
mod rmmod;
mod stdout;
mod tool;

#[global_allocator]
static MEMORY: oxmod::sys::memory::Finite = oxmod::sys::memory::Finite;

oxmod::entry!(applet::main);
