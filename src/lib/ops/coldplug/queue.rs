//! What is to be done about devices, between the one who listens, which must never wait, and those who load.
//!
//! Owns the order of tasks, and for which device a module that has failed is tried again: for one that comes, once; not for
//! one that is there and whose event the kernel sends once more, until something was read anew.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use bstr::BString;

use super::event::{Tell, Told};
use super::{Coldplug, Need, Served, failures};
use crate::formats::uevent::Event;
use crate::lock::{Condvar, Mutex};
use crate::ops::manager::Manager;
use crate::sys::devices;

/// What is to be done, the next in front.
#[derive(Debug)]
enum Task<'m> {
    /// Read the configuration and the indexes anew.
    Refresh,
    /// Look at the devices.
    Survey,
    /// Serve one.
    Serve(Service<'m>),
    /// Have the events sent again.
    Trigger,
}

/// A device to be served.
#[derive(Debug)]
struct Service<'m> {
    need: Need,
    /// The run that it is served in: a look at all devices, or one of its own.
    run: Arc<Coldplug<'m>>,
    /// It has just come, or nobody knows since when it has been there.
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
    /// The modaliases of events that nobody has begun to serve, and whether their devices are new: one of a kind is
    /// enough.
    waiting: HashSet<(BString, bool)>,
    /// Somebody is to look at the devices, and has not begun.
    surveying: bool,
    /// How many tasks are being done.
    open: usize,
    /// The events are to be sent again once there is nothing else to do.
    trigger: bool,
    ended: bool,
    /// The devices that are there.
    known: HashSet<PathBuf>,
    /// The modules that have failed since something was read.
    failed: HashSet<BString>,
}

impl<'m> Queue<'m> {
    /// With a look at the devices to be done, and perhaps their events to be sent again after it.
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

    /// Everything is to be read anew, before all else.
    pub(super) fn refresh(&self) {
        self.lock().tasks.push_front(Task::Refresh);
        self.changed.notify_one();
    }

    /// All devices are to be looked at; nobody knows which of them have come since.
    pub(super) fn look_again(&self) {
        let mut state = self.lock();
        state.known.clear();
        state.failed.clear();
        if !std::mem::replace(&mut state.surveying, true) {
            drop(state);
            self.push(Task::Survey);
        }
    }

    /// What an event makes necessary.
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
        // A module that several of them lead to is loaded once.
        let coldplug = Arc::new(Coldplug::new(self.manager));
        for modalias in &event.modaliases {
            let modalias = BString::from(*modalias);
            if state.waiting.insert((modalias.clone(), new)) {
                let need = Need { modalias, devices: vec![device.to_path_buf()] };
                state.tasks.push_back(Task::Serve(Service { need, run: Arc::clone(&coldplug), new }));
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Whether there is anything to be done.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        !self.lock().tasks.is_empty()
    }

    /// Nothing more is begun.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for a task and does it; false when the end has come.
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
                tell(Told::Served(&service.need, &served));
            }
            Task::Trigger => {
                if let Err(error) = devices::trigger(top) {
                    tell(Told::NotTriggered(&error));
                }
            }
        }
        self.lock().open -= 1;
        // Perhaps that was what the trigger waited for.
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
                tell(Told::Refreshed);
            }
            Err(error) => tell(Told::NotRefreshed(&error)),
        }
    }

    fn serve_one(&self, service: &Service<'_>) -> Served {
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

    /// Puts what the devices need in front. One look is enough: of those that come with their drivers there will be
    /// events.
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
            Err(error) => tell(Told::NoDevices(&error)),
        }
    }
}

impl State<'_> {
    /// From here on another one like it has to be done for itself.
    fn begin(&mut self, task: &Task<'_>) {
        self.open += 1;
        match task {
            Task::Survey => self.surveying = false,
            Task::Serve(service) => _ = self.waiting.remove(&(service.need.modalias.clone(), service.new)),
            Task::Refresh | Task::Trigger => {}
        }
    }
}
