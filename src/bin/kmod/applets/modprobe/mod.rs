//! modprobe: loads a module with all it needs, removes it, or answers questions about it.

mod args;
mod json;
mod load;
mod options_variable;
mod remove;
mod show;
mod text;
mod view;

use std::mem::ManuallyDrop;

use bstr::ByteSlice;
use clap::{Arg, Command};
use oxmod::ops::probe::Executor;

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, flag, ours, value};
use crate::report::{Level, Outcome, Report};

pub use args::{Job, Settings};
pub use view::View;

use args::CommandLine;
use load::Loader;
use text::Text;

/// The table of options.
pub fn command() -> Command {
    let usage = "modprobe [OPTIONS] MODULE [PARAMETER=VALUE]...\n       \
                 modprobe [OPTIONS] -a MODULE...\n       \
                 modprobe [OPTIONS] -r MODULE...\n       \
                 modprobe [OPTIONS] -c\n       \
                 modprobe [OPTIONS] -R|-D|--show-modversions|--show-exports MODULE";
    options::table("modprobe", "Load a kernel module and what it needs, or remove it", usage)
        .args([
            flag(Some('a'), "all", "Take every operand for a module, none for a parameter"),
            flag(Some('r'), "remove", "Remove modules instead of loading them"),
            flag(None, "remove-holders", "Remove the modules that hold it first (with -r)")
                .alias("remove-dependencies"),
            value(Some('w'), "wait", "MSEC", "Wait that long for a module in use to be released"),
            flag(Some('R'), "resolve-alias", "Print the names of the modules that an alias leads to"),
            flag(None, "first-time", "Fail if there is nothing to do"),
            flag(Some('i'), "ignore-install", "Run no install or remove command of the configuration")
                .visible_alias("ignore-remove"),
            flag(Some('b'), "use-blacklist", "Let the blacklist apply to module names too"),
            flag(Some('f'), "force", "Load or remove against the kernel's own checks"),
            flag(None, "force-modversion", "Load although symbol versions differ"),
            flag(None, "force-vermagic", "Load although the version magic differs"),
            flag(Some('D'), "show-depends", "Print what would have to be loaded, loaded or not"),
            flag(Some('c'), "show-config", "Print the configuration and the indexes").alias("showconfig"),
            flag(None, "show-modversions", "Print the symbol versions that a module needs")
                .visible_alias("dump-modversions"),
            flag(None, "show-exports", "Print the symbols that a module exports"),
            flag(Some('n'), "dry-run", "Do nothing; with -v, print what would be done").visible_alias("show"),
            value(Some('C'), "config", "PATH", "Read this file or directory instead of the usual ones"),
            value(Some('d'), "dirname", "DIR", "Look for lib/modules below DIR"),
            value(Some('S'), "set-version", "VERSION", "Act for this kernel instead of the running one"),
            flag(Some('s'), "syslog", "Send messages to syslog instead of standard error"),
            flag(Some('q'), "quiet", "Say nothing about what goes wrong"),
            flag(Some('v'), "verbose", "Say more, and print each step"),
            options::version(),
            options::help(),
        ])
        .args(own().map(ours))
        .arg(options::operands("MODULE", "Module name, alias, or path starting with / or ./"))
}

/// The options that kmod has not.
fn own() -> [Arg; 5] {
    [
        options::json(),
        flag(None, "ignore-forbid", "Load what the configuration forbids"),
        options::jobs("Load up to N modules in parallel, 0 for one per CPU"),
        options::meta(),
        value(
            None,
            "load-list",
            "FILE",
            "Load the modules that FILE names, one a line (- for standard input)",
        ),
    ]
}

/// Runs modprobe.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let line = args::parse(invocation, &report)?;
    if line.settings.json {
        return json::answer(&report, |view| work(line, &report, view));
    }
    let mut text = Text::new();
    let outcome = work(line, &report, &mut text);
    text.conclude(outcome)
}

fn work(line: CommandLine, report: &Report, view: &mut dyn View) -> Outcome {
    let (job, settings) = line.job(report)?;
    let target = &settings.target;
    let dir = target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let context = target.open(dir, &target.config_source(), &report.sink());
    // Given back piece by piece at the end it would take as long as a tenth of the whole run.
    let context = ManuallyDrop::new(context.map_err(|error| report.unreadable(&error))?);
    if let Some(meta) = context.meta_file() {
        report.looks_in(meta);
    }
    view.begin(&job, &settings, &context);
    let executor = Executor::new(settings.execute_options());
    let loader = Loader { context: &context, settings: &settings, executor: &executor, report };
    match job {
        Job::Remove(operands) => remove::all(&loader, &operands, view),
        Job::Insert(operands, parameters) => loader.all(&operands, parameters.as_bstr(), view),
        question => match view.out() {
            Some(out) => show::answer(&context, &question, out, report),
            None => Err(report.text_only()),
        },
    }
}
