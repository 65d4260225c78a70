//! /proc, as bytes.

use std::path::Path;

use super::file;
use crate::error::Result;

/// The kernel's table of loaded modules. Absent in a kernel without loadable modules.
pub const MODULES: &str = "/proc/modules";

/// The contents of [`MODULES`].
pub fn modules() -> Result<Vec<u8>> {
    file::read(Path::new(MODULES))
}
