//! rmmod: removes modules, without configuration and without dependencies.

use clap::Command;

use crate::applet::Invocation;
use crate::options::{self, Options, flag};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("rmmod", "Remove loaded kernel modules", "rmmod [OPTIONS] MODULE...")
        .arg(flag(Some('f'), "force", "Remove a module although it is in use (may crash the machine)"))
        .args(options::syslog_and_verbose())
        .args([options::version(), options::help()])
}

/// Runs rmmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    while argv.next()?.is_some() {}
    Report::new(invocation.tool, Level::Error).error(format_args!("not built yet"));
    Err(Exit::Failure)
}
