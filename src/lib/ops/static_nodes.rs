//! The device nodes whose first use loads a module: those of modules.devname.
//!
//! Owns which file they are read from and how the answer is written to a file. Must not know any form of the answer.

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
    /// Reads those of the module directory `dir`; `None` if it has no list of them.
    ///
    /// Errors: the list cannot be read.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        match publish::read(&dir.join(FILE_NAME), file::read) {
            Ok(text) => Ok(Some(Self(text))),
            Err(error) if error.errno() == libc::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The nodes in their order. A line that describes none is an error, as it is written.
    pub fn iter(&self) -> impl Iterator<Item = std::result::Result<DeviceNode<'_>, &[u8]>> {
        let lines = self.0.lines().filter(|line| !line.starts_with(b"#"));
        lines.map(|line| DeviceNode::parse(line).ok_or(line))
    }
}

/// Why an answer was not written to a file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The directory for the file could not be created.
    #[error(transparent)]
    Parent(Error),
    /// The file could not be created.
    #[error(transparent)]
    Create(io::Error),
    /// Not everything could be written.
    #[error(transparent)]
    Write(io::Error),
}

/// Writes `text` to `path`, creating directories as necessary: in place rather than by renaming, since the file may be a
/// pipe or a device.
///
/// Errors: those of [`WriteError`].
pub fn write(path: &Path, text: &[u8]) -> std::result::Result<(), WriteError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        publish::create_dir(parent).map_err(WriteError::Parent)?;
    }
    let file = file::create(path).map_err(WriteError::Create)?;
    file::write_all(&file, text).map_err(WriteError::Write)
}
