//! The answers of `--json`: one document a run, of the form that oxmod-json(5) and oxmod-json.schema.json describe.
//!
//! Owns the envelope, and what several applets put into it; what only one of them answers is in its own json.rs. A change that only adds members keeps [`VERSION`], any other raises it.
//!
//! A document is `{"oxmod": {...}, LIST: [...], ..., "messages": [...], "exit": N}` and a newline. The list is written item
//! by item, so that thousands of modules need not be held; whatever fails, the document is completed, unless standard
//! output itself takes no more.

mod object;
pub mod step;

use std::os::unix::ffi::OsStrExt;

use oxmod::errno;
use oxmod::error::{Cause, Error};

use crate::output::stdout::Out;
use crate::report::{Outcome, Reason, Report};

pub use object::{Object, hex};

/// The version of all formats.
const VERSION: u64 = 1;

/// What a document is about: its format's name, and the name of its list.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The format's name.
    pub name: &'static str,
    /// The name of the list.
    pub list: &'static str,
}

/// Writes one document, whose list `fill` supplies, and passes its outcome on. From now on the report's messages stand
/// in the document too.
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

/// Why something failed: a word for programs, one of those that oxmod-json(5) lists.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An operand stands for no module.
    NotFound,
    /// A module's file cannot be opened, or is none.
    Unreadable,
    /// The failure of an earlier operand ended the run.
    NotTried,
    /// There is no module of this name.
    Missing,
    /// The kernel returned an error.
    Refused,
    /// A command of the configuration failed.
    Command,
    /// The module is loaded already.
    Loaded,
    /// The module is not loaded.
    NotLoaded,
    /// The module is part of the kernel.
    Builtin,
    /// Something uses the module.
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
            Reason::CommandFailed | Reason::CommandCircle => Self::Command,
        }
    }
}

/// An `error` object about what has a text of its own.
pub fn failure(reason: Reason) -> Object {
    described(reason.into(), reason.text())
}

/// An `error` object with a text that comes from elsewhere.
fn described(kind: Kind, text: &str) -> Object {
    Object::new().set("kind", kind.word()).set("text", text)
}

/// An `error` object about the system's answer.
pub fn system_failure(kind: Kind, errno: i32) -> Object {
    described(kind, &errno::strerror(errno)).set("errno", errno).set("code", errno::name(errno))
}

/// An `error` object about a file: the path, the errno, the reason where that lies in the file's bytes.
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
    /// What else the document says, behind the list.
    more: Object,
}

impl List {
    /// Adds members to the document itself.
    pub fn add_members(&mut self, members: Object) {
        self.more = members;
    }

    /// Writes the next item for a caller that has other work to do.
    pub fn line(&mut self, item: Object) {
        let _ = self.push(item);
    }

    /// Writes the next item.
    ///
    /// Errors: something could not be written, now or before.
    pub fn push(&mut self, item: Object) -> Outcome {
        if !std::mem::take(&mut self.empty) {
            self.out.bytes(b",")?;
        }
        self.out.bytes(&item.into_bytes())
    }
}
