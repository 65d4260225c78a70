//! The queue of tasks between the listener, which must never block, and the workers, which load drivers.
//!
//! This module owns the order of tasks, and decides for which devices a failed module is tried again: once for a device
//! that was just added; for an event that the kernel repeats for an existing device, only after something was reloaded.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use bstr::BString;

use super::event::{OnEvent, WatchEvent};
use super::{Coldplug, DeviceGroup, GroupReport, retriable};
use crate::formats::uevent::Event;
use crate::lock::{Condvar, Mutex};
use crate::ops::manager::Manager;
use crate::sys::devices;

/// A task; the next one is at the front of the queue.
#[derive(Debug)]
enum Task<'m> {
    /// Reload the configuration and the indexes.
    Refresh,
    /// Scan the devices.
    Scan,
    /// Load the drivers for a group of devices.
    Load(Load<'m>),
    /// Make the kernel repeat the events.
    Trigger,
}

/// A group of devices for which drivers are to be loaded.
#[derive(Debug)]
struct Load<'m> {
    group: DeviceGroup,
    /// The run that it belongs to: a scan of all devices, or a run for this event only.
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
    /// The modaliases of the queued events, each with whether its device is new. One task for each pair is enough.
    waiting: BTreeSet<(BString, bool)>,
    /// Whether a scan is queued.
    scan_queued: bool,
    /// The number of tasks that are being executed.
    running: usize,
    /// Whether to make the kernel repeat the events once there is nothing else to do.
    trigger: bool,
    ended: bool,
    /// The devices that are known to exist.
    known: BTreeSet<PathBuf>,
    /// The modules that have failed since the last reload.
    failed: BTreeSet<BString>,
}

impl<'m> Queue<'m> {
    /// Returns a queue that begins with a scan. If `trigger` is set, the events of the devices are repeated after it.
    pub(super) fn new(manager: &'m Manager, trigger: bool) -> Self {
        let queue = Self { manager, state: Mutex::default(), changed: Condvar::new() };
        queue.lock().trigger = trigger;
        queue.scan_again();
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

    /// Queues a scan of all devices; which of them are new is unknown.
    pub(super) fn scan_again(&self) {
        let mut state = self.lock();
        state.known.clear();
        state.failed.clear();
        if !std::mem::replace(&mut state.scan_queued, true) {
            drop(state);
            self.push(Task::Scan);
        }
    }

    /// Queues the tasks that an event requires.
    pub(super) fn push_event(&self, event: &Event<'_>) {
        let path = event.path.strip_prefix(b"/").unwrap_or(event.path);
        let device = Path::new("/sys").join(OsStr::from_bytes(path));
        if event.is_removal() {
            self.lock().known.remove(&device);
        } else if event.wants_drivers() {
            self.push_loads(event, &device);
        }
    }

    fn push_loads(&self, event: &Event<'_>, device: &Path) {
        let mut state = self.lock();
        let new = state.known.insert(device.to_path_buf());
        // One run for all modaliases, so that a module that matches several of them is loaded once.
        let run = Arc::new(Coldplug::new(self.manager));
        for modalias in &event.modaliases {
            let modalias = BString::from(*modalias);
            if state.waiting.insert((modalias.clone(), new)) {
                let group = DeviceGroup { modalias, devices: vec![device.to_path_buf()] };
                state.tasks.push_back(Task::Load(Load { group, run: Arc::clone(&run), new }));
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
    pub(super) fn run_next(&self, top: &Path, on_event: OnEvent<'_>) -> bool {
        let Some(task) = self.next() else { return false };
        match task {
            Task::Refresh => self.refreshed(self.manager.refresh().map(|()| true), on_event),
            Task::Scan => {
                self.refresh_if_changed(on_event);
                self.scan(top, on_event);
            }
            Task::Load(load) => {
                self.refresh_if_changed(on_event);
                let result = self.load(&load);
                on_event(WatchEvent::Finished(&load.group, &result));
            }
            Task::Trigger => {
                if let Err(error) = devices::trigger(top) {
                    on_event(WatchEvent::NotTriggered(&error));
                }
            }
        }
        self.lock().running -= 1;
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
                let is_idle = state.running == 0;
                (is_idle && std::mem::take(&mut state.trigger)).then_some(Task::Trigger)
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

    fn refresh_if_changed(&self, on_event: OnEvent<'_>) {
        self.refreshed(self.manager.refresh_if_changed(), on_event);
    }

    fn refreshed(&self, outcome: crate::error::Result<bool>, on_event: OnEvent<'_>) {
        match outcome {
            Ok(false) => {}
            Ok(true) => {
                self.lock().failed.clear();
                on_event(WatchEvent::Refreshed);
            }
            Err(error) => on_event(WatchEvent::NotRefreshed(&error)),
        }
    }

    fn load(&self, load: &Load<'_>) -> GroupReport {
        if !load.new {
            load.run.skip(&self.lock().failed);
        }
        let result = load.run.load(&load.group);
        let mut state = self.lock();
        state.failed.extend(retriable(&result.report).cloned());
        for module in &result.report.loaded {
            state.failed.remove(module);
        }
        result
    }

    /// Scans the devices and queues the groups before all other tasks. One scan is enough: devices that appear when
    /// drivers are loaded cause events.
    fn scan(&self, top: &Path, on_event: OnEvent<'_>) {
        let mut coldplug = Coldplug::new(self.manager);
        match coldplug.scan(top) {
            Ok(groups) => {
                let run = Arc::new(coldplug);
                let mut state = self.lock();
                state.known.extend(groups.iter().flat_map(|group| group.devices.iter().cloned()));
                for group in groups.into_iter().rev() {
                    state.tasks.push_front(Task::Load(Load { group, run: Arc::clone(&run), new: true }));
                }
                drop(state);
                self.changed.notify_all();
            }
            Err(error) => on_event(WatchEvent::NoDevices(&error)),
        }
    }
}

impl State<'_> {
    /// Notes that a task has begun: if an equal one is requested from now on, it must be queued again.
    fn begin(&mut self, task: &Task<'_>) {
        self.running += 1;
        match task {
            Task::Scan => self.scan_queued = false,
            Task::Load(load) => _ = self.waiting.remove(&(load.group.modalias.clone(), load.new)),
            Task::Refresh | Task::Trigger => {}
        }
    }
}
