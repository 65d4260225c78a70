//! A step of a plan as a line of text.
//!
//! The format is kmod's: scripts and initramfs generators parse it.

use bstr::{BString, ByteSlice};
use oxmod::ops::probe::{Action, Step};

/// Returns the line for a step.
pub fn shown(step: &Step) -> BString {
    let (keyword, object): (&str, &[u8]) = match &step.action {
        Action::Insert(path) => ("insmod", path.as_os_str().as_encoded_bytes()),
        Action::Install(command) => ("install", command),
        Action::BuiltIn => return [b"builtin ", step.module.as_bytes(), b"\n"].concat().into(),
        Action::Missing => return BString::default(),
    };
    [keyword.as_bytes(), b" ", object, b" ", &step.options, b"\n"].concat().into()
}
