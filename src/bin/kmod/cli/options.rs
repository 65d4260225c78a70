//! The parts that the applets' command lines share: constructors of the tables, the parsing loop, -h and -V.
//!
//! This module prints the help and the version, as soon as their options are found. Applets do not.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};
use oxmod::ops::insert::Force;
use oxmod::sys::host;
use oxmod::sys::stdio::Stdout;

use crate::cli::getopt::{Getopt, Opt};
use crate::cli::invocation::Invocation;
use crate::output::stdout::Out;
use crate::report::{self, Exit, Outcome, Report};

/// Returns the output of -V: the version of kmod that the tools are compatible with, the features under kmod's names, and
/// our own version. Scripts parse the first two lines; the third tells users which implementation this is.
fn version_text() -> String {
    let has = |enabled| if enabled { '+' } else { '-' };
    let (zstd, zlib) = (has(cfg!(feature = "zstd")), has(cfg!(feature = "gzip")));
    let own = env!("CARGO_PKG_VERSION");
    format!("kmod version 34.2\n{zstd}ZSTD +XZ {zlib}ZLIB +OPENSSL\noxmod {own}\n")
}

/// Returns an empty table for the applet `name`, without clap's own -h and -V.
pub fn table(name: &'static str, about: &'static str, usage: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .override_usage(usage)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
}

/// Returns an option without a value. Its long name is its id.
pub fn flag(short: Option<char>, long: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(long).long(long).action(ArgAction::SetTrue).help(help);
    match short {
        Some(letter) => arg.short(letter),
        None => arg,
    }
}

/// The heading of our own options in the help. The parser does not accept abbreviations of the options under it, so that
/// no abbreviation that kmod accepts becomes ambiguous.
const OURS: &str = "Options that kmod 34 does not have";

/// Marks an option as one that kmod does not have; see [`OURS`].
pub fn ours(arg: Arg) -> Arg {
    arg.help_heading(OURS)
}

/// Returns an option with a value, which the help calls `name`. Its long name is its id.
pub fn value(short: Option<char>, long: &'static str, name: &'static str, help: &'static str) -> Arg {
    flag(short, long, help).action(ArgAction::Set).value_name(name)
}

/// Returns an operand, for the help only. Further operands may follow it.
pub fn operand(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help)
}

/// Returns a list of operands, for the help only.
pub fn operands(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).action(ArgAction::Append).help(help)
}

/// -s and -v, in the order in which kmod lists them.
pub fn syslog_and_verbose() -> [Arg; 2] {
    [
        flag(Some('s'), "syslog", "Send messages to syslog instead of standard error"),
        flag(Some('v'), "verbose", "Be verbose"),
    ]
}

/// --meta.
pub fn meta() -> Arg {
    value(None, "meta", "FILE", "Look up modules in this meta.pb, even if there are indexes")
}

/// --jobs. Parse its value with [`jobs_value`].
pub fn jobs(help: &'static str) -> Arg {
    value(None, "jobs", "N", help)
}

/// Parses the value of `--jobs`, a decimal number. Zero stands for the number of processors.
pub fn jobs_value(value: &OsStr, report: &Report) -> Result<usize, Exit> {
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(0) => Ok(host::processors()),
        Some(number) => Ok(number),
        None => Err(report.bad_jobs_value(value)),
    }
}

/// --json.
pub fn json() -> Arg {
    flag(None, "json", "Print a JSON document, see oxmod-json(5)")
}

/// -V.
pub fn version() -> Arg {
    flag(Some('V'), "version", "Print the version and exit")
}

/// -h.
pub fn help() -> Arg {
    flag(Some('h'), "help", "Print this help and exit")
}

/// The parser of an applet's command line. It does not return -h and -V: it prints their text and ends the applet with
/// [`Exit::Done`].
pub struct Options<'a> {
    getopt: Getopt<'a>,
    command: &'a Command,
}

impl<'a> Options<'a> {
    /// Parses the arguments of `invocation`.
    pub fn new(invocation: &'a Invocation) -> Self {
        Self::over(invocation, &invocation.args)
    }

    /// Parses the arguments of `invocation`; options may follow operands.
    #[cfg(any(feature = "coldplug", feature = "firmware", feature = "meta"))]
    pub fn anywhere(invocation: &'a Invocation) -> Self {
        let Invocation { argv0, command, args, .. } = invocation;
        Self { getopt: Getopt::new(command, argv0, args, crate::cli::getopt::Ordering::Permute), command }
    }

    /// Parses `args`, in place of the arguments of `invocation`.
    pub fn over(invocation: &'a Invocation, args: &'a [OsString]) -> Self {
        let Invocation { argv0, command, ordering, .. } = invocation;
        Self { getopt: Getopt::new(command, argv0, args, *ordering), command }
    }

    /// Returns the next option; `None` if only operands remain.
    pub fn next(&mut self) -> Result<Option<Opt<'a>>, Exit> {
        match self.getopt.next() {
            Ok(Some(Opt { id: "help", .. })) => Err(print(&help_text(self.command))),
            Ok(Some(Opt { id: "version", .. })) => Err(print(&version_text())),
            Ok(option) => Ok(option),
            Err(error) => {
                report::bad_option(&error.0);
                Err(Exit::Failure)
            }
        }
    }

    /// Returns the operands. Call it when there are no more options.
    pub fn operands(self) -> Vec<OsString> {
        self.getopt.operands()
    }
}

/// The command line of lsmod, insmod or rmmod.
#[derive(Debug, Default)]
pub struct Common {
    /// The checks to skip, from -f, --force-modversion and --force-vermagic.
    pub force: Force,
    /// --json.
    pub json: bool,
    /// The operands.
    pub operands: Vec<OsString>,
}

/// Parses the command line of lsmod, insmod or rmmod, and applies -s and -v to the report.
pub fn common(invocation: &Invocation, report: &Report) -> Result<Common, Exit> {
    let (mut common, mut syslog) = (Common::default(), false);
    let mut argv = Options::new(invocation);
    while let Some(option) = argv.next()? {
        match option.id {
            "force" => common.force = Force { vermagic: true, modversions: true },
            "force-modversion" => common.force.modversions = true,
            "force-vermagic" => common.force.vermagic = true,
            "json" => common.json = true,
            "syslog" => syslog = true,
            _ => report.louder(),
        }
    }
    if syslog {
        report.use_syslog();
    }
    common.operands = argv.operands();
    Ok(common)
}

/// The width of the help if standard output is not a terminal. It is wide enough for every option to take one line.
const WIDE: usize = 120;

/// Returns the help of a command, wrapped at the width of the terminal.
pub fn help_text(command: &Command) -> String {
    let command = command.clone();
    let mut command = if Stdout::is_terminal() { command } else { command.term_width(WIDE) };
    command.render_help().to_string()
}

fn print(text: &str) -> Exit {
    let mut out = Out::open();
    let written: Outcome = out.bytes(text.as_bytes()).and_then(|()| out.finish());
    written.err().unwrap_or(Exit::Done)
}
