//! How the program was called, and what it can be called as.
//!
//! An applet is a [`clap::Command`] (the table of its options, its help and its completions; tests compare its manual page
//! with it) and a function that runs it. It must not call `process::exit`: it returns an [`Outcome`].

use std::ffi::{OsStr, OsString};

use clap::Command;

use super::getopt::Ordering;
use crate::report::Outcome;

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
    /// Every applet and subcommand of this binary.
    pub registry: &'static Registry,
}

/// One of the programs in this binary.
pub struct Applet {
    /// The name of the link that starts it.
    pub name: &'static str,
    /// Whether its options may follow its operands where the environment does not forbid it.
    pub ordering: Ordering,
    /// Builds the table of its options; parses nothing.
    pub command: fn() -> Command,
    /// Does its work.
    pub run: fn(&Invocation) -> Outcome,
}

/// A command of `kmod`.
pub struct Subcommand {
    /// The word that chooses it.
    pub name: &'static str,
    /// What `kmod help` says about it.
    pub about: &'static str,
    /// Builds the table of its options; parses nothing.
    pub command: fn() -> Command,
    /// Does its work.
    pub run: fn(&Invocation) -> Outcome,
}

/// All that this binary can be called as.
pub struct Registry {
    /// The applets, the binary's own name first.
    pub applets: &'static [Applet],
    /// The subcommands of `kmod`, in the order of its help.
    pub subcommands: &'static [Subcommand],
}

impl Registry {
    /// The applet whose link is called `name`.
    pub fn applet(&self, name: &OsStr) -> Option<&'static Applet> {
        self.applets.iter().find(|applet| name == applet.name)
    }

    /// The subcommand that `name` chooses.
    pub fn subcommand(&self, name: &OsStr) -> Option<&'static Subcommand> {
        self.subcommands.iter().find(|subcommand| name == subcommand.name)
    }
}
