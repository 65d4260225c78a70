//! A listener for the kernel's device events on a netlink socket and for signals.
//!
//! Must not interpret messages. Contract: netlink(7), `NETLINK_KOBJECT_UEVENT`. The kernel's own messages are sent to
//! group 1. Messages from processes are recognised by their sender and skipped.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvfrom, setsockopt, socket, sockopt,
};

/// The multicast group of the kernel's own messages.
const GROUP: u32 = 1;

/// The size in bytes of the socket's receive buffer. During boot, thousands of messages arrive together.
const BACKLOG: usize = 16 << 20;

/// The size in bytes of the buffer for one message. The kernel builds messages in buffers of 2 KiB.
const MESSAGE_SIZE: usize = 64 << 10;

/// What a listener waits for.
#[derive(Debug)]
pub enum Received {
    /// A message from the kernel.
    Message(Vec<u8>),
    /// The receive buffer overflowed, and messages were lost.
    Lost,
    /// SIGTERM or SIGINT: shut down.
    End,
    /// SIGHUP: reload the configuration.
    Reload,
    /// Another thread has called [`Waker::wake`].
    Woken,
}

/// Listens for the kernel's device events, signals, and other threads.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    signals: SignalFd,
    /// Becomes readable when a [`Waker`] is used.
    woken: UnixStream,
    waker: UnixStream,
    /// The signal mask before the listener was created.
    previous_mask: SigSet,
}

/// Wakes a listener from any thread.
#[derive(Debug)]
pub struct Waker(UnixStream);

impl Waker {
    /// Wakes the listener, which reports only [`Received::Woken`] from then on.
    pub fn wake(&self) {
        // A write can only fail if the buffer is full; then the listener is awake already.
        let _ = (&self.0).write(&[0]);
    }
}

/// Restores the signal mask, so that a second signal during shutdown ends the program immediately.
impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.previous_mask.thread_set_mask();
    }
}

impl Listener {
    /// Starts to listen. From now on no event is lost without being reported. SIGTERM, SIGINT and SIGHUP are blocked in
    /// this thread and in those that it starts, until the listener is dropped.
    ///
    /// Errors: the socket cannot be created, or there are too many open files.
    pub fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?;
        // Exceeding the system's limit requires a privilege.
        if setsockopt(&socket, sockopt::RcvBufForce, &BACKLOG).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &BACKLOG);
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUP))?;
        let (woken, waker) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        let handled: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
        let signals = SignalFd::with_flags(&handled, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let previous_mask = handled.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { socket, signals, woken, waker, previous_mask })
    }

    /// Returns a handle that wakes this listener from another thread.
    ///
    /// Errors: there are too many open files.
    pub fn waker(&self) -> io::Result<Waker> {
        self.waker.try_clone().map(Waker)
    }

    /// Waits for the next event. A waker takes precedence over signals, and signals over messages.
    ///
    /// Errors: unexpected errors of the system calls.
    pub fn receive(&mut self) -> io::Result<Received> {
        loop {
            if self.wait()? {
                return Ok(Received::Woken);
            }
            if let Some(signal) = self.signals.read_signal()? {
                let reload = i32::try_from(signal.ssi_signo) == Ok(libc::SIGHUP);
                return Ok(if reload { Received::Reload } else { Received::End });
            }
            match self.read_message() {
                Ok(Some(message)) => return Ok(Received::Message(message)),
                Err(Errno::ENOBUFS) => return Ok(Received::Lost),
                // A message from a process, or nothing to read.
                Ok(None) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for any event. Returns whether a [`Waker`] was used.
    fn wait(&self) -> io::Result<bool> {
        let mut all = [self.woken.as_fd(), self.signals.as_fd(), self.socket.as_fd()]
            .map(|source| PollFd::new(source, PollFlags::POLLIN));
        match poll(&mut all, PollTimeout::NONE) {
            Ok(_) => Ok(all[0].any() == Some(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read_message(&self) -> nix::Result<Option<Vec<u8>>> {
        let mut message = vec![0; MESSAGE_SIZE];
        let (len, sender) = recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut message)?;
        message.truncate(len);
        Ok(sender.is_some_and(|sender| sender.pid() == 0).then_some(message))
    }
}
