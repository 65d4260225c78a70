//! Loading drivers for devices as they appear.
//!
//! This module owns the listener, its start and its end; tasks go into the [queue](super::queue). It must
//! not print. Listening begins before the first survey of the devices, so that no device is missed in
//! between; if the kernel drops messages, the devices are surveyed again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::event::{Tell, WatchEvent};
use super::queue::Queue;
use crate::errno;
use crate::error::Error;
use crate::formats::uevent::Event;
use crate::ops::manager::Manager;
use crate::sys::uevent::{Listener, Received, Waker};
use crate::sys::{devices, parallel};

/// Options for watching devices.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'w> {
    /// The directory of the devices: /sys/devices.
    pub top: &'w Path,
    /// How many devices to serve in parallel, at least one.
    pub jobs: usize,
    /// Ask the kernel to repeat the event of every device once the existing devices have been served.
    pub trigger: bool,
}

/// Why there is no watching, or not any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The devices cannot be listed.
    #[error(transparent)]
    NoDevices(Error),
    /// The kernel's events cannot be received, or no worker could be started.
    #[error("could not listen for kernel events: {}", errno::strerror(errno::of(.0)))]
    Deaf(io::Error),
    /// A worker thread panicked.
    #[error("a worker thread panicked")]
    Panicked,
}

impl Watch<'_> {
    /// Serves the existing devices and those that appear, until SIGTERM or SIGINT requests the end: tasks
    /// that have begun are completed, and no new ones are started. These signals are blocked in this thread
    /// meanwhile; a second signal has its usual effect.
    ///
    /// If files have changed, the manager is refreshed before the next device is served; SIGHUP refreshes
    /// it immediately. A module that has failed is tried again for a new device, but not if the kernel
    /// repeats the event of an existing device, unless something was reloaded or events were lost.
    ///
    /// Errors: see [`WatchError`].
    pub fn run(self, manager: &Manager, tell: &(dyn Fn(WatchEvent<'_>) + Sync)) -> Result<(), WatchError> {
        devices::check(self.top).map_err(WatchError::NoDevices)?;
        let mut listener = Listener::new().map_err(WatchError::Deaf)?;
        let waker = listener.waker().map_err(WatchError::Deaf)?;
        tell(WatchEvent::Listening);
        let queue = Queue::new(manager, self.trigger);
        let work = || self.work(&queue, &waker, tell);
        // Fewer threads than wanted will do, but one is needed.
        parallel::with_workers(self.jobs.max(1), work, |started| {
            let started = started.map_err(WatchError::Deaf);
            let end = started.and_then(|_| listen(&mut listener, &queue, tell));
            queue.end();
            if end.is_ok() {
                tell(WatchEvent::Ending);
            }
            // From here on, another signal terminates the process immediately.
            drop(listener);
            end
        })
    }

    /// Executes tasks until the end. A panic ends the whole watch: without a worker, devices would not be
    /// served and nothing would report it.
    fn work(self, queue: &Queue<'_>, waker: &Waker, tell: Tell<'_>) {
        let all = || while queue.do_one(self.top, tell) {};
        if catch_unwind(AssertUnwindSafe(all)).is_err() {
            waker.wake();
        }
    }
}

/// Passes events to the queue until the end.
fn listen(listener: &mut Listener, queue: &Queue<'_>, tell: Tell<'_>) -> Result<(), WatchError> {
    loop {
        match listener.hear().map_err(WatchError::Deaf)? {
            Received::End => return Ok(()),
            Received::Woken => return Err(WatchError::Panicked),
            Received::Reload => queue.refresh(),
            Received::Lost => {
                tell(WatchEvent::Lost);
                queue.look_again();
            }
            Received::Message(message) => match Event::parse(&message) {
                Ok(event) => queue.take(&event),
                Err(error) => tell(WatchEvent::Malformed(&error)),
            },
        }
    }
}
