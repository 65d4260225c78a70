//! /sys/module, as bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{dir, file};
use crate::error::Result;

/// The directory of one module, existing or not.
pub fn module_dir(name: &[u8]) -> PathBuf {
    Path::new("/sys/module").join(OsStr::from_bytes(name))
}

/// The contents of one attribute of a module, such as `coresize` or `parameters/debug`.
pub fn attribute(module: &[u8], attribute: impl AsRef<Path>) -> Result<Vec<u8>> {
    file::read_text(&module_dir(module).join(attribute))
}

/// The names in a directory of a module, in the order in which the kernel lists them.
pub fn list(module: &[u8], subdirectory: &str) -> Result<Vec<OsString>> {
    dir::names(&module_dir(module).join(subdirectory))
}
