//! The queue of tasks between the listener, which must never block, and the workers, which load drivers.
//!
//! This module owns the order of tasks, and decides for which devices a failed module is tried again: once
//! for a device that was just added; for an event that the kernel repeats for an existing device, only
//! after something was reloaded.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use bstr::BString;

use super::event::{Tell, WatchEvent};
use super::{Coldplug, DeviceGroup, GroupReport, failures};
use crate::formats::uevent::Event;
use crate::lock::{Condvar, Mutex};
use crate::ops::manager::Manager;
use crate::sys::devices;

/// A task; the next one is at the front of the queue.
#[derive(Debug)]
enum Task<'m> {
    /// Reload the configuration and the indexes.
    Refresh,
    /// Survey the devices.
    Survey,
    /// Serve a device.
    Serve(Service<'m>),
    /// Ask the kernel to repeat the events.
    Trigger,
}

/// A device that is to be served.
#[derive(Debug)]
struct Service<'m> {
    need: DeviceGroup,
    /// The run that it belongs to: a survey of all devices, or one for this event only.
    run: Arc<Coldplug<'m>>,
    /// Whether the device was just added, or it is unknown when it was added.
    new: bool,
}

pub(super) struct Queue<'m> {
    manager: &'m Manager,
    state: Mutex<State<'m>>,
    changed: Condvar,
}

#[derive(Default)]
struct State<'m> {
    tasks: VecDeque<Task<'m>>,
    /// The modaliases of events that no worker has begun to serve, each with whether its device is new.
    /// Serving each pair once is enough.
    waiting: BTreeSet<(BString, bool)>,
    /// Whether a survey is queued and has not begun.
    surveying: bool,
    /// The number of tasks that are being executed.
    open: usize,
    /// Whether the events are to be repeated once there is nothing else to do.
    trigger: bool,
    ended: bool,
    /// The devices that are known to exist.
    known: BTreeSet<PathBuf>,
    /// The modules that have failed since the last reload.
    failed: BTreeSet<BString>,
}

impl<'m> Queue<'m> {
    /// Returns a queue that begins with a survey, followed by a trigger of the devices' events if `trigger`
    /// is set.
    pub(super) fn new(manager: &'m Manager, trigger: bool) -> Self {
        let queue = Self { manager, state: Mutex::default(), changed: Condvar::new() };
        queue.lock().trigger = trigger;
        queue.look_again();
        queue
    }

    fn lock(&self) -> MutexGuard<'_, State<'m>> {
        self.state.lock()
    }

    fn push(&self, task: Task<'m>) {
        self.lock().tasks.push_back(task);
        self.changed.notify_one();
    }

    /// Queues a reload, before all other tasks.
    pub(super) fn refresh(&self) {
        self.lock().tasks.push_front(Task::Refresh);
        self.changed.notify_one();
    }

    /// Queues a survey of all devices; which of them are new is unknown.
    pub(super) fn look_again(&self) {
        let mut state = self.lock();
        state.known.clear();
        state.failed.clear();
        if !std::mem::replace(&mut state.surveying, true) {
            drop(state);
            self.push(Task::Survey);
        }
    }

    /// Queues the tasks that an event requires.
    pub(super) fn take(&self, event: &Event<'_>) {
        let path = event.path.strip_prefix(b"/").unwrap_or(event.path);
        let device = Path::new("/sys").join(OsStr::from_bytes(path));
        if event.is_removal() {
            self.lock().known.remove(&device);
        } else if event.wants_drivers() {
            self.serve(event, &device);
        }
    }

    fn serve(&self, event: &Event<'_>, device: &Path) {
        let mut state = self.lock();
        let new = state.known.insert(device.to_path_buf());
        // One run for all modaliases, so that a module that several of them match is loaded once.
        let coldplug = Arc::new(Coldplug::new(self.manager));
        for modalias in &event.modaliases {
            let modalias = BString::from(*modalias);
            if state.waiting.insert((modalias.clone(), new)) {
                let need = DeviceGroup { modalias, devices: vec![device.to_path_buf()] };
                state.tasks.push_back(Task::Serve(Service { need, run: Arc::clone(&coldplug), new }));
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Whether any tasks are queued.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        !self.lock().tasks.is_empty()
    }

    /// Prevents further tasks from being started.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for a task and executes it; false if the queue has ended.
    pub(super) fn do_one(&self, top: &Path, tell: Tell<'_>) -> bool {
        let Some(task) = self.next() else { return false };
        match task {
            Task::Refresh => self.refreshed(self.manager.refresh().map(|()| true), tell),
            Task::Survey => {
                self.refresh_if_changed(tell);
                self.look(top, tell);
            }
            Task::Serve(service) => {
                self.refresh_if_changed(tell);
                let served = self.serve_one(&service);
                tell(WatchEvent::Finished(&service.need, &served));
            }
            Task::Trigger => {
                if let Err(error) = devices::trigger(top) {
                    tell(WatchEvent::NotTriggered(&error));
                }
            }
        }
        self.lock().open -= 1;
        // The trigger may be waiting for this task.
        self.changed.notify_all();
        true
    }

    fn next(&self) -> Option<Task<'m>> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let task = state.tasks.pop_front().or_else(|| {
                let is_quiet = state.open == 0;
                (is_quiet && std::mem::take(&mut state.trigger)).then_some(Task::Trigger)
            });
            match task {
                Some(task) => {
                    state.begin(&task);
                    return Some(task);
                }
                None => state = self.changed.wait(state),
            }
        }
    }

    fn refresh_if_changed(&self, tell: Tell<'_>) {
        self.refreshed(self.manager.refresh_if_changed(), tell);
    }

    fn refreshed(&self, outcome: crate::error::Result<bool>, tell: Tell<'_>) {
        match outcome {
            Ok(false) => {}
            Ok(true) => {
                self.lock().failed.clear();
                tell(WatchEvent::Refreshed);
            }
            Err(error) => tell(WatchEvent::NotRefreshed(&error)),
        }
    }

    fn serve_one(&self, service: &Service<'_>) -> GroupReport {
        if !service.new {
            service.run.pass_over(&self.lock().failed);
        }
        let served = service.run.serve(&service.need);
        let mut state = self.lock();
        state.failed.extend(failures(&served.report).cloned());
        for module in &served.report.loaded {
            state.failed.remove(module);
        }
        served
    }

    /// Queues the needs of the devices before all other tasks. One survey is enough: devices that appear
    /// when drivers are loaded cause events.
    fn look(&self, top: &Path, tell: Tell<'_>) {
        let mut coldplug = Coldplug::new(self.manager);
        match coldplug.survey(top) {
            Ok(needs) => {
                let run = Arc::new(coldplug);
                let mut state = self.lock();
                state.known.extend(needs.iter().flat_map(|need| need.devices.iter().cloned()));
                for need in needs.into_iter().rev() {
                    state.tasks.push_front(Task::Serve(Service { need, run: Arc::clone(&run), new: true }));
                }
                drop(state);
                self.changed.notify_all();
            }
            Err(error) => tell(WatchEvent::NoDevices(&error)),
        }
    }
}

impl State<'_> {
    /// Notes that a task has begun: an equal one that is queued from now on has to be executed too.
    fn begin(&mut self, task: &Task<'_>) {
        self.open += 1;
        match task {
            Task::Survey => self.surveying = false,
            Task::Serve(service) => _ = self.waiting.remove(&(service.need.modalias.clone(), service.new)),
            Task::Refresh | Task::Trigger => {}
        }
    }
}
