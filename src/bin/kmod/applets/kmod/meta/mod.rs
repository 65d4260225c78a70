//! `kmod meta`: builds, shows, searches and checks a meta.pb.

mod json;
mod text;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Command;
use oxmod::context::depmod_config;
use oxmod::error::Error;
use oxmod::notice::Sink;
use oxmod::ops::depmod as op;
use oxmod::ops::meta_check::{DeviceModule, Flaw, ListedModule};
use oxmod::ops::meta_file::{self, MetaFile, path_in};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, help_text, value};
use crate::cli::own_options;
use crate::cli::target::Target;
use crate::output::stdout::Out;
use crate::report::progress::Progress;
use crate::report::{self, Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod meta build [OPTIONS] [RELEASE]\n       kmod meta show [OPTIONS] [RELEASE]\n       \
                 kmod meta lookup [OPTIONS] MODALIAS...\n       kmod meta verify [OPTIONS] [RELEASE]";
    let meta = "Use this meta.pb [default: the one in the module directory, or in its parent]";
    let output = "Write to FILE, or - for standard output (with build) [default: in the module directory]";
    options::table("meta", "Build, show, search and check a meta.pb", usage)
        .args(own_options::target())
        .args([options::meta().help(meta), value(Some('o'), "output", "FILE", output), options::json()])
        .args(options::syslog_and_verbose())
        .arg(options::help())
        .after_help(
            "Commands:\n  build   Read the modules and write their meta.pb\n  show    Print the contents of a meta.pb\n  \
             lookup  Print the modules for a device\n  \
             verify  Check a meta.pb, by itself and against the modules\n\n\
             The operand RELEASE is the same as --set-version RELEASE.",
        )
}

/// A task that reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Print the contents.
    Show,
    /// Print the modules for a device.
    Lookup,
    /// Print the defects.
    Verify,
}

/// Shows the result of a task: as text, or in a document.
pub trait View {
    /// Called first, with the path of the file and the kernel's release, if the file contains it.
    fn begin(&mut self, file: &Path, release: Option<&[u8]>);
    /// Shows a module of the file.
    fn module(&mut self, module: &ListedModule<'_>) -> Outcome;
    /// Shows the modules for a device.
    fn found(&mut self, modalias: &OsStr, modules: &[DeviceModule]) -> Outcome;
    /// Shows a defect of the file.
    fn flaw(&mut self, flaw: &Flaw) -> Outcome;
}

/// The values of the options.
#[derive(Default)]
struct Settings {
    target: Target,
    output: Option<PathBuf>,
    json: bool,
}

impl Settings {
    fn take(&mut self, id: &str, value: OsString, report: &Report) -> Outcome {
        match id {
            "output" if value.is_empty() => return Err(report.empty_value(id)),
            "output" => self.output = Some(value.into()),
            "json" => self.json = true,
            "syslog" => report.use_syslog(),
            id if self.target.take(id, &value, report)? => {}
            _ => report.louder(),
        }
        Ok(())
    }

    /// Checks that the options are valid for a task; `None` stands for `build`.
    fn check(&self, task: Option<Task>, report: &Report) -> Outcome {
        match task {
            None if self.json => Err(report.not_with("--json", "build")),
            None if self.target.meta.is_some() => Err(report.not_with("--meta", "build")),
            Some(_) if self.output.is_some() => Err(report.only_with("--output", "build")),
            _ => Ok(()),
        }
    }

    fn module_dir(&self, report: &Report) -> Result<PathBuf, Exit> {
        self.target.module_dir().map_err(|error| report.no_module_directory(&error))
    }

