//! The kernel's side of modules: their state in /sys/module.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::file;

/// What the kernel says about a loaded module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Working.
    Live,
    /// Being loaded.
    Coming,
    /// Being removed.
    Going,
}

/// The state of the module of this normalised name; `None` when the kernel does not know it, or
/// knows it as built in.
pub fn state(name: &[u8]) -> Option<State> {
    // A name is one component of a path; anything else names no module.
    if name.is_empty() || name.contains(&b'/') {
        return None;
    }
    let dir = Path::new("/sys/module").join(OsStr::from_bytes(name));
    match file::read_if_exists(&dir.join("initstate")).ok()?.as_deref() {
        Some(b"live\n") => Some(State::Live),
        Some(b"coming\n") => Some(State::Coming),
        Some(b"going\n") => Some(State::Going),
        Some(_) => None,
        // The directory comes into being before its files do.
        None => file::exists(&dir).is_ok().then_some(State::Coming),
    }
}
