//! rmmod: removes modules, without configuration and without dependencies.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::ByteSlice;
use clap::Command;
use oxmod::context::loaded;
use oxmod::context::{self, ConfigSource, Context};
use oxmod::name;
use oxmod::ops::remove::by_kernel;

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, flag};
use crate::output::stdout::join;
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("rmmod", "Remove loaded kernel modules", "rmmod [OPTIONS] MODULE...")
        .arg(flag(Some('f'), "force", "Remove a module even if it is in use (may crash the machine)"))
        .args(options::syslog_and_verbose())
        .args([options::version(), options::help()])
        .arg(options::operands("MODULE", "Module name or file"))
}

/// Runs rmmod. If a module cannot be removed, the next ones are still tried.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Error);
    let common = options::common(invocation, &report)?;
    if common.operands.is_empty() {
        return Err(report.missing_module_name());
    }
    let force = common.force.vermagic && common.force.modversions;
    let mut outcome = Ok(());
    for operand in &common.operands {
        let module = module_name(operand);
        if module.is_empty() {
            report.names_no_module(operand);
            outcome = Err(Exit::Failure);
            continue;
        }
        if !force && !removable(&module, &report) {
            outcome = Err(Exit::Failure);
            continue;
        }
        if let Err(error) = by_kernel(module.as_bstr(), force) {
            report.cannot_remove(operand, &module, &error);
            outcome = Err(Exit::Failure);
        }
    }
    outcome
}

/// Returns the module name for an operand. For the path of an existing file, that is the file name up to its first dot;
/// for any other operand, everything up to the first dot, including slashes.
fn module_name(operand: &OsStr) -> Vec<u8> {
    if context::exists(Path::new(operand)).is_ok() {
        return name::from_path(operand.as_bytes()).into_owned();
    }
    let bytes = operand.as_bytes();
    let end = bytes.iter().position(|&byte| byte == b'.').unwrap_or(bytes.len());
    name::normalize(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Whether the kernel would remove the module; if not, the reason is reported.
fn removable(name: &[u8], report: &Report) -> bool {
    let dir = context::module_dir(None, None).unwrap_or_default();
    if Context::open(dir, &ConfigSource::Nothing, &report.sink()).is_builtin(name) {
        report.is_builtin(name);
        return false;
    }
    if !loaded::is_present(name) {
        report.is_not_loaded(name);
        return false;
    }
    match loaded::holders(name) {
        Ok(holders) if !holders.is_empty() => {
            report.is_in_use(name, Some(&join(&holders)));
            return false;
        }
        Ok(_) => {}
        Err(error) => report.unreadable_holders(&error),
    }
    let count = loaded::count(name);
    if loaded::is_absent(&count) {
        report.no_unloading();
    }
    match count {
        Ok(0) => true,
        Ok(count) if count > 0 => {
            report.is_in_use(name, None);
            false
        }
        Ok(_) => false,
        Err(error) => {
            report.unreadable_count(&error);
            false
        }
    }
}
