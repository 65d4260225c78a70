//! The device nodes that load a module when they are opened, which modules.devname lists.
//!
//! This module reads the list, and writes the output of `kmod static-nodes` to a file. It must not know the output
//! formats.

use std::io;
use std::path::Path;

use bstr::ByteSlice;

use crate::error::{Error, Result};
use crate::sys::{file, publish};

pub use crate::formats::index::text::DeviceNode;

/// The name of the file that lists the nodes.
pub const FILE_NAME: &str = "modules.devname";

/// The device nodes of a module directory.
#[derive(Debug)]
pub struct StaticNodes(Vec<u8>);

impl StaticNodes {
    /// Reads the list of the module directory `dir`; `None` if there is no such list.
    ///
    /// Errors: the list cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        match publish::read(&dir.join(FILE_NAME), file::read) {
            Ok(text) => Ok(Some(Self(text))),
            Err(error) if error.errno() == libc::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the nodes in order. A malformed line is an error, which contains the line.
    pub fn iter(&self) -> impl Iterator<Item = std::result::Result<DeviceNode<'_>, &[u8]>> {
        let lines = self.0.lines().filter(|line| !line.starts_with(b"#"));
        lines.map(|line| DeviceNode::parse(line).ok_or(line))
    }
}

/// The reason why the output was not written to a file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The directory for the file could not be created.
    #[error(transparent)]
    Parent(Error),
    /// The file could not be created.
    #[error(transparent)]
    Create(io::Error),
    /// A write failed.
    #[error(transparent)]
    Write(io::Error),
}

/// Writes `text` to `path`, creating directories as necessary. An existing file is overwritten and not replaced by a new
/// one, because it may be a pipe or a device.
///
/// Errors: those of [`WriteError`].
pub fn write(path: &Path, text: &[u8]) -> std::result::Result<(), WriteError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        publish::create_dir(parent).map_err(WriteError::Parent)?;
    }
    let file = file::create(path).map_err(WriteError::Create)?;
    file::write_all(&file, text).map_err(WriteError::Write)
}
