//! Steps of a plan as JSON, and why one failed.

use std::os::unix::ffi::OsStrExt;

use oxmod::error::Cause;
use oxmod::ops::command;
use oxmod::ops::probe::{Action, Failure, Step};

use super::{Kind, Object, failure, file_failure, system_failure};

/// A step of a plan.
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

/// Why a step could not be taken.
pub fn reason(why: &Failure) -> Object {
    match why {
        Failure::Missing => failure(Kind::Missing, "There is no such module"),
        Failure::Loaded => system_failure(Kind::Loaded, libc::EEXIST),
        Failure::Command(why) => {
            let (command::Failure::Status(command, _) | command::Failure::Circle(command)) = why;
            of_command(why).text("command", command)
        }
        Failure::Refused(error) => match error.cause {
            Cause::Io(_) => file_failure(Kind::Refused, error),
            Cause::Format(_) => file_failure(Kind::Unreadable, error),
        },
    }
}

/// Why a command did not succeed.
pub fn of_command(why: &command::Failure) -> Object {
    match why {
        command::Failure::Status(_, status) => {
            failure(Kind::Command, "The command failed").set("status", *status)
        }
        command::Failure::Circle(_) => failure(Kind::Command, "The command runs inside itself"),
    }
}
