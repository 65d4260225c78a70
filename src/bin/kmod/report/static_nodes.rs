//! What `kmod static-nodes` says: as all of kmod's own subcommands, without tool and level.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use oxmod::error::Error;

use super::{Exit, bare, errno_text, io_text, verbatim, verbatim_path};

/// `-f` with a word that is none of the formats.
pub fn unknown_format(word: &OsStr) {
    bare(format_args!("Unknown format: '{}'.", verbatim(word.as_encoded_bytes())));
}

/// There is no modules.devname, and so no node.
pub fn no_devname(path: &Path) {
    bare(format_args!("Warning: {} not found - ignoring", verbatim_path(path)));
}

/// modules.devname cannot be read.
pub fn unreadable_devname(path: &Path, error: &Error) -> Exit {
    bare(format_args!("Error: could not open {} - {}", verbatim_path(path), errno_text(error)));
    Exit::Failure
}

/// A line that describes no node.
pub fn bad_devname(line: &[u8]) {
    bare(format_args!("Error: invalid devname entry: {}", verbatim(line)));
}

/// The directory for `-o` cannot be made.
pub fn no_parent(output: &Path, error: &io::Error) -> Exit {
    let (shown, why) = (verbatim_path(output), io_text(error));
    bare(format_args!("Error: could not create parent directory for {shown} - {why}."));
    Exit::Failure
}

/// The file of `-o` cannot be made.
pub fn not_created(output: &Path, error: &io::Error) -> Exit {
    bare(format_args!("Error: could not create {} - {}", verbatim_path(output), io_text(error)));
    Exit::Failure
}

/// The file of `-o` takes no more.
pub fn not_written(output: &Path, error: &io::Error) -> Exit {
    bare(format_args!("Error: could not write to {} - {}", verbatim_path(output), io_text(error)));
    Exit::Failure
}
