//! The environment that a process inherits from its parent: environment variables and the working directory.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::dir::identity;

/// Returns the value of an environment variable; `None` if it is not set.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Returns the working directory as an absolute path: the value of `PWD` if it is an absolute path of this directory, even
/// through a link; otherwise the path without links.
///
/// Errors: it does not exist any more, or a directory above it cannot be read.
pub fn current_dir() -> io::Result<PathBuf> {
    let is_here = |path: &PathBuf| {
        path.is_absolute()
            && matches!((identity(path), identity(Path::new("."))), (Ok(one), Ok(other)) if one == other)
    };
    match variable("PWD").map(PathBuf::from).filter(is_here) {
        Some(path) => Ok(path),
        None => std::env::current_dir(),
    }
}
