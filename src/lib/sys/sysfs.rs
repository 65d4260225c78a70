//! Files in /sys/module.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{dir, file};
use crate::error::Result;

/// The directory of a module, which may not exist.
pub fn module_dir(name: &[u8]) -> PathBuf {
    Path::new("/sys/module").join(OsStr::from_bytes(name))
}

/// Reads an attribute of a module, such as `coresize` or `parameters/debug`.
pub fn attribute(module: &[u8], attribute: impl AsRef<Path>) -> Result<Vec<u8>> {
    file::read_text(&module_dir(module).join(attribute))
}

/// The names in a subdirectory of a module, in the order in which the kernel lists them.
pub fn list(module: &[u8], subdirectory: &str) -> Result<Vec<OsString>> {
    dir::names(&module_dir(module).join(subdirectory))
}
