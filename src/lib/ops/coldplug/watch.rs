//! Loading drivers for devices as they appear.
//!
//! This module owns the listener, its start and its end; tasks go into the [queue](super::queue). It must not print.
//! Listening begins before the first scan of the devices, so that no device is missed in between; if the kernel drops
//! messages, the devices are scanned again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::event::{OnEvent, WatchEvent};
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
    /// For how many devices to load drivers in parallel, at least one.
    pub jobs: usize,
    /// Make the kernel repeat the event of every device once the drivers for the existing devices have been loaded.
    pub trigger: bool,
}

/// Why a watch could not be started, or has failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The devices cannot be listed.
    #[error(transparent)]
    NoDevices(Error),
    /// The kernel's events cannot be received, or no worker could be started.
    #[error("could not listen for kernel events: {}", errno::strerror(errno::of(.0)))]
    Listen(io::Error),
    /// A worker thread panicked.
    #[error("a worker thread panicked")]
    Panicked,
}

impl Watch<'_> {
    /// Loads the drivers for the existing devices and for those that appear, until SIGTERM or SIGINT requests the end:
    /// tasks that have begun are completed, and no new ones are started. These signals are blocked in this thread
    /// meanwhile; a second signal has its usual effect.
    ///
    /// If files have changed, the manager is refreshed before the next device is handled; SIGHUP refreshes it
    /// immediately. A module that has failed is tried again for a new device, but not if the kernel repeats the event
    /// of an existing device, unless something was reloaded or events were lost.
    ///
    /// Errors: see [`WatchError`].
    pub fn run(
        self,
        manager: &Manager,
        on_event: &(dyn Fn(WatchEvent<'_>) + Sync),
    ) -> Result<(), WatchError> {
        devices::check(self.top).map_err(WatchError::NoDevices)?;
        let mut listener = Listener::new().map_err(WatchError::Listen)?;
        let waker = listener.waker().map_err(WatchError::Listen)?;
        on_event(WatchEvent::Listening);
        let queue = Queue::new(manager, self.trigger);
        let work = || self.work(&queue, &waker, on_event);
        // Fewer threads than requested are enough, but one is needed.
        parallel::with_workers(self.jobs.max(1), work, |started| {
            let started = started.map_err(WatchError::Listen);
            let end = started.and_then(|_| listen(&mut listener, &queue, on_event));
            queue.end();
            if end.is_ok() {
                on_event(WatchEvent::Ending);
            }
            // From here on, another signal terminates the process immediately.
            drop(listener);
            end
        })
    }

    /// Executes tasks until the end. A panic ends the whole watch: without a worker, no drivers would be loaded and
    /// nothing would report it.
    fn work(self, queue: &Queue<'_>, waker: &Waker, on_event: OnEvent<'_>) {
        let all = || while queue.run_next(self.top, on_event) {};
        if catch_unwind(AssertUnwindSafe(all)).is_err() {
            waker.wake();
        }
    }
}

/// Passes events to the queue until the end.
fn listen(listener: &mut Listener, queue: &Queue<'_>, on_event: OnEvent<'_>) -> Result<(), WatchError> {
    loop {
        match listener.receive().map_err(WatchError::Listen)? {
            Received::End => return Ok(()),
            Received::Woken => return Err(WatchError::Panicked),
            Received::Reload => queue.refresh(),
            Received::Lost => {
                on_event(WatchEvent::Lost);
                queue.scan_again();
            }
            Received::Message(message) => match Event::parse(&message) {
                Ok(event) => queue.push_event(&event),
                Err(error) => on_event(WatchEvent::Malformed(&error)),
            },
        }
    }
}
