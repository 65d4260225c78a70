//! insmod: loads one module file, without configuration and without dependencies.

use std::path::Path;

use clap::Command;
use oxmod::context;
use oxmod::ops::insert::insert;

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, flag, ours};
use crate::cli::parameters::parameters;
use crate::report::{Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    let usage = "insmod [OPTIONS] FILE [PARAMETER=VALUE]...";
    options::table("insmod", "Load one kernel module from a file", usage)
        .arg(flag(Some('f'), "force", "Load despite version mismatches (may crash the machine)"))
        .args(options::syslog_and_verbose())
        .args([options::version(), options::help()])
        .args([
            ours(flag(None, "force-modversion", "Load even if symbol versions differ")),
            ours(flag(None, "force-vermagic", "Load even if the version magic differs")),
        ])
        .args([
            options::operand("FILE", "Module file"),
            options::operands("PARAMETER=VALUE", "Parameters of the module"),
        ])
}

/// Runs insmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Error);
    let common = options::common(invocation, &report)?;
    let Some(file) = common.operands.first() else {
        return Err(report.missing_file_name());
    };
    if file == "-" {
        return Err(report.no_standard_input());
    }
    let path = Path::new(file);
    context::names_file(path).map_err(|error| report.cannot_load_file(path, &error))?;
    let parameters = parameters(common.operands.get(1..).unwrap_or_default());
    let insertion =
        insert(path, &parameters, common.force).map_err(|error| report.cannot_insert_file(path, &error))?;
    report.inserted_file(path, insertion);
    Ok(())
}
