//! modprobe -r: removes modules, or shows what would be removed, and reports failures.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use oxmod::ops::remove::{self, RemoveRequest};

use super::load::Loader;
use super::view::{Reporter, View};
use crate::report::{Exit, Outcome};

/// Removes the modules of all operands, one after another. A failure ends the run, unless it is an error of the kernel or
/// `-a` or `-q` is given; then the next operand is tried.
pub fn all(loader: &Loader<'_>, operands: &[OsString], view: &mut dyn View) -> Outcome {
    let mut outcome = Ok(());
    for operand in operands {
        match one(loader, operand, view) {
            Ok(true) => {}
            Ok(false) => outcome = Err(Exit::Failure),
            Err(exit) => return Err(exit),
        }
    }
    outcome
}

/// Removes the modules of one operand; returns whether it succeeded. An error ends the run.
fn one(loader: &Loader<'_>, operand: &OsString, view: &mut dyn View) -> Result<bool, Exit> {
    let settings = loader.settings;
    view.operand(operand);
    let found = remove::candidates(loader.context, operand.as_bytes()).unwrap_or_default();
    if found.is_empty() {
        view.not_found(None);
        return loader.report.not_found(operand).map(|()| false);
    }
    let request = RemoveRequest::new()
        .ignore_commands(settings.ignore_commands)
        .holders(settings.holders)
        .first_time(settings.first_time)
        .lenient(!loader.report.ends_at_failure());
    for module in &found {
        view.removing_module(module);
        let mut observer = Reporter::new(view, loader.report, &[], 0);
        let result = remove::remove(loader.context, loader.executor, module, request, &mut observer);
        if let Err(error) = result {
            view.not_removed(&error);
            return loader.report.not_removed(&error).map(|()| false);
        }
    }
    Ok(true)
}