    fn release(&self, report: &Report) -> Result<OsString, Exit> {
        self.target.release().map_err(|error| report.no_module_directory(&error))
    }
}

/// Runs `kmod meta`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let mut settings = Settings::default();
    let mut argv = Options::anywhere(invocation);
    while let Some(option) = argv.next()? {
        settings.take(option.id, option.value.unwrap_or_default(), &report)?;
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
        (Some(Task::Lookup), _) | (_, []) => {}
        (_, [_, surplus, ..]) => return Err(report.surplus_operand(surplus)),
        (_, [release]) => settings.target.release = Some(release.clone()),
    }
    settings.check(task, &report)?;
    match task {
        None => build(&settings, &report),
        Some(task) if settings.json => {
            json::write(task, &report, |view| work(task, &settings, &operands, &report, view))
        }
        Some(task) => {
            let mut out = Out::open();
            let outcome = work(task, &settings, &operands, &report, &mut out);
            out.conclude(outcome)
        }
    }
}

fn help(invocation: &Invocation) -> Outcome {
    let mut out = Out::open();
    out.bytes(help_text(&invocation.command).as_bytes())?;
    out.finish()?;
    Err(Exit::Failure)
}

/// Returns the contents of the file, built from the modules in `dir`.
fn build_bytes(settings: &Settings, dir: &Path, release: &OsStr, report: &Report) -> Result<Vec<u8>, Exit> {
    let progress = Progress::new("kmod: reading modules");
    let sink = Sink::new({
        let report = report.clone();
        move |notice| {
            if !progress.handle(notice) {
                report.library(notice);
            }
        }
    });
    let options = op::DepmodOptions::new().config(depmod_config(&settings.target.config, &sink));
    let tree = op::ModuleTree { dir, out: dir, release: release.as_bytes(), given: None };
    op::meta(&tree, &options, &sink).map_err(|failure| report.no_output(&failure))
}

fn build(settings: &Settings, report: &Report) -> Outcome {
    let dir = settings.module_dir(report)?;
    let bytes = build_bytes(settings, &dir, &settings.release(report)?, report)?;
    let path = settings.output.clone().unwrap_or_else(|| path_in(&dir));
    if path == Path::new("-") {
        let mut out = Out::open();
        out.bytes(&bytes)?;
        return out.finish();
    }
    meta_file::write(&path, &bytes).map_err(|error| report.unwritten(&error))
}

fn work(
    task: Task,
    settings: &Settings,
    operands: &[OsString],
    report: &Report,
    view: &mut dyn View,
) -> Outcome {
    let unusable = |error| report.unreadable(&error);
    let file = match &settings.target.meta {
        Some(file) => MetaFile::open(file),
        None => MetaFile::find(&settings.module_dir(report)?),
    };
    let file = file.map_err(unusable)?;
    view.begin(file.path(), file.release().map_err(unusable)?);
    match task {
        Task::Show => file.modules().map_err(unusable)?.iter().try_for_each(|module| view.module(module)),
        Task::Lookup => lookup(&file, operands, &unusable, report, view),
        Task::Verify => verify(&file, settings, &unusable, report, view),
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
        let found = file.modules_for(modalias.as_bytes()).map_err(unusable)?;
        view.found(modalias, &found)?;
        if found.is_empty() {
            outcome = Err(report.no_module_for(modalias));
        }
    }
    outcome
}

fn verify(
    file: &MetaFile,
    settings: &Settings,
    unusable: &dyn Fn(Error) -> Exit,
    report: &Report,
    view: &mut dyn View,
) -> Outcome {
    let mut flaws = file.flaws().map_err(unusable)?;
    // With invalid positions, a comparison would be meaningless.
    if flaws.is_empty() {
        let expected = match file.found_above() {
            // The file contains the modules of all kernels in that directory, so there is no single release.
            Some(above) => build_bytes(settings, above, OsStr::new(""), report),
            None => build_bytes(settings, &settings.module_dir(report)?, &settings.release(report)?, report),
        };
        flaws = file.differences(expected?).map_err(unusable)?;
    }
    flaws.iter().try_for_each(|flaw| view.flaw(flaw))?;
    if flaws.is_empty() { Ok(()) } else { Err(Exit::Failure) }
}
