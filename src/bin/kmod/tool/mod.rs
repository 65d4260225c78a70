//! `kmod` under its own name: the subcommands.

#[cfg(feature = "coldplug")]
pub mod coldplug;
#[cfg(feature = "complete")]
mod complete;
#[cfg(feature = "firmware")]
pub mod firmware;
#[cfg(feature = "firmware")]
mod fwprune;
#[cfg(feature = "meta")]
pub mod meta;
mod static_nodes;

use std::ffi::OsStr;

use clap::Command;

use crate::applet::{APPLETS, Invocation};
use crate::lsmod;
use crate::options::{self, Options, help_text};
use crate::report::{self, Exit, Outcome};
use crate::stdout::Out;

/// A subcommand: its name, its table, its work.
struct Subcommand {
    name: &'static str,
    about: &'static str,
    command: fn() -> Command,
    run: fn(&Invocation) -> Outcome,
}

const SUBCOMMANDS: &[Subcommand] = &[
    #[cfg(feature = "coldplug")]
    Subcommand {
        name: "coldplug",
        about: "Load the drivers of the devices that are there",
        command: coldplug::command,
        run: coldplug::run,
    },
    #[cfg(feature = "complete")]
    Subcommand {
        name: "complete",
        about: "Print what may follow on a command line, for shells",
        command: complete::command,
        run: complete::run,
    },
    #[cfg(feature = "firmware")]
    Subcommand {
        name: "firmware",
        about: "Find the firmware that modules ask for",
        command: firmware::command,
        run: firmware::run,
    },
    #[cfg(feature = "firmware")]
    Subcommand {
        name: "fwprune",
        about: "Make meta.pb and fsspec for Monogon's image builder",
        command: fwprune::command,
        run: fwprune::run,
    },
    Subcommand { name: "help", about: "Print this help", command, run: help },
    Subcommand {
        name: "list",
        about: "List the loaded kernel modules",
        command: lsmod::command,
        run: lsmod::run,
    },
    #[cfg(feature = "meta")]
    Subcommand {
        name: "meta",
        about: "Make, show, search and check a meta.pb",
        command: meta::command,
        run: meta::run,
    },
    Subcommand {
        name: "static-nodes",
        about: "Print the device nodes that load a module when opened",
        command: static_nodes::command,
        run: static_nodes::run,
    },
];

/// The table of options.
pub fn command() -> Command {
    let others: Vec<&str> = APPLETS.iter().map(|applet| applet.name).filter(|name| *name != "kmod").collect();
    let others = others.split_last().map(|(last, others)| format!("{} or {last}", others.join(", ")));
    options::table("kmod", "Look at and manage kernel modules", "kmod [OPTIONS] COMMAND [COMMAND OPTIONS]")
        .args([options::help(), options::version()])
        .subcommands(SUBCOMMANDS.iter().map(|sub| Command::new(sub.name).about(sub.about)))
        .after_help(format!("Called {}, this program is that tool.", others.unwrap_or_default()))
}

/// The table of a subcommand.
fn table_of(name: &OsStr) -> Option<Command> {
    SUBCOMMANDS.iter().find(|subcommand| name == subcommand.name).map(|subcommand| (subcommand.command)())
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
    let Some(subcommand) = SUBCOMMANDS.iter().find(|subcommand| name == subcommand.name) else {
        report::invalid_command(&name);
        help(invocation)?;
        return Err(Exit::Failure);
    };
    // getopt's messages of a subcommand begin with its name, all others with kmod's.
    (subcommand.run)(&Invocation {
        argv0: name,
        tool: invocation.tool,
        args: operands.collect(),
        command: (subcommand.command)(),
        // getopt's state outlives the walk over kmod's own options: subcommands do not permute either.
        ordering: invocation.ordering,
    })
}

fn help(_: &Invocation) -> Outcome {
    let mut out = Out::open();
    out.bytes(help_text(&command()).as_bytes())?;
    out.finish()
}
