//! The kernel's events about devices, from its netlink socket, until a signal or another thread asks for an end.
//!
//! Must not look into messages. Contract: netlink(7), `NETLINK_KOBJECT_UEVENT`: the kernel's own messages come to
//! group 1; whatever is sent by a process says so, and is passed over.

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

/// The kernel's own messages.
const GROUP: u32 = 1;

/// How many bytes of messages the kernel keeps for us; at a boot thousands come at once.
const BACKLOG: usize = 16 << 20;

/// More than any message has: the kernel makes them in buffers of 2 KiB.
const ROOM: usize = 64 << 10;

/// What there is to hear.
#[derive(Debug)]
pub enum Heard {
    /// A message of the kernel's.
    Message(Vec<u8>),
    /// There were more messages than the kernel kept: some are lost.
    Lost,
    /// SIGTERM or SIGINT: it is time to end.
    End,
    /// SIGHUP: what was read is to be read anew.
    Reload,
    /// Another thread wants to be heard.
    Woken,
}

/// Hears the kernel's events and the signals that ask for an end.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    signals: SignalFd,
    /// Readable once somebody has called.
    called: UnixStream,
    waker: UnixStream,
    /// Which signals were held back before.
    before: SigSet,
}

/// Makes a listener hear that it is called, from any thread.
#[derive(Debug)]
pub struct Waker(UnixStream);

impl Waker {
    /// From here on the listener hears nothing but [`Heard::Woken`].
    pub fn wake(&self) {
        // There is room for the first byte, which is enough.
        let _ = (&self.0).write(&[0]);
    }
}

/// A second signal ends at once what the first has asked to end.
impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

impl Listener {
    /// Begins to listen. From now on no event is missed unheard, and SIGTERM, SIGINT and SIGHUP end nothing by themselves
    /// in this thread and in those that it starts, until the listener is dropped.
    ///
    /// Errors: there can be no such socket, or no more descriptors.
    pub fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let protocol = SockProtocol::NetlinkKObjectUEvent;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?;
        // More than others may have takes a right that not everybody has.
        if setsockopt(&socket, sockopt::RcvBufForce, &BACKLOG).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &BACKLOG);
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUP))?;
        let (called, waker) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        let heard: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
        let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = heard.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { socket, signals, called, waker, before })
    }

    /// What calls this listener from another thread.
    ///
    /// Errors: there are no more descriptors.
    pub fn waker(&self) -> io::Result<Waker> {
        self.waker.try_clone().map(Waker)
    }

    /// Waits for what comes next. A call comes before all signals, a signal before all messages.
    ///
    /// Errors: the system's, none that are expected.
    pub fn hear(&mut self) -> io::Result<Heard> {
        loop {
            if self.wait()? {
                return Ok(Heard::Woken);
            }
            if let Some(signal) = self.signals.read_signal()? {
                let reload = i32::try_from(signal.ssi_signo) == Ok(libc::SIGHUP);
                return Ok(if reload { Heard::Reload } else { Heard::End });
            }
            match self.receive() {
                Ok(Some(message)) => return Ok(Heard::Message(message)),
                Err(Errno::ENOBUFS) => return Ok(Heard::Lost),
                // Not the kernel's, or nothing after all.
                Ok(None) | Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for anything; whether somebody calls.
    fn wait(&self) -> io::Result<bool> {
        let mut all = [self.called.as_fd(), self.signals.as_fd(), self.socket.as_fd()]
            .map(|source| PollFd::new(source, PollFlags::POLLIN));
        match poll(&mut all, PollTimeout::NONE) {
            Ok(_) => Ok(all[0].any() == Some(true)),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn receive(&self) -> nix::Result<Option<Vec<u8>>> {
        let mut message = vec![0; ROOM];
        let (len, sender) = recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut message)?;
        message.truncate(len);
        Ok(sender.is_some_and(|sender| sender.pid() == 0).then_some(message))
    }
}
