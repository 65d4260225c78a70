//! Loading drivers for devices as they appear.
//!
//! Owns the one who listens, and how it begins and ends; what is to be done goes into the [queue](super::queue). Must not
//! print. Listening begins before the first look at the devices, so that none comes unnoticed in between; when the kernel
//! has lost messages there is another look.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::event::{Tell, Told};
use super::queue::Queue;
use crate::error::Error;
use crate::formats::uevent::Event;
use crate::ops::manager::Manager;
use crate::sys::uevent::{Heard, Listener, Waker};
use crate::sys::{devices, parallel};

/// What is being watched, and how.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'w> {
    /// Where devices are: /sys/devices.
    pub top: &'w Path,
    /// How many devices to serve at a time, at least one.
    pub jobs: usize,
    /// Have the kernel send the event of every device again, once those that are there are served.
    pub trigger: bool,
}

/// Why there is no watching, or not any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There are no devices to be seen, now or later.
    #[error(transparent)]
    NoDevices(Error),
    /// Nobody can listen, or not any more.
    #[error(transparent)]
    Deaf(io::Error),
    /// Whoever should have served a device has panicked.
    #[error("a thread that serves devices has panicked")]
    Panicked,
}

impl Watch<'_> {
    /// Serves the devices that are there and those that come, until SIGTERM or SIGINT asks for an end: what has begun is
    /// brought to an end then, and nothing else is begun. Meanwhile these signals are held back in this thread, and a
    /// second one has its usual effect.
    ///
    /// What the manager has read it reads anew when files have changed, before a device is served, and at once upon SIGHUP.
    /// A module that has failed is tried again for a device that comes, and not when the kernel sends the event of one again
    /// that is there: only where something was read anew, or events were lost.
    ///
    /// Errors: as [`Failure`] has them.
    pub fn run(self, manager: &Manager, tell: &(dyn Fn(Told<'_>) + Sync)) -> Result<(), Failure> {
        devices::check(self.top).map_err(Failure::NoDevices)?;
        let mut listener = Listener::new().map_err(Failure::Deaf)?;
        let waker = listener.waker().map_err(Failure::Deaf)?;
        tell(Told::Listening);
        let queue = Queue::new(manager, self.trigger);
        let work = || self.work(&queue, &waker, tell);
        // Fewer threads than wanted will do, but one is needed.
        parallel::with_workers(self.jobs.max(1), work, |started| {
            let started = started.map_err(Failure::Deaf);
            let end = started.and_then(|_| listen(&mut listener, &queue, tell));
            queue.end();
            if end.is_ok() {
                tell(Told::Ending);
            }
            // From here on another signal ends it at once.
            drop(listener);
            end
        })
    }

    /// Does what there is to be done, up to the end. A panic is the end of all: with nobody to serve them, devices
    /// would go unserved and nobody would know.
    fn work(self, queue: &Queue<'_>, waker: &Waker, tell: Tell<'_>) {
        let all = || while queue.do_one(self.top, tell) {};
        if catch_unwind(AssertUnwindSafe(all)).is_err() {
            waker.wake();
        }
    }
}

/// Hands on what is heard, up to the end.
fn listen(listener: &mut Listener, queue: &Queue<'_>, tell: Tell<'_>) -> Result<(), Failure> {
    loop {
        match listener.hear().map_err(Failure::Deaf)? {
            Heard::End => return Ok(()),
            Heard::Woken => return Err(Failure::Panicked),
            Heard::Reload => queue.refresh(),
            Heard::Lost => {
                tell(Told::Lost);
                queue.look_again();
            }
            Heard::Message(message) => match Event::parse(&message) {
                Ok(event) => queue.take(&event),
                Err(error) => tell(Told::Malformed(&error)),
            },
        }
    }
}
