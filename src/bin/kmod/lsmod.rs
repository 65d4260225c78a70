//! lsmod, which is also `kmod list`: the loaded modules, as a table or as JSON.

use std::ffi::OsString;

use clap::Command;
use oxmod::error::{Cause, Error};
use oxmod::ops::loaded::{self, Loaded};

use crate::applet::Invocation;
use crate::json;
use crate::options;
use crate::report::{Exit, Level, Outcome, Report, errno_text, verbatim_path};
use crate::stdout::Out;

/// The table of options.
pub fn command() -> Command {
    options::table("lsmod", "List the loaded kernel modules", "lsmod [OPTIONS]")
        .args(options::syslog_and_verbose())
        .args([options::json(), options::version(), options::help()])
}

/// Runs lsmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Error);
    let common = options::common(invocation, &report)?;
    if common.json {
        return json::lsmod::answer(&report, || modules(&common.operands, &report));
    }
    let modules = modules(&common.operands, &report)?;
    let mut out = Out::open();
    out.bytes(b"Module                  Size  Used by\n")?;
    for module in &modules {
        line(module, &mut out, &report)?;
    }
    out.finish()
}

fn modules(operands: &[OsString], report: &Report) -> Result<Vec<Loaded>, Exit> {
    if !operands.is_empty() {
        report.error(format_args!("too many arguments provided."));
        return Err(Exit::Failure);
    }
    loaded::list().map_err(|error| {
        let why = errno_text(&error);
        report.error(format_args!("could not open {}: {why}", verbatim_path(&error.path)));
        report.error(format_args!("could not get list of modules: {why}"));
        Exit::Failure
    })
}

/// One row. A figure that is not to be had is shown as its negative errno, as kmod does.
fn line(module: &Loaded, out: &mut Out, report: &Report) -> Outcome {
    let count = module.count.as_ref().map_or_else(
        |error| {
            unreadable_count(error, report);
            -i64::from(error.errno())
        },
        |count| *count,
    );
    let size = module.size.as_ref().map_or_else(
        |error| {
            unreadable_size(error, report);
            if matches!(error.cause, Cause::Format(_)) { 0 } else { -i64::from(error.errno()) }
        },
        |size| *size,
    );
    out.bytes(&module.name)?;
    let padding = 19_usize.saturating_sub(module.name.len());
    out.print(format_args!("{:padding$} {size:8}  {count}", ""))?;
    match &module.holders {
        Ok(holders) => {
            for (index, holder) in holders.iter().enumerate() {
                out.bytes(if index == 0 { b" " } else { b"," })?;
                out.bytes(holder)?;
            }
        }
        Err(error) => unreadable_holders(error, report),
    }
    out.bytes(b"\n")
}

/// What is said when the use count of a module is no number; that there is none is no news.
pub fn unreadable_count(error: &Error, report: &Report) {
    if error.errno() != libc::ENOENT {
        let (path, why) = (verbatim_path(&error.path), errno_text(error));
        report.error(format_args!("could not read integer from '{path}': '{why}'"));
    }
}

/// The same of its size.
pub fn unreadable_size(error: &Error, report: &Report) {
    if matches!(error.cause, Cause::Format(_)) {
        let dir = error.path.parent().unwrap_or(&error.path);
        report.error(format_args!("failed to read coresize from {}", verbatim_path(dir)));
    }
}

/// What is said when the holders of a module cannot be listed.
pub fn unreadable_holders(error: &Error, report: &Report) {
    report.error(format_args!("could not open '{}': {}", verbatim_path(&error.path), errno_text(error)));
}

/// Names, separated by blanks.
pub fn join(names: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
    names.join(&b' ')
}
