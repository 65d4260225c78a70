//! The environment variables that the program itself reads: each of them here, and nowhere else.

use std::ffi::OsString;

use oxmod::sys::environment::variable;

/// The options that every modprobe of a process tree shares.
pub const MODPROBE_OPTIONS: &str = "MODPROBE_OPTIONS";

/// The value of [`MODPROBE_OPTIONS`].
pub fn modprobe_options() -> Option<OsString> {
    variable(MODPROBE_OPTIONS)
}

/// `POSIXLY_CORRECT`: whether the first operand ends the options.
pub fn is_posixly_correct() -> bool {
    variable("POSIXLY_CORRECT").is_some()
}

/// `SOURCE_DATE_EPOCH`: whether the same input is to make the same output.
#[cfg(feature = "depmod")]
pub fn is_reproducible() -> bool {
    variable("SOURCE_DATE_EPOCH").is_some()
}

/// `HOME`: the directory that `~` stands for.
#[cfg(feature = "complete")]
pub fn home() -> Option<std::path::PathBuf> {
    variable("HOME").map(Into::into)
}
