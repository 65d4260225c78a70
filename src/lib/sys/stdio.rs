//! The standard streams as this process inherited them.
//!
//! Owns the handling of closed streams and of SIGPIPE at the start of the program (see [`entry`](super::entry)), and
//! remembers how the caller had set them up.

use std::ffi::c_int;
use std::io::{self, IsTerminal, Write};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static SIGPIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static STDERR_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Makes writes to a pipe without readers fail instead of raising SIGPIPE, and opens closed standard streams, so that a
/// file that is opened later cannot take their place.
pub(super) fn take_over() {
    // SAFETY: all zeroes is valid for both structures. sigaction reads one of them and writes to the other.
    #[allow(unsafe_code)]
    let ignored = unsafe {
        let (mut new, mut old): (libc::sigaction, libc::sigaction) = (std::mem::zeroed(), std::mem::zeroed());
        new.sa_sigaction = libc::SIG_IGN;
        libc::sigaction(libc::SIGPIPE, &raw const new, &raw mut old) == 0 && old.sa_sigaction == libc::SIG_IGN
    };
    SIGPIPE_WAS_IGNORED.store(ignored, Relaxed);
    let closed = closed_streams();
    STDERR_WAS_CLOSED.store(closed[2], Relaxed);
    // In ascending order, because each open takes the lowest free number. Without /dev/null, anything that cannot be
    // read or written will do.
    for _ in closed.into_iter().filter(|&closed| closed) {
        // SAFETY: both paths are NUL-terminated strings.
        #[allow(unsafe_code)]
        unsafe {
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                libc::open(c"/".as_ptr(), libc::O_PATH);
            }
        }
    }
}

/// Which of the descriptors 0, 1 and 2 the caller has left closed.
fn closed_streams() -> [bool; 3] {
    let stream = |fd| libc::pollfd { fd, events: 0, revents: 0 };
    let mut streams = [stream(libc::STDIN_FILENO), stream(libc::STDOUT_FILENO), stream(libc::STDERR_FILENO)];
    // SAFETY: poll only writes to the three structures passed.
    #[allow(unsafe_code)]
    let polled = unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) } >= 0;
    streams.map(|stream| if polled { stream.revents & libc::POLLNVAL != 0 } else { is_closed(stream.fd) })
}

/// Used if poll fails, for which a limit of fewer than three open files is enough.
fn is_closed(fd: c_int) -> bool {
    // SAFETY: fcntl(F_GETFD) does not take a pointer.
    #[allow(unsafe_code)]
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    flags < 0
}

/// Unbuffered standard output, without the line buffer of the standard library.
#[derive(Debug, Clone, Copy)]
pub struct Stdout(());

impl Stdout {
    /// Returns a handle. Does not make any system calls.
    pub fn new() -> Self {
        Self(())
    }

    fn fd() -> BorrowedFd<'static> {
        // SAFETY: this program never closes its standard output.
        #[allow(unsafe_code)]
        unsafe {
            BorrowedFd::borrow_raw(libc::STDOUT_FILENO)
        }
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal() -> bool {
        Self::fd().is_terminal()
    }
}

impl Default for Stdout {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(Self::fd(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard error, without a buffer. It is not an error if standard error is closed.
///
/// Errors: those of write.
pub fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    io::stderr().write_all(bytes)
}

/// The number of columns of the terminal that standard error is, 80 if the terminal does not know it; `None` if standard
/// error is not a terminal.
pub fn stderr_columns() -> Option<usize> {
    // SAFETY: all zeroes is a valid winsize, and ioctl(TIOCGWINSZ) only writes to the one passed.
    #[allow(unsafe_code)]
    let (is_terminal, size) = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, &raw mut size) == 0, size)
    };
    is_terminal.then_some(if size.ws_col == 0 { 80 } else { size.ws_col.into() })
}

/// Whether the caller started this process with standard error closed.
pub fn stderr_was_closed() -> bool {
    STDERR_WAS_CLOSED.load(Relaxed)
}

/// Whether the caller started this process with SIGPIPE ignored.
pub(super) fn sigpipe_was_ignored() -> bool {
    SIGPIPE_WAS_IGNORED.load(Relaxed)
}

/// Ends this process as an unhandled SIGPIPE would, unless the caller had ignored that signal.
pub fn die_of_sigpipe_unless_ignored() {
    if sigpipe_was_ignored() {
        return;
    }
    // SAFETY: restores the default action, then sends the signal to this thread.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
}
