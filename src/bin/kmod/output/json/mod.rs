//! The output of `--json`: one document per run, in the format that oxmod-json(5) and oxmod-json.schema.json describe.
//!
//! This module owns the envelope and the items that several applets share; the items of a single applet are in its own
//! json.rs. Increase [`VERSION`] for any change except new members.
//!
//! A document is `{"oxmod": {...}, LIST: [...], ..., "messages": [...], "exit": N}` and a newline. Each item of the list is
//! written when it is known, so that thousands of modules need not be kept in memory. The document is completed even if
//! the command fails, unless standard output cannot be written to.

mod object;
pub mod step;

use std::os::unix::ffi::OsStrExt;

use oxmod::errno;
use oxmod::error::{Cause, Error};

use crate::output::stdout::Out;
use crate::report::{Outcome, Reason, Report};

pub use object::{Object, hex};

/// The version of all formats together.
const VERSION: u64 = 1;

/// The format of a document.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// The name of the member that holds the list.
    pub list: &'static str,
}

/// Writes a document whose list `fill` writes, and returns the outcome of `fill`. The document contains the messages that
/// are reported meanwhile.
pub fn write(format: Format, report: &Report, fill: impl FnOnce(&mut List) -> Outcome) -> Outcome {
    report.record();
    let envelope = Object::new().set("format", format.name).set("version", VERSION);
    let mut list = List { out: Out::open(), empty: true, more: Object::new() };
    let beginning = [b"{\"oxmod\":", &envelope.into_bytes()[..], b",\"", format.list.as_bytes(), b"\":["];
    list.out.line(&beginning.concat());
    let outcome = fill(&mut list);
    let messages = report.recorded().into_iter().map(|(level, text)| {
        Object::new().set("level", level.word().to_ascii_lowercase()).text("text", &text)
    });
    let tail = std::mem::take(&mut list.more)
        .objects("messages", messages)
        .set("exit", u8::from(outcome.is_err()))
        .into_bytes();
    list.out.line(&[b"],", tail.strip_prefix(b"{").unwrap_or(&tail), b"\n"].concat());
    list.out.conclude(outcome)
}

/// The `kind` of an `error` object, see oxmod-json(5).
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An operand does not stand for any module.
    NotFound,
    /// A module's file cannot be opened, or is not a module.
    Unreadable,
    /// The failure of an earlier operand ended the run.
    NotTried,
    /// There is no module with this name.
    Missing,
    /// The kernel returned an error.
    Refused,
    /// An install or remove command failed.
    Command,
    /// The module is already loaded.
    Loaded,
    /// The module is not loaded.
    NotLoaded,
    /// The module is built into the kernel.
    Builtin,
    /// The module is in use.
    InUse,
    /// The configuration forbids the module, or one that it depends on.
    Forbidden,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
            Self::NotTried => "not_tried",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Command => "command",
            Self::Loaded => "loaded",
            Self::NotLoaded => "not_loaded",
            Self::Builtin => "builtin",
            Self::InUse => "in_use",
            Self::Forbidden => "forbidden",
        }
    }
}

impl From<Reason> for Kind {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NotFound => Self::NotFound,
            #[cfg(feature = "meta")]
            Reason::NoDriver => Self::NotFound,
            Reason::NotTried => Self::NotTried,
            Reason::Missing => Self::Missing,
            Reason::NotLoaded => Self::NotLoaded,
            Reason::BuiltIn => Self::Builtin,
            Reason::InUse => Self::InUse,
            Reason::Forbidden => Self::Forbidden,
            Reason::CommandFailed | Reason::CommandRecursion => Self::Command,
        }
    }
}

/// Returns an `error` object for a reason.
pub fn failure(reason: Reason) -> Object {
    described(reason.into(), reason.text())
}

/// Returns an `error` object with another text.
fn described(kind: Kind, text: &str) -> Object {
    Object::new().set("kind", kind.word()).set("text", text)
}

/// Returns an `error` object for an errno.
pub fn system_failure(kind: Kind, errno: i32) -> Object {
    described(kind, &errno::strerror(errno)).set("errno", errno).set("code", errno::name(errno))
}

/// Returns an `error` object for a file: its path, the errno, and the reason if its contents are invalid.
pub fn file_failure(kind: Kind, error: &Error) -> Object {
    let object = system_failure(kind, error.errno());
    let object = match &error.cause {
        Cause::Io(_) => object,
        Cause::Format(reason) => object.set("reason", reason.to_string()),
    };
    let path = error.path.as_os_str().as_bytes();
    if path.is_empty() { object } else { object.text("path", path) }
}

/// The list of a document that is being written.
pub struct List {
    out: Out,
    empty: bool,
    /// The members of the document that follow the list.
    more: Object,
}

impl List {
    /// Sets the members that follow the list.
    pub fn add_members(&mut self, members: Object) {
        self.more = members;
    }

    /// Writes the next item, for a caller that continues after an error. [`write()`] returns the error.
    #[cfg(feature = "coldplug")]
    pub fn line(&mut self, item: Object) {
        let _ = self.push(item);
    }

    /// Writes the next item.
    ///
    /// Errors: this write or an earlier one failed.
    pub fn push(&mut self, item: Object) -> Outcome {
        if !std::mem::take(&mut self.empty) {
            self.out.bytes(b",")?;
        }
        self.out.bytes(&item.into_bytes())
    }
}
