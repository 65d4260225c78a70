//! The list of files from which the kernel's `gen_init_cpio` makes an initramfs, one entry per line.
//!
//! The lines are `dir NAME MODE UID GID`, `file NAME LOCATION MODE UID GID` and `slink NAME TARGET MODE UID GID`. A
//! word cannot be quoted, and `${` in a location is replaced by an environment variable, so paths that would need
//! quoting cannot be written.

use std::collections::BTreeSet;
use std::io::Write as _;

use bstr::{BString, ByteSlice};

use crate::error::FormatError;

/// The permissions of directories.
const DIR_MODE: u32 = 0o755;

/// The text under construction.
#[derive(Debug, Default)]
pub struct CpioList {
    text: Vec<u8>,
    directories: BTreeSet<BString>,
}

impl CpioList {
    /// Adds a file and its parent directories. `path` is its path in the image, `source` its current path, `mode` its
    /// permissions.
    ///
    /// Errors: malformed for a path that the format cannot represent.
    pub fn file(&mut self, path: &[u8], source: &[u8], mode: u32) -> Result<(), FormatError> {
        if source.contains_str("${") {
            return Err(unfit(source));
        }
        self.entry("file", path, source, mode)
    }

    /// Adds a symbolic link and its parent directories.
    ///
    /// Errors: those of [`CpioList::file`].
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), FormatError> {
        self.entry("slink", path, target, 0o777)
    }

    /// The whole text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    fn entry(&mut self, kind: &str, path: &[u8], second: &[u8], mode: u32) -> Result<(), FormatError> {
        let (path, second) = (word(path)?, word(second)?);
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for above in slashes.skip(1).filter_map(|slash| path.get(..slash)) {
            if self.directories.insert(above.into()) {
                // Writing to a vector cannot fail, here and below.
                let _ = self.text.write_all(&[b"dir ", above].concat());
                let _ = writeln!(self.text, " {DIR_MODE:o} 0 0");
            }
        }
        let _ = self.text.write_all(&[kind.as_bytes(), b" ", path, b" ", second].concat());
        let _ = writeln!(self.text, " {mode:o} 0 0");
        Ok(())
    }
}

fn word(text: &[u8]) -> Result<&[u8], FormatError> {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b);
    if text.is_empty() || text.iter().any(blank) { Err(unfit(text)) } else { Ok(text) }
}

fn unfit(text: &[u8]) -> FormatError {
    FormatError::malformed(format!("'{}' cannot be written to a list for gen_init_cpio", text.escape_ascii()))
}
