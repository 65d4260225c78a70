//! The description of an image's files for Monogon's builders: a message `osbase.build.fsspec.FSSpec` as prototext.
//!
//! The entries are `file { path, source_path, mode }` and `symbolic_link { path, target_path }`. Owners, which are
//! always 0, and empty fields are left out. Directories are created implicitly.

use std::fmt;
use std::io::Write as _;

use bstr::ByteSlice;

use crate::error::FormatError;

/// The text under construction.
#[derive(Debug, Default)]
pub struct FsSpec {
    text: Vec<u8>,
}

impl FsSpec {
    /// Adds a file. `path` is its path in the image, `source` its current path, `mode` its permissions.
    ///
    /// Errors: malformed for a path that is not UTF-8, which a message cannot represent.
    pub fn file(&mut self, path: &[u8], source: &[u8], mode: u32) -> Result<(), FormatError> {
        let (path, source) = (quoted(path)?, quoted(source)?);
        // Writing to a vector cannot fail.
        let _ = write!(self.text, "file {{\n  path: {path}\n  source_path: {source}\n  mode: {mode}\n}}\n");
        Ok(())
    }

    /// Adds a symbolic link.
    ///
    /// Errors: those of [`FsSpec::file`].
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

/// Quotes a string for prototext.
fn quoted(text: &[u8]) -> Result<String, FormatError> {
    let valid = text.to_str().map_err(|_| {
        FormatError::malformed(format!("'{}' is not UTF-8, which fsspec requires", text.escape_ascii()))
    })?;
    let mut out = String::from("\"");
    for letter in valid.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            // Octal, always with three digits, because a digit may follow.
            letter if letter.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = fmt::Write::write_fmt(&mut out, format_args!("\\{:03o}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    Ok(out)
}
