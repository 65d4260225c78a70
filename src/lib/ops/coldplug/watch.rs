//! Loading drivers for devices as they appear.
//!
//! This module owns the listener, its start and its end; tasks go into the [queue](super::queue). It must
//! not print. Listening begins before the first survey of the devices, so that no device is missed in
//! between; if the kernel drops messages, the devices are surveyed again.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use super::queue::Queue;
use super::{Need, Served};
use crate::error::{Error, FormatError};
use crate::formats::uevent::Event;
use crate::ops::manager::Manager;
use crate::sys::devices;
use crate::sys::uevent::{Heard, Listener, Waker};

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

/// An event of the watch. It is reported by the thread in which it happens.
#[derive(Debug)]
pub enum Told<'t> {
    /// The listener has started.
    Listening,
    /// A device was served, or several devices with the same modalias.
    Served(&'t Need, &'t Served),
    /// A message from the kernel was malformed.
    Malformed(&'t FormatError),
    /// The kernel dropped messages; the devices are surveyed again.
    Lost,
    /// The configuration and the locations of modules were reloaded.
    Refreshed,
    /// Reloading failed; the previous state stays in use.
    NotRefreshed(&'t Error),
    /// The watch is shutting down after a signal: no new task is started.
    Ending,
    /// The devices can no longer be listed.
    NoDevices(&'t Error),
    /// An event could not be repeated.
    NotTriggered(&'t Error),
}

/// The reason why a watch could not start or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The devices cannot be listed.
    #[error(transparent)]
    NoDevices(Error),
    /// The kernel's events cannot be received, or no worker could be started.
    #[error(transparent)]
    Deaf(io::Error),
    /// A worker thread panicked.
    #[error("a worker thread panicked")]
    Panicked,
}

/// The function that receives events from workers and listener.
pub(super) type Tell<'t> = &'t (dyn Fn(Told<'_>) + Sync);

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
        thread::scope(|scope| {
            let work = || self.work(&queue, &waker, tell);
            let mut begun = Ok(());
            for job in 0..self.jobs.max(1) {
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                    // Fewer workers are sufficient.
                    if job == 0 {
                        begun = Err(Failure::Deaf(error));
                    }
                    break;
                }
            }
            let end = begun.and_then(|()| listen(&mut listener, &queue, tell));
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
