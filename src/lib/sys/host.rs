//! What the running system says about itself.

use std::ffi::OsString;
use std::io;

/// The running kernel's release, as `uname -r` prints it.
pub fn release() -> io::Result<OsString> {
    Ok(nix::sys::utsname::uname()?.release().to_owned())
}
