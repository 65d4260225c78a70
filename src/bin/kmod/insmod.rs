//! insmod: loads one file, without configuration and without dependencies.

use clap::Command;

use crate::applet::Invocation;
use crate::options::{self, Options, flag};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table(
        "insmod",
        "Load one kernel module from a file",
        "insmod [OPTIONS] FILE [PARAMETER=VALUE]...",
    )
    .args(options::syslog_and_verbose())
    .args([options::version(), options::help()])
}

/// Runs insmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    while argv.next()?.is_some() {}
    Report::new(invocation.tool, Level::Error).error(format_args!("not built yet"));
    Err(Exit::Failure)
}
