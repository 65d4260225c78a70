//! The table of applets and the dispatch on `argv[0]`.
//!
//! An applet is a [`clap::Command`] (the table of its options, its help and its completions; tests hold
//! its manual page against it) and a function that runs it. It must not call `process::exit`: it returns an
//! [`Outcome`], and only [`main`] turns that into an exit code.

use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;

use clap::Command;

#[cfg(feature = "depmod")]
use crate::depmod;
use crate::getopt::Ordering::{self, Permute, RequireOrder};
use crate::report::{self, Outcome};
use crate::{insmod, lsmod, modinfo, modprobe, rmmod, tool};

/// How the program was called.
pub struct Invocation {
    /// `argv[0]` as it came. Messages about the syntax of the command line begin with it.
    pub argv0: OsString,
    /// The short name, which all other messages begin with.
    pub tool: &'static str,
    /// `argv[1..]`, possibly not UTF-8.
    pub args: Vec<OsString>,
    /// The table of the applet's options.
    pub command: Command,
    /// Whether options may follow operands.
    pub ordering: Ordering,
}

/// One of the programs in this binary.
pub struct Applet {
    /// The name of the link that starts it.
    pub name: &'static str,
    /// Whether its options may follow its operands where the environment does not forbid it.
    pub ordering: Ordering,
    /// Builds the table of its options; nothing is parsed by it.
    pub command: fn() -> Command,
    /// Does its work.
    pub run: fn(&Invocation) -> Outcome,
}

/// Every applet, the binary's own name first.
pub const APPLETS: &[Applet] = &[
    Applet { name: "kmod", ordering: RequireOrder, command: tool::command, run: tool::run },
    Applet { name: "modprobe", ordering: Permute, command: modprobe::command, run: modprobe::run },
    #[cfg(feature = "depmod")]
    Applet { name: "depmod", ordering: Permute, command: depmod::command, run: depmod::run },
    Applet { name: "modinfo", ordering: Permute, command: modinfo::command, run: modinfo::run },
    Applet { name: "lsmod", ordering: Permute, command: lsmod::command, run: lsmod::run },
    Applet { name: "insmod", ordering: Permute, command: insmod::command, run: insmod::run },
    Applet { name: "rmmod", ordering: Permute, command: rmmod::command, run: rmmod::run },
];

/// The applet whose link is called `name`.
pub fn find(name: &OsStr) -> Option<&'static Applet> {
    APPLETS.iter().find(|applet| name == applet.name)
}

/// What follows the last slash, be it nothing.
fn short_name(argv0: &OsStr) -> &OsStr {
    OsStr::from_bytes(argv0.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default())
}

/// Runs the applet that `argv[0]` names. Under any other name: no word, exit code 1, as kmod does.
pub fn main(argv: Vec<OsString>) -> u8 {
    let mut argv = argv.into_iter();
    let argv0 = argv.next().unwrap_or_default();
    let Some(applet) = find(short_name(&argv0)) else {
        return 1;
    };
    report::out_of_memory(applet.name);
    let posix = std::env::var_os("POSIXLY_CORRECT").is_some();
    let ordering = if posix { RequireOrder } else { applet.ordering };
    let command = (applet.command)();
    let invocation = Invocation { argv0, tool: applet.name, args: argv.collect(), command, ordering };
    // The program ends with it: to take the table apart first would be in vain.
    let invocation = ManuallyDrop::new(invocation);
    report::conclude(invocation.tool, (applet.run)(&invocation))
}

#[cfg(test)]
mod tests {
    use super::{APPLETS, short_name};

    #[test]
    fn every_table_is_one_that_clap_accepts() {
        for applet in APPLETS {
            (applet.command)().debug_assert();
        }
    }

    #[test]
    fn a_name_is_what_follows_the_last_slash() {
        for (argv0, name) in [("/sbin/lsmod", "lsmod"), ("lsmod", "lsmod"), ("lsmod/", ""), ("", "")] {
            assert_eq!(short_name(argv0.as_ref()), name);
        }
    }
}
