//! The steps of a plan, and the errors of steps, as JSON.

use std::os::unix::ffi::OsStrExt;

use oxmod::ops::ModuleError;
use oxmod::ops::command::CommandError;
use oxmod::ops::probe::{Action, Step};

use super::{Kind, Object, described, failure, file_failure, system_failure};
use crate::report::Reason;

/// Returns the object for a step.
pub fn step(step: &Step) -> Object {
    let object = Object::new().text("module", &step.module);
    let object = match &step.action {
        Action::Insert(path) => object.set("action", "insert").text("path", path.as_os_str().as_bytes()),
        Action::Install(command) => object.set("action", "install").text("command", command),
        Action::BuiltIn => object.set("action", "builtin"),
        Action::Missing => object.set("action", "missing"),
    };
    object
        .text("options", step.options.trim_ascii_end())
        .set("required", step.required)
        .set("requested", step.requested)
        .set("loaded", step.loaded)
}

/// Returns the `error` object for a module that was not loaded or not removed.
pub fn failure_of(error: &ModuleError) -> Object {
    let object = match error {
        ModuleError::NotFound { .. } => failure(Reason::Missing),
        ModuleError::AlreadyLoaded { .. } => system_failure(Kind::Loaded, error.errno()),
        ModuleError::NotLoaded { .. } => failure(Reason::NotLoaded),
        ModuleError::BuiltIn { .. } => failure(Reason::BuiltIn),
        ModuleError::InUse { .. } => failure(Reason::InUse),
        ModuleError::Kernel { errno, path, .. } => {
            let object = system_failure(Kind::Refused, *errno);
            match path {
                Some(path) => object.text("path", path.as_os_str().as_bytes()),
                None => object,
            }
        }
        ModuleError::File { error, .. } => file_failure(Kind::Unreadable, error),
        ModuleError::Command { error, .. } => match error {
            CommandError::Status(command, status) => {
                failure(Reason::CommandFailed).set("status", *status).text("command", command)
            }
            CommandError::Recursion(command) => failure(Reason::CommandRecursion).text("command", command),
        },
        ModuleError::Forbidden { forbidden, .. } => {
            let object = failure(Reason::Forbidden).text("module", &forbidden.module);
            return match &forbidden.reason {
                Some(reason) => object.text("reason", reason),
                None => object,
            };
        }
        other => described(Kind::Refused, &other.to_string()).set("errno", other.errno()),
    };
    object.text("module", error.module())
}
