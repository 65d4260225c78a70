//! `kmod` under its own name: the subcommands.

use clap::Command;

use crate::applet::Invocation;
use crate::options::{self, Options};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("kmod", "Look at and manage kernel modules", "kmod [OPTIONS] COMMAND [COMMAND OPTIONS]")
        .args([options::help(), options::version()])
}

/// Runs `kmod`.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::until_operand(invocation);
    while argv.next()?.is_some() {}
    Report::new(invocation.tool, Level::Error).error(format_args!("not built yet"));
    Err(Exit::Failure)
}
