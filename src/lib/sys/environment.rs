//! The environment that a process inherits from its parent: environment variables and the working directory.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Returns the value of an environment variable; `None` if it is not set.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns the working directory as an absolute path.
///
/// Errors: it does not exist any more, or a directory above it cannot be read.
pub fn current_dir() -> io::Result<PathBuf> {
    std::env::current_dir()
}
