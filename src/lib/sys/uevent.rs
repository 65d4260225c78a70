//! The kernel's events about devices, from its netlink socket, until a signal asks for an end.
//!
//! Must not look into messages. Contract: netlink(7), `NETLINK_KOBJECT_UEVENT`: the kernel's own messages come to
//! group 1; whatever is sent by a process says so, and is passed over.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

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
}

/// Hears the kernel's events and the signals that ask for an end.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    signals: SignalFd,
    /// Which signals were held back before.
    before: SigSet,
}

/// A second signal ends at once what the first has asked to end.
impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

impl Listener {
    /// Begins to listen. From now on no event is missed unheard, and SIGTERM and SIGINT end nothing by themselves in
    /// this thread and in those that it starts, until the listener is dropped.
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
        let ends: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
        let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = ends.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { socket, signals, before })
    }

    /// Waits for what comes next. A signal comes before all messages.
    ///
    /// Errors: the system's, none that are expected.
    pub fn hear(&mut self) -> io::Result<Heard> {
        loop {
            self.wait()?;
            if self.signals.read_signal()?.is_some() {
                return Ok(Heard::End);
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

    fn wait(&self) -> io::Result<()> {
        let mut both = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
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
