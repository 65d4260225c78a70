//! Properties of the running system and of this process.

use std::ffi::OsString;
use std::io;
use std::time::SystemTime;

/// The number of processors that this process may use, at least one.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The current time, as seconds and nanoseconds since 1970.
pub fn now() -> (i64, u32) {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
}

/// The timestamp that a file changed now would get: the time of the kernel's last tick, which is behind [`now`].
pub fn file_time() -> (i64, u32) {
    use nix::time::{ClockId, clock_gettime};
    // If this clock does not exist (before Linux 2.6.32), the result is the epoch, so that every file counts as changed.
    clock_gettime(ClockId::CLOCK_REALTIME_COARSE)
        .map_or((0, 0), |time| (time.tv_sec(), u32::try_from(time.tv_nsec()).unwrap_or(0)))
}

/// The release of the running kernel, as printed by `uname -r`.
pub fn release() -> io::Result<OsString> {
    Ok(nix::sys::utsname::uname()?.release().to_owned())
}

/// The effective user ID of this process.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}
