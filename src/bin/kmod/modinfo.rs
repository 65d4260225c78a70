//! modinfo: prints what a module says about itself.

use clap::Command;

use crate::applet::Invocation;
use crate::options::{self, Options, flag, value};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("modinfo", "Print what a kernel module says about itself", "modinfo [OPTIONS] MODULE...")
        .args([
            flag(Some('a'), "author", "Print only its authors"),
            flag(Some('d'), "description", "Print only its description"),
            flag(Some('l'), "license", "Print only its licence"),
            flag(Some('p'), "parameters", "Print only its parameters"),
            flag(Some('n'), "filename", "Print only the file it is in"),
            flag(Some('0'), "null", "End each value with NUL instead of a newline"),
            flag(Some('m'), "modname", "Take operands for module names, neither aliases nor files"),
            value(Some('F'), "field", "FIELD", "Print only the values of this field"),
            value(Some('k'), "set-version", "VERSION", "Act for this kernel instead of the running one"),
            value(Some('b'), "basedir", "DIR", "Look for lib/modules below DIR"),
            options::version(),
            options::help(),
        ])
        .arg(options::operands(
            "MODULE",
            "Module name, alias, or file ending in .ko, .ko.gz, .ko.xz or .ko.zst",
        ))
}

/// Runs modinfo.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    while argv.next()?.is_some() {}
    Report::new(invocation.tool, Level::Debug).error(format_args!("not built yet"));
    Err(Exit::Failure)
}
