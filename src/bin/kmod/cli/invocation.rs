//! The command line as received, and the types that describe applets and subcommands.
//!
//! An applet consists of a [`clap::Command`] (the table of its options, from which its help and completions are generated;
//! tests compare the manual page with it) and a function that runs it. The function must not call `process::exit`: it
//! returns an [`Outcome`].

use std::ffi::{OsStr, OsString};

use clap::Command;

use super::getopt::Ordering;
use crate::report::Outcome;

/// The name and arguments with which the program was started, and the applet that they select.
pub struct Invocation {
    /// `argv[0]`, unchanged. Messages about the syntax of the command line begin with it.
    pub argv0: OsString,
    /// The name of the tool, with which all other messages begin.
    pub tool: &'static str,
    /// `argv[1..]`, possibly not UTF-8.
    pub args: Vec<OsString>,
    /// The table of the applet's options.
    pub command: Command,
    /// Whether options may follow operands.
    pub ordering: Ordering,
    /// The applets and subcommands of this binary.
    pub registry: &'static Registry,
}

/// One of the programs in this binary.
pub struct Applet {
    /// The name of the link that starts it.
    pub name: &'static str,
    /// Whether options may follow operands, unless `POSIXLY_CORRECT` is set.
    pub ordering: Ordering,
    /// Creates the table of its options.
    pub command: fn() -> Command,
    /// Runs it.
    pub run: fn(&Invocation) -> Outcome,
}

/// A subcommand of `kmod`.
pub struct Subcommand {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its description in the output of `kmod help`.
    pub about: &'static str,
    /// Creates the table of its options.
    pub command: fn() -> Command,
    /// Runs it.
    pub run: fn(&Invocation) -> Outcome,
}

/// The applets and subcommands of this binary.
pub struct Registry {
    /// The applets, the binary's own name first.
    pub applets: &'static [Applet],
    /// The subcommands of `kmod`, in the order of its help.
    pub subcommands: &'static [Subcommand],
}

impl Registry {
    /// Returns the applet with the name `name`.
    pub fn applet(&self, name: &OsStr) -> Option<&'static Applet> {
        self.applets.iter().find(|applet| name == applet.name)
    }

    /// Returns the subcommand with the name `name`.
    pub fn subcommand(&self, name: &OsStr) -> Option<&'static Subcommand> {
        self.subcommands.iter().find(|subcommand| name == subcommand.name)
    }
}
