//! Files in /proc.

use std::path::Path;

use super::file;
use crate::error::Result;

/// The kernel's table of loaded modules. Does not exist in a kernel without support for loadable modules.
pub const MODULES: &str = "/proc/modules";

/// Reads [`MODULES`].
pub fn modules() -> Result<Vec<u8>> {
    file::read(Path::new(MODULES))
}
