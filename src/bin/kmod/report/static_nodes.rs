//! The messages of `kmod static-nodes`, without tool and level as those of all of kmod's own subcommands.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use oxmod::error::Error;

use super::{Exit, bare, errno_text, io_text, verbatim, verbatim_path};

/// `-f` with an unknown format.
pub fn unknown_format(word: &OsStr) {
    bare(format_args!("Unknown format: '{}'.", verbatim(word.as_encoded_bytes())));
}

/// A missing modules.devname, which means that there are no nodes.
pub fn no_devname(path: &Path) {
    bare(format_args!("Warning: {} not found - ignoring", verbatim_path(path)));
}

/// A modules.devname that cannot be read.
pub fn unreadable_devname(path: &Path, error: &Error) -> Exit {
    bare(format_args!("Error: could not open {} - {}", verbatim_path(path), errno_text(error)));
    Exit::Failure
}

/// A line that does not describe a node.
pub fn bad_devname(line: &[u8]) {
    bare(format_args!("Error: invalid devname entry: {}", verbatim(line)));
}

/// A directory for `-o` that cannot be created.
pub fn no_parent(output: &Path, error: &Error) -> Exit {
    let (shown, why) = (verbatim_path(output), errno_text(error));
    bare(format_args!("Error: could not create parent directory for {shown} - {why}."));
    Exit::Failure
}

/// A file for `-o` that cannot be created.
pub fn not_created(output: &Path, error: &io::Error) -> Exit {
    bare(format_args!("Error: could not create {} - {}", verbatim_path(output), io_text(error)));
    Exit::Failure
}

/// A failed write to the file of `-o`.
pub fn not_written(output: &Path, error: &io::Error) -> Exit {
    bare(format_args!("Error: could not write to {} - {}", verbatim_path(output), io_text(error)));
    Exit::Failure
}
