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

/// The time that a file changed now would get: that of the kernel's last tick, which [`now`] is ahead of.
pub fn file_time() -> (i64, u32) {
    use nix::time::{ClockId, clock_gettime};
    // Without such a clock, which Linux has had since 2.6.32, the time of the epoch: everything has changed since.
    clock_gettime(ClockId::CLOCK_REALTIME_COARSE)
        .map_or((0, 0), |time| (time.tv_sec(), u32::try_from(time.tv_nsec()).unwrap_or(0)))
}

/// The running kernel's release, as `uname -r` prints it.
pub fn release() -> io::Result<OsString> {
    Ok(nix::sys::utsname::uname()?.release().to_owned())
}

/// The user as whom this process acts.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}
