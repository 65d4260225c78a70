//! insmod: loads one file, without configuration and without dependencies.

use std::path::Path;

use clap::Command;
use oxmod::error::{Cause, Error};
use oxmod::ops::insert::{Force, insert};
use oxmod::sys::{errno, file};

use crate::applet::Invocation;
use crate::modprobe::parameters;
use crate::options::{self, flag};
use crate::report::{Exit, Level, Outcome, Report, io_text, verbatim_path};

/// The table of options.
pub fn command() -> Command {
    let usage = "insmod [OPTIONS] FILE [PARAMETER=VALUE]...";
    options::table("insmod", "Load one kernel module from a file", usage)
        .arg(flag(Some('f'), "force", "Load against the kernel's own checks (may crash the machine)"))
        .args(options::syslog_and_verbose())
        .args([options::version(), options::help()])
        .args([
            options::operand("FILE", "The module's file"),
            options::operands("PARAMETER=VALUE", "Parameters for the module"),
        ])
}

/// Runs insmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Error);
    let common = options::common(invocation, &report)?;
    let Some(file) = common.operands.first() else {
        report.error(format_args!("missing filename."));
        return Err(Exit::Failure);
    };
    if file == "-" {
        report.error(format_args!("this tool does not support loading from stdin!"));
        return Err(Exit::Failure);
    }
    let path = Path::new(file);
    if let Err(error) = file::exists(path) {
        let why = io_text(&error);
        report.error(format_args!("could not load module {}: {why}", verbatim_path(path)));
        return Err(Exit::Failure);
    }
    let parameters = parameters(common.operands.get(1..).unwrap_or_default());
    let force = Force { vermagic: common.force, modversions: common.force };
    let sink = |notice: &_| report.library(notice);
    insert(path, &parameters, force, &sink).map_err(|error| {
        let why = refusal(&error);
        report.error(format_args!("could not insert module {}: {why}", verbatim_path(path)));
        Exit::Failure
    })
}

/// What the kernel's answer means for a module.
fn refusal(error: &Error) -> String {
    let text = match error.errno() {
        libc::ENOEXEC => "Invalid module format".to_owned(),
        libc::ENOENT => "Unknown symbol in module".to_owned(),
        libc::ESRCH => "Module has wrong symbol version".to_owned(),
        libc::EINVAL => "Invalid parameters".to_owned(),
        errno => errno::strerror(errno),
    };
    match &error.cause {
        Cause::Io(_) => text,
        Cause::Format(reason) => format!("{} ({reason})", errno::strerror(error.errno())),
    }
}
