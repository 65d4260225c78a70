//! modprobe: loads or removes a module and its dependencies, or prints information about it.

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
    options::table("modprobe", "Load or remove a kernel module and its dependencies", usage)
        .args([
            flag(Some('a'), "all", "Treat every operand as a module, none as a parameter"),
            flag(Some('r'), "remove", "Remove modules instead of loading them"),
            flag(None, "remove-holders", "Remove modules, and before each the modules that use it")
                .alias("remove-dependencies"),
            value(Some('w'), "wait", "MSEC", "Wait up to MSEC milliseconds for a module in use (with -r)"),
            flag(Some('R'), "resolve-alias", "Print the names of the modules that an alias stands for"),
            flag(None, "first-time", "Fail if the module is already loaded (with -r: not loaded)"),
            flag(Some('i'), "ignore-install", "Ignore install and remove commands and soft dependencies")
                .visible_alias("ignore-remove"),
            flag(Some('b'), "use-blacklist", "Apply the blacklist to module names too"),
            flag(
                Some('f'),
                "force",
                "Ignore version checks; with -r, remove a module in use (may crash the machine)",
            ),
            flag(None, "force-modversion", "Load even if symbol versions differ"),
            flag(None, "force-vermagic", "Load even if the version magic differs"),
            flag(Some('D'), "show-depends", "Print the steps to load a module, even if they have been taken"),
            flag(Some('c'), "show-config", "Print the configuration and the indexes").alias("showconfig"),
            flag(None, "show-modversions", "Print the symbol versions that a module needs")
                .visible_alias("dump-modversions"),
            flag(None, "show-exports", "Print the symbols that a module exports"),
            flag(Some('n'), "dry-run", "Change nothing; with -v, print what would be done")
                .visible_alias("show"),
            value(
                Some('C'),
                "config",
                "PATH",
                "Read this file or directory instead of the default directories",
            ),
            value(Some('d'), "dirname", "DIR", "Use DIR as the base directory [default: /]"),
            value(
                Some('S'),
                "set-version",
                "RELEASE",
                "Use the modules of this kernel [default: the running kernel]",
            ),
            flag(Some('s'), "syslog", "Send messages to syslog instead of standard error"),
            flag(Some('q'), "quiet", "Print no messages except about the command line"),
            flag(Some('v'), "verbose", "Be verbose, and print each step"),
            options::version(),
            options::help(),
        ])
        .args(own().map(ours))
        .arg(options::operands("MODULE", "Module name, alias, or path starting with / or ./"))
}

/// The options that kmod does not have.
fn own() -> [Arg; 6] {
    [
        options::json(),
        flag(None, "ignore-forbid", "Load modules even if the configuration forbids them"),
        options::jobs("Load up to N modules in parallel; 0 means one per CPU [default: 1]"),
        options::meta(),
        flag(None, "show-alias", "Do the same as --resolve-alias"),
        value(
            None,
            "load-list",
            "FILE",
            "Load the modules listed in FILE, one per line (- for standard input)",
        ),
    ]
}

/// Runs modprobe.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let line = args::parse(invocation, &report)?;
    if line.settings.json {
        return json::write(&report, |view| work(line, &report, view));
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
    // Not dropped, because that would take a tenth of the time of the whole run.
    let context = ManuallyDrop::new(context.map_err(|error| report.unreadable(&error))?);
    if let Some(meta) = context.meta_file() {
        report.looking_up_in(meta);
    }
    view.begin(&job, &settings, &context);
    let executor = Executor::new(settings.execute_options());
    let loader = Loader { context: &context, settings: &settings, executor: &executor, report };
    match job {
        Job::Remove(operands) => remove::all(&loader, &operands, view),
        Job::Insert(operands, parameters) => loader.all(&operands, parameters.as_bstr(), view),
        job => match view.out() {
            Some(out) => show::run(&context, &job, out, report),
            None => Err(report.text_only()),
        },
    }
}
