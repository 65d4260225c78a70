//! The environment variables that change what the program does. It reads them only here.

use std::ffi::OsString;

use oxmod::sys::environment::variable;

/// The variable with additional options for modprobe, also for the modprobe of an install or remove command.
pub const MODPROBE_OPTIONS: &str = "MODPROBE_OPTIONS";

/// Returns the value of [`MODPROBE_OPTIONS`].
pub fn modprobe_options() -> Option<OsString> {
    variable(MODPROBE_OPTIONS)
}

/// `POSIXLY_CORRECT`: returns whether the first operand ends the options.
pub fn is_posixly_correct() -> bool {
    variable("POSIXLY_CORRECT").is_some()
}

/// `SOURCE_DATE_EPOCH`: returns whether equal input must produce equal output.
#[cfg(feature = "depmod")]
pub fn is_reproducible() -> bool {
    variable("SOURCE_DATE_EPOCH").is_some()
}

/// `HOME`: returns the directory that `~` stands for.
#[cfg(feature = "complete")]
pub fn home() -> Option<std::path::PathBuf> {
    variable("HOME").map(Into::into)
}
