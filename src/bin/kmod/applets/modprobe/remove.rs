//! modprobe -r: removes modules, shows what it would remove, and reports why one stays.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use oxmod::ops::remove::{self, RemoveRequest};

use super::load::Loader;
use super::view::{View, Watcher};
use crate::report::{Exit, Level, Outcome};

/// Removes every operand in turn. What cannot be removed ends the run, except that a kernel's refusal
/// lets the next operand have its try, and so does everything with `-q`.
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

/// Whether it worked; an error ends the run.
fn one(loader: &Loader<'_>, operand: &OsString, view: &mut dyn View) -> Result<bool, Exit> {
    let settings = loader.settings;
    view.operand(operand);
    let found = loader.context.lookup(operand.as_bytes()).unwrap_or_default();
    if found.is_empty() {
        view.not_found(None);
        return loader.report.not_found(operand).map(|()| false);
    }
    let request = RemoveRequest::new()
        .ignore_commands(settings.ignore_commands)
        .holders(settings.holders)
        .first_time(settings.first_time)
        .lenient(!loader.report.shows(Level::Fatal));
    for module in &found {
        view.unwanted(module);
        let mut watcher = Watcher::new(view, loader.report, &[], 0);
        let result = remove::remove(loader.context, loader.executor, module, request, &mut watcher);
        if let Err(error) = result {
            view.stays(&error);
            return loader.report.not_removed(&error).map(|()| false);
        }
    }
    Ok(true)
}
