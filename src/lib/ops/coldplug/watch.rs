//! Loading drivers for devices as they appear.
//!
//! This module owns the listener, its start and its end; tasks go into the [queue](super::queue). It must
//! not print. Listening begins before the first survey of the devices, so that no device is missed in
//! between; if the kernel drops messages, the devices are surveyed again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::event::{Tell, Told};
use super::queue::Queue;
use crate::errno;
use crate::error::Error;
use crate::formats::uevent::Event;
use crate::ops::manager::Manager;
use crate::sys::uevent::{Heard, Listener, Waker};
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
pub enum Failure {
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
    /// Errors: see [`Failure`].
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
