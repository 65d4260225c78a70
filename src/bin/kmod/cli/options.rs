//! What the applets' command lines have in common: building the table, walking argv, -h and -V.
//!
//! No applet prints its own help or version: they act here, at once, while argv is being read.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};
use oxmod::sys::host;
use oxmod::sys::stdio::Stdout;

use crate::cli::getopt::{Getopt, Opt};
use crate::cli::invocation::Invocation;
use crate::output::stdout::Out;
use crate::report::{self, Exit, Outcome, Report};

/// The version of kmod that the tools stand in for, the features under kmod's names, then ourselves.
/// Scripts parse the first two lines; the third tells a person which implementation answered.
fn version_text() -> String {
    let has = |there| if there { '+' } else { '-' };
    let (zstd, zlib) = (has(cfg!(feature = "zstd")), has(cfg!(feature = "gzip")));
    let own = env!("CARGO_PKG_VERSION");
    format!("kmod version 34.2\n{zstd}ZSTD +XZ {zlib}ZLIB +OPENSSL\noxmod {own}\n")
}

/// An empty table for the applet `name`, without clap's own -h and -V.
pub fn table(name: &'static str, about: &'static str, usage: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .override_usage(usage)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
}

/// An option without a value. Its long name is its id.
pub fn flag(short: Option<char>, long: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(long).long(long).action(ArgAction::SetTrue).help(help);
    match short {
        Some(letter) => arg.short(letter),
        None => arg,
    }
}

/// The heading of our own options in the help. Options under it cannot be abbreviated, so that no abbreviation that kmod
/// accepts becomes ambiguous.
const OURS: &str = "Options that kmod does not have";

/// Marks an option as one that kmod does not have; see [`OURS`].
pub fn ours(arg: Arg) -> Arg {
    arg.help_heading(OURS)
}

/// An option with a value, shown as `name` in the help. Its long name is its id.
pub fn value(short: Option<char>, long: &'static str, name: &'static str, help: &'static str) -> Arg {
    flag(short, long, help).action(ArgAction::Set).value_name(name)
}

/// One operand, for the help only. There may be more operands after it.
pub fn operand(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).help(help)
}

/// The operands, for the help only.
pub fn operands(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).action(ArgAction::Append).help(help)
}

/// -s, and -v: the order in which kmod lists them.
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

/// --jobs; see [`jobs_value`].
pub fn jobs(help: &'static str) -> Arg {
    value(None, "jobs", "N", help)
}

/// `--jobs` takes a decimal number; zero is one job for each processor.
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

/// An applet's walk over its options. -h and -V never come out of it: they are answered at once and
/// end the applet with [`Exit::Done`].
pub struct Options<'a> {
    getopt: Getopt<'a>,
    command: &'a Command,
}

impl<'a> Options<'a> {
    /// Over the arguments of `invocation`.
    pub fn new(invocation: &'a Invocation) -> Self {
        Self::over(invocation, &invocation.args)
    }

    /// Over the arguments of `invocation`, with options behind operands too.
    #[cfg(any(feature = "coldplug", feature = "firmware", feature = "meta"))]
    pub fn anywhere(invocation: &'a Invocation) -> Self {
        let Invocation { argv0, command, args, .. } = invocation;
        Self { getopt: Getopt::new(command, argv0, args, crate::cli::getopt::Ordering::Permute), command }
    }

    /// Over `args`, which need not be what the program was started with.
    pub fn over(invocation: &'a Invocation, args: &'a [OsString]) -> Self {
        let Invocation { argv0, command, ordering, .. } = invocation;
        Self { getopt: Getopt::new(command, argv0, args, *ordering), command }
    }

    /// The next option; `None` when only operands are left.
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

    /// The operands, once there are no more options.
    pub fn operands(self) -> Vec<OsString> {
        self.getopt.operands()
    }
}

/// What the small tools' options come to.
#[derive(Debug, Default)]
pub struct Common {
    /// -f, of those that have it.
    pub force: bool,
    /// --json, of those that have it.
    pub json: bool,
    /// What is left.
    pub operands: Vec<OsString>,
}

/// Reads the options of lsmod, insmod and rmmod and sets the report up accordingly, once all are read.
pub fn common(invocation: &Invocation, report: &Report) -> Result<Common, Exit> {
    let (mut common, mut syslog) = (Common::default(), false);
    let mut argv = Options::new(invocation);
    while let Some(option) = argv.next()? {
        match option.id {
            "force" => common.force = true,
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

/// How wide help is that goes to no terminal: no option takes a second line.
const WIDE: usize = 120;

/// The help of a command, as -h prints it: as wide as the terminal.
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
