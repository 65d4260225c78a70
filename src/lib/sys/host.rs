//! What the running system says about itself.

use std::ffi::OsString;
use std::io;

/// How many processors this process may use, at least one.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The running kernel's release, as `uname -r` prints it.
pub fn release() -> io::Result<OsString> {
    Ok(nix::sys::utsname::uname()?.release().to_owned())
}
