//! depmod: reads every module of a kernel and writes the indexes that the other tools answer from.

use clap::Command;

use crate::applet::Invocation;
use crate::options::{self, Options, flag, value};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    let usage = "depmod [OPTIONS] [VERSION]\n       depmod [OPTIONS] VERSION FILE...";
    options::table("depmod", "Write the indexes of a kernel's modules", usage)
        .args([
            flag(Some('a'), "all", "Read all modules (the default without FILE)"),
            flag(Some('A'), "quick", "Do nothing if no module is newer than the indexes"),
            value(Some('b'), "basedir", "DIR", "Work on the modules below DIR instead of /"),
            value(Some('m'), "moduledir", "DIR", "Where modules are below that [default: /lib/modules]"),
            value(Some('o'), "outdir", "DIR", "Write below DIR instead of the base directory"),
            value(Some('C'), "config", "PATH", "Read this file or directory instead of the usual ones"),
            value(Some('E'), "symvers", "FILE", "Check symbols and their versions against a Module.symvers"),
            value(Some('F'), "filesyms", "FILE", "Check symbols against a System.map"),
            flag(Some('e'), "errsyms", "Report symbols that nothing supplies (with -E or -F)"),
            flag(Some('v'), "verbose", "Say more, and print each dependency"),
            flag(Some('n'), "dry-run", "Print the text indexes instead of writing files").alias("show"),
            value(
                Some('P'),
                "symbol-prefix",
                "CHAR",
                "The character that symbols of this machine begin with",
            ),
            flag(Some('w'), "warn", "Report entries that occur twice"),
            options::version(),
            options::help(),
        ])
        .args([
            options::operands("VERSION", "Kernel version [default: the running one]"),
            options::operands("FILE", "Absolute paths of the only modules to read"),
        ])
}

/// Runs depmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    while argv.next()?.is_some() {}
    Report::new(invocation.tool, Level::Warning).error(format_args!("not built yet"));
    Err(Exit::Failure)
}
