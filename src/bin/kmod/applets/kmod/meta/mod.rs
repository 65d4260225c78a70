//! `kmod meta`: makes, shows, searches and checks a meta.pb.

mod json;
mod source;
mod text;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Command;
use oxmod::error::Error;
use oxmod::notice::Sink;
use oxmod::ops::depmod as op;
use oxmod::ops::meta_check::{Flaw, Listed, Served};
use oxmod::ops::meta_file::{self, MetaFile};

use crate::cli::invocation::Invocation;

use crate::cli::options::{self, Options, help_text, value};
use crate::output::stdout::Out;
use crate::report::progress::Progress;
use crate::report::{self, Exit, Level, Outcome, Report};

use source::Source;

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod meta build [OPTIONS] [VERSION]\n       kmod meta show [OPTIONS] [VERSION]\n       \
                 kmod meta lookup [OPTIONS] MODALIAS...\n       kmod meta verify [OPTIONS] [VERSION]";
    options::table("meta", "Make, show, search and check the meta.pb of image-based systems", usage)
        .args([
            value(Some('b'), "basedir", "DIR", "Work on the modules below DIR instead of /"),
            value(Some('k'), "set-version", "VERSION", "Kernel version [default: the running one]"),
            value(Some('d'), "dir", "DIR", "The module directory itself, instead of one below lib/modules"),
            value(Some('f'), "file", "FILE", "This file [default: meta.pb of that directory, or of the one above]"),
            value(Some('C'), "config", "PATH", "Read this depmod.d instead of the usual ones"),
            options::json(),
            options::help(),
        ])
        .after_help(
            "build makes the file of the modules themselves, show prints what is in it, lookup prints the modules for \
             a device, and verify says what is wrong with it, by itself and against the modules.",
        )
}

/// A question about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// What is in it.
    Show,
    /// Which modules are for a device.
    Lookup,
    /// What is wrong with it.
    Verify,
}

/// What is shown of the answer.
pub trait View {
    /// Which file it is, and of which kernel.
    fn begin(&mut self, file: &Path, release: Option<&[u8]>);
    /// One of its modules.
    fn module(&mut self, module: &Listed<'_>) -> Outcome;
    /// The modules for a device.
    fn found(&mut self, modalias: &OsStr, modules: &[Served]) -> Outcome;
    /// Something that is wrong.
    fn flaw(&mut self, flaw: &Flaw) -> Outcome;
}

/// Runs `kmod meta`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let mut source = Source::default();
    let mut json = false;
    let mut argv = Options::anywhere(invocation);
    while let Some(option) = argv.next()? {
        json |= option.id == "json";
        source.take(option.id, option.value.unwrap_or_default());
    }
    let mut operands = argv.operands();
    if operands.is_empty() {
        report::missing_command();
        return help(invocation);
    }
    let word = operands.remove(0);
    let task = match word.to_str() {
        Some("build") => None,
        Some("show") => Some(Task::Show),
        Some("lookup") => Some(Task::Lookup),
        Some("verify") => Some(Task::Verify),
        _ => {
            report::invalid_command(&word);
            return help(invocation);
        }
    };
    match (task, operands.as_slice()) {
        (Some(Task::Lookup), []) => return Err(report.no_modalias()),
        (Some(Task::Lookup), _) => {}
        (_, [_, surplus, ..]) => return Err(report.surplus_operand(surplus)),
        (_, version) => source = source.of(version.first()),
    }
    match task {
        None if json => Err(report.no_document()),
        None => build(&source, &report),
        Some(task) if json => {
            json::answer(task, &report, |view| work(task, &source, &operands, &report, view))
        }
        Some(task) => {
            let mut out = Out::open();
            let outcome = work(task, &source, &operands, &report, &mut out);
            out.finish().and(outcome)
        }
    }
}

fn help(invocation: &Invocation) -> Outcome {
    let mut out = Out::open();
    out.bytes(help_text(&invocation.command).as_bytes())?;
    out.finish()?;
    Err(Exit::Failure)
}

/// The bytes of the file as they would be if it were made now, of the modules in `dir`.
fn made(source: &Source, dir: &Path, release: &OsStr, report: &Report) -> Result<Vec<u8>, Exit> {
    let progress = Progress::new("kmod: reading modules");
    let sink = Sink::new({
        let report = report.clone();
        move |notice| {
            if !progress.takes(notice) {
                report.library(notice);
            }
        }
    });
    let config = op::Config { depmod: source.depmod_config(&sink), ..op::Config::default() };
    let tree = op::Tree { dir, out: dir, release: release.as_bytes(), given: None };
    op::meta(&tree, &config, &sink).map_err(|failure| report.no_output(dir, &failure))
}

fn build(source: &Source, report: &Report) -> Outcome {
    let bytes = made(source, &source.dir(report)?, &source.release(report)?, report)?;
    let path = source.target(report)?;
    if path == Path::new("-") {
        let mut out = Out::open();
        out.bytes(&bytes)?;
        return out.finish();
    }
    meta_file::write(&path, &bytes).map_err(|error| report.unwritten(&error))
}

fn work(task: Task, source: &Source, operands: &[OsString], report: &Report, view: &mut dyn View) -> Outcome {
    let unusable = |error| report.unreadable(&error);
    let file = source.open(report)?.map_err(unusable)?;
    view.begin(file.path(), file.release().map_err(unusable)?);
    match task {
        Task::Show => file.modules().map_err(unusable)?.iter().try_for_each(|module| view.module(module)),
        Task::Lookup => lookup(&file, operands, &unusable, report, view),
        Task::Verify => verify(&file, source, &unusable, report, view),
    }
}

fn lookup(
    file: &MetaFile,
    modaliases: &[OsString],
    unusable: &dyn Fn(Error) -> Exit,
    report: &Report,
    view: &mut dyn View,
) -> Outcome {
    let mut outcome = Ok(());
    for modalias in modaliases {
        let found = file.serving(modalias.as_bytes()).map_err(unusable)?;
        view.found(modalias, &found)?;
        if found.is_empty() {
            outcome = Err(report.no_module_for(modalias));
        }
    }
    outcome
}

fn verify(
    file: &MetaFile,
    source: &Source,
    unusable: &dyn Fn(Error) -> Exit,
    report: &Report,
    view: &mut dyn View,
) -> Outcome {
    let mut flaws = file.flaws().map_err(unusable)?;
    // Positions that are wrong would mislead the comparison.
    if flaws.is_empty() {
        let made = match file.found_above() {
            // The modules of every kernel there, and so of no release.
            Some(above) => made(source, above, OsStr::new(""), report),
            None => made(source, &source.dir(report)?, &source.release(report)?, report),
        };
        flaws = file.differences(made?).map_err(unusable)?;
    }
    flaws.iter().try_for_each(|flaw| view.flaw(flaw))?;
    if flaws.is_empty() { Ok(()) } else { Err(Exit::Failure) }
}
