//! The description of an image's files that Monogon's builders read: a message `osbase.build.fsspec.FSSpec` as prototext.
//!
//! `file { path, source_path, mode }`, `symbolic_link { path, target_path }`; owners are 0 and are left out, as are fields
//! of no content. Directories come with what is in them.

use std::fmt;
use std::io::Write as _;

use bstr::ByteSlice;

use crate::error::FormatError;

/// The text under construction.
#[derive(Debug, Default)]
pub struct Spec {
    text: Vec<u8>,
}

impl Spec {
    /// Adds a file: where it is to be, where it is now, its permissions.
    ///
    /// Errors: malformed for a path that is not UTF-8, which a message cannot hold.
    pub fn file(&mut self, path: &[u8], source: &[u8], mode: u32) -> Result<(), FormatError> {
        let (path, source) = (quoted(path)?, quoted(source)?);
        // A buffer takes everything.
        let _ = write!(self.text, "file {{\n  path: {path}\n  source_path: {source}\n  mode: {mode}\n}}\n");
        Ok(())
    }

    /// Adds a symbolic link.
    ///
    /// Errors: as those of [`Spec::file`].
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), FormatError> {
        let (path, target) = (quoted(path)?, quoted(target)?);
        let _ = write!(self.text, "symbolic_link {{\n  path: {path}\n  target_path: {target}\n}}\n");
        Ok(())
    }

    /// The whole text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text
    }
}

/// A string of prototext.
fn quoted(text: &[u8]) -> Result<String, FormatError> {
    let valid = text.to_str().map_err(|_| {
        FormatError::malformed(format!("'{}' is not UTF-8, which fsspec requires", text.escape_ascii()))
    })?;
    let mut out = String::from("\"");
    for letter in valid.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            // In octal, always of three digits: what follows may be a digit.
            letter if letter.is_ascii_control() => {
                // A string takes everything.
                let _ = fmt::Write::write_fmt(&mut out, format_args!("\\{:03o}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    Ok(out)
}
