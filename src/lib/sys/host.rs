//! What the running system says about itself.

use std::ffi::OsString;
use std::io;
use std::time::SystemTime;

/// How many processors this process may use, at least one.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The time, as seconds and nanoseconds since 1970.
pub fn now() -> (i64, u32) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// The running kernel's release, as `uname -r` prints it.
pub fn release() -> io::Result<OsString> {
    Ok(nix::sys::utsname::uname()?.release().to_owned())
}

/// The user as whom this process acts.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}
