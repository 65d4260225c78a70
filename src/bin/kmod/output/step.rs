//! The line of text that stands for a step of a plan.
//!
//! Scripts and builders of initial file systems parse it; its form is kmod's.

use bstr::{BString, ByteSlice};
use oxmod::ops::probe::{Action, Step};

/// The line that stands for a step.
pub fn shown(step: &Step) -> BString {
    let (keyword, object): (&str, &[u8]) = match &step.action {
        Action::Insert(path) => ("insmod", path.as_os_str().as_encoded_bytes()),
        Action::Install(command) => ("install", command),
        Action::BuiltIn => return [b"builtin ", step.module.as_bytes(), b"\n"].concat().into(),
        Action::Missing => return BString::default(),
    };
    [keyword.as_bytes(), b" ", object, b" ", &step.options, b"\n"].concat().into()
}
