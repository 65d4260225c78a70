//! The system log, through the C library.

use std::ffi::{CStr, CString};
use std::sync::OnceLock;

/// The identity. The C library keeps a pointer to it.
static IDENTITY: OnceLock<CString> = OnceLock::new();

/// Opens the log with the facility daemon. Messages go to the console if there is no log daemon. Only the first `name`
/// is used.
pub fn open(name: &str) {
    let identity = IDENTITY.get_or_init(|| text(name.as_bytes()));
    // SAFETY: the identity is NUL-terminated and lives as long as the program.
    #[allow(unsafe_code)]
    unsafe {
        libc::openlog(identity.as_ptr(), libc::LOG_CONS, libc::LOG_DAEMON);
    }
}

/// Sends one message. `priority` is one of syslog's eight, without a facility.
pub fn send(priority: i32, message: &[u8]) {
    let message = text(message);
    let format: &CStr = c"%s";
    // SAFETY: both strings are NUL-terminated, and the format takes exactly one string.
    #[allow(unsafe_code)]
    unsafe {
        libc::syslog(priority, format.as_ptr(), message.as_ptr());
    }
}

/// Truncates the text at the first NUL, as C does.
fn text(bytes: &[u8]) -> CString {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}
