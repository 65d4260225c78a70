//! `kmod meta`: makes, shows, searches and checks a meta.pb.

mod source;
mod text;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Command;
use oxmod::error::FormatError;
use oxmod::meta::Meta;
use oxmod::name;
use oxmod::notice::Notice;
use oxmod::ops::depmod as op;
use oxmod::ops::meta::{self as check, Flaw, Listed};
use oxmod::sys::fileset;

use crate::applet::Invocation;
use crate::options::{self, Options, help_text, value};
use crate::report::progress::Progress;
use crate::report::{self, Exit, Level, Outcome, Report, verbatim};
use crate::stdout::Out;

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
            options::help(),
        ])
        .after_help(
            "build makes the file of the modules themselves, show prints what is in it, lookup prints the modules for\n\
             a device, and verify says what is wrong with it, by itself and against the modules.",
        )
}

/// Runs `kmod meta`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let mut source = Source::default();
    let mut argv = Options::anywhere(invocation);
    while let Some(option) = argv.next()? {
        source.take(option.id, option.value.unwrap_or_default());
    }
    let mut operands = argv.operands();
    if operands.is_empty() {
        report::bare(format_args!("missing command"));
        return help(invocation);
    }
    let task = operands.remove(0);
    match (task.to_str(), operands.as_slice()) {
        (Some("lookup"), []) => Err(report.no_modalias()),
        (Some("lookup"), _) => lookup(&source, &operands, &report),
        (Some("build" | "show" | "verify"), [_, surplus, ..]) => Err(report.surplus_operand(surplus)),
        (Some("build"), version) => build(&source.of(version.first()), &report),
        (Some("show"), version) => show(&source.of(version.first()), &report),
        (Some("verify"), version) => verify(&source.of(version.first()), &report),
        _ => {
            report::bare(format_args!("invalid command '{}'", verbatim(task.as_encoded_bytes())));
            help(invocation)
        }
    }
}

fn help(invocation: &Invocation) -> Outcome {
    let mut out = Out::open();
    out.bytes(help_text(&invocation.command).as_bytes())?;
    out.finish()?;
    Err(Exit::Failure)
}

/// What the file would be if it were made now.
fn fresh(source: &Source, report: &Report) -> Result<Vec<u8>, Exit> {
    let progress = Progress::new("kmod: reading modules");
    let sink = |notice: &Notice| {
        if !progress.takes(notice) {
            report.library(notice);
        }
    };
    let dir = source.dir(report)?;
    let release = source.release(report)?;
    let config = op::Config { depmod: source.depmod_config(&sink), ..op::Config::default() };
    let tree = op::Tree { dir: &dir, out: &dir, release: release.as_bytes(), given: None };
    op::meta(&tree, &config, &sink).map_err(|failure| report.no_output(&dir, &failure))
}

fn build(source: &Source, report: &Report) -> Outcome {
    let bytes = fresh(source, report)?;
    let path = source.target(report)?;
    if path == Path::new("-") {
        let mut out = Out::open();
        out.bytes(&bytes)?;
        return out.finish();
    }
    fileset::replace(&path, &bytes).map_err(|error| report.unwritten(&error))
}

/// Reads the file and hands it to `then`; an error of the format is one of the file.
fn with_meta(
    source: &Source,
    report: &Report,
    then: impl FnOnce(&Meta) -> Result<Outcome, FormatError>,
) -> Outcome {
    let (path, bytes) = source.read(report)?;
    Meta::open(Box::new(bytes))
        .and_then(|meta| then(&meta))
        .unwrap_or_else(|error| Err(report.bad_meta(&path, &error)))
}

fn show(source: &Source, report: &Report) -> Outcome {
    with_meta(source, report, |meta| {
        let listed = Listed::all(meta)?;
        let mut out = Out::open();
        let printed = listed.iter().try_for_each(|module| out.bytes(&text::module(module)));
        Ok(printed.and_then(|()| out.finish()))
    })
}

/// A line for each module that serves one of the devices, by name.
fn lookup(source: &Source, modaliases: &[OsString], report: &Report) -> Outcome {
    with_meta(source, report, |meta| {
        let mut answers = Vec::new();
        for modalias in modaliases {
            // What is no alias matches nothing.
            let key = name::normalize_alias(modalias.as_bytes());
            answers.push(key.map_or_else(|_| Ok(Vec::new()), |key| check::serving(meta, &key))?);
        }
        Ok(print_answers(modaliases, &answers, report))
    })
}

fn print_answers(modaliases: &[OsString], answers: &[Vec<Vec<u8>>], report: &Report) -> Outcome {
    let mut out = Out::open();
    for name in answers.iter().flatten() {
        out.bytes(&[name.as_slice(), b"\n"].concat())?;
    }
    out.finish()?;
    let unanswered = modaliases.iter().zip(answers).filter(|(_, found)| found.is_empty());
    unanswered.map(|(modalias, _)| report.no_module_for(modalias)).last().map_or(Ok(()), Err)
}

fn verify(source: &Source, report: &Report) -> Outcome {
    let (path, bytes) = source.read(report)?;
    let flaws = flaws(&path, bytes, || fresh(source, report), report)?;
    let mut out = Out::open();
    flaws.iter().try_for_each(|flaw| out.bytes(&report::meta::flaw(flaw)))?;
    out.finish()?;
    if flaws.is_empty() { Ok(()) } else { Err(Exit::Failure) }
}

fn flaws(
    path: &Path,
    bytes: Vec<u8>,
    fresh: impl FnOnce() -> Result<Vec<u8>, Exit>,
    report: &Report,
) -> Result<Vec<Flaw>, Exit> {
    let bad = |error: FormatError| report.bad_meta(path, &error);
    let unindexed = Meta::open_unindexed(Box::new(bytes.clone())).map_err(bad)?;
    let meta = Meta::open(Box::new(bytes)).map_err(bad)?;
    let flaws = check::check(&meta, &unindexed).map_err(bad)?;
    // Positions that are wrong would mislead the comparison.
    if !flaws.is_empty() {
        return Ok(flaws);
    }
    let fresh = Meta::open(Box::new(fresh()?)).map_err(bad)?;
    check::compare(&meta, &fresh).map_err(bad)
}
