//! The standard streams as this process inherited them.
//!
//! The Rust runtime ignores SIGPIPE and opens /dev/null in place of closed standard streams before
//! `main`, so what the caller had arranged must be recorded earlier: by a constructor, which the
//! loader calls.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static STDERR_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

#[used]
#[allow(unsafe_code)]
// SAFETY: an entry of .init_array is a function of the C calling convention without need of
// arguments; this one only asks the kernel and stores two flags.
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn() = record;

extern "C" fn record() {
    // SAFETY: sigaction with no new action only writes to `old`, for which all zeroes are valid;
    // fcntl(F_GETFD) takes no pointer.
    #[allow(unsafe_code)]
    let (ignored, closed) = unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        let asked = libc::sigaction(libc::SIGPIPE, std::ptr::null(), &raw mut old) == 0;
        (asked && old.sa_sigaction == libc::SIG_IGN, libc::fcntl(libc::STDERR_FILENO, libc::F_GETFD) < 0)
    };
    SIGPIPE_WAS_IGNORED.store(ignored, Relaxed);
    STDERR_WAS_CLOSED.store(closed, Relaxed);
}

/// Whether the caller started this process with standard error closed.
pub fn stderr_was_closed() -> bool {
    STDERR_WAS_CLOSED.load(Relaxed)
}

/// Ends this process as an unhandled SIGPIPE would have, unless the caller had it ignored.
pub fn die_of_sigpipe_unless_ignored() {
    if SIGPIPE_WAS_IGNORED.load(Relaxed) {
        return;
    }
    // SAFETY: restores the default action, then sends the signal to this very thread.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
}
