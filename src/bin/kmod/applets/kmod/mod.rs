//! The program under its own name, `kmod`: the subcommands.

#[cfg(feature = "coldplug")]
pub mod coldplug;
#[cfg(feature = "complete")]
pub mod complete;
#[cfg(feature = "firmware")]
pub mod firmware;
#[cfg(feature = "firmware")]
pub mod fwprune;
#[cfg(feature = "meta")]
pub mod meta;
pub mod static_nodes;

use clap::Command;

use crate::cli::invocation::{Invocation, Registry};
use crate::cli::options::{self, Options, help_text};
use crate::output::stdout::Out;
use crate::report::{self, Exit, Outcome};

/// The table of options.
pub fn command(registry: &Registry) -> Command {
    let others: Vec<&str> =
        registry.applets.iter().map(|applet| applet.name).filter(|name| *name != "kmod").collect();
    let others = others.split_last().map(|(last, others)| format!("{} or {last}", others.join(", ")));
    options::table("kmod", "Inspect and manage kernel modules", "kmod [OPTIONS] COMMAND [COMMAND OPTIONS]")
        .args([options::help(), options::version()])
        .subcommands(registry.subcommands.iter().map(|sub| Command::new(sub.name).about(sub.about)))
        .after_help(format!("When called as {}, this program acts as that tool.", others.unwrap_or_default()))
}

/// Runs `kmod`.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    while argv.next()?.is_some() {}
    let mut operands = argv.operands().into_iter();
    let Some(name) = operands.next() else {
        report::missing_command();
        help(invocation)?;
        return Err(Exit::Failure);
    };
    let Some(subcommand) = invocation.registry.subcommand(&name) else {
        report::invalid_command(&name);
        help(invocation)?;
        return Err(Exit::Failure);
    };
    // getopt's messages for a subcommand begin with the name of the subcommand, all other messages with `kmod`.
    (subcommand.run)(&Invocation {
        argv0: name,
        tool: invocation.tool,
        args: operands.collect(),
        command: (subcommand.command)(),
        // As in kmod, whose subcommands inherit the state of getopt: they do not permute their arguments either.
        ordering: invocation.ordering,
        registry: invocation.registry,
    })
}

/// Runs `kmod help`.
pub fn help(invocation: &Invocation) -> Outcome {
    let mut out = Out::open();
    out.bytes(help_text(&command(invocation.registry)).as_bytes())?;
    out.finish()
}
