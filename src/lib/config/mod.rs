//! Configuration as bytes: modprobe.d, depmod.d and the kernel command line.
//!
//! Owns the grammar and the model. Must not read files, print, or know directories; the
//! [`context`](crate::context) finds and reads the files, in the order that decides precedence.
//! Contract: modprobe.d(5) and depmod.d(5) as kmod 34 parses them, quirks included.

pub mod depmod;
mod lex;

use std::path::Path;
use std::sync::Arc;

/// Where an entry was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, as its path was composed from the directory that was searched.
    pub path: Arc<Path>,
    /// The last physical line of the logical line, counted from 1; 0 where lines mean nothing
    /// (the kernel command line).
    pub line: u32,
}
