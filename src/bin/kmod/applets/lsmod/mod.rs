//! lsmod, which is also `kmod list`: the loaded modules, as a table or as JSON.

mod json;

use std::ffi::OsString;

use clap::Command;
use oxmod::context::loaded::{self, LoadedModule};
use oxmod::error::Cause;

use crate::cli::invocation::Invocation;
use crate::cli::options;
use crate::output::stdout::Out;
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("lsmod", "List the loaded kernel modules", "lsmod [OPTIONS]")
        .args(options::syslog_and_verbose())
        .args([options::ours(options::json()), options::version(), options::help()])
}

/// Runs lsmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Error);
    let common = options::common(invocation, &report)?;
    if common.json {
        return json::write(&report, || modules(&common.operands, &report));
    }
    let modules = modules(&common.operands, &report)?;
    let mut out = Out::open();
    out.bytes(b"Module                  Size  Used by\n")?;
    for module in &modules {
        line(module, &mut out, &report)?;
    }
    out.finish()
}

fn modules(operands: &[OsString], report: &Report) -> Result<Vec<LoadedModule>, Exit> {
    if !operands.is_empty() {
        return Err(report.too_many_arguments());
    }
    loaded::list().map_err(|error| report.no_table_of_modules(&error))
}

/// Writes one row. A number that cannot be read is shown as its negated errno, as kmod does.
fn line(module: &LoadedModule, out: &mut Out, report: &Report) -> Outcome {
    let count = module.count.as_ref().map_or_else(
        |error| {
            report.unreadable_count(error);
            -i64::from(error.errno())
        },
        |count| *count,
    );
    let size = module.size.as_ref().map_or_else(
        |error| {
            report.unreadable_size(error);
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
        Err(error) => report.unreadable_holders(error),
    }
    out.bytes(b"\n")
}
