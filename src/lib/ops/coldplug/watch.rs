//! Loading drivers for devices as they appear.
//!
//! Owns the queue between the one who listens, which must never wait, and those who load. Must not print.
//! Listening begins before the first look at the devices, so that none comes unnoticed in between; when the kernel
//! has lost messages there is another look.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bstr::BString;

use super::{Coldplug, Need, Served};
use crate::error::{Error, FormatError};
use crate::ops::manager::Manager;
use crate::sys::devices;
use crate::sys::uevent::{Heard, Listener};
use crate::uevent::Event;

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

/// What happens meanwhile. Told by the threads that it happens in.
#[derive(Debug)]
pub enum Told<'t> {
    /// Somebody listens now.
    Listening,
    /// A device was served, or several of a kind.
    Served(&'t Need, &'t Served),
    /// A message of the kernel's made no sense.
    Malformed(&'t FormatError),
    /// The kernel has lost messages; the devices are looked at again.
    Lost,
    /// A signal asks for an end: nothing more is begun.
    Ending,
    /// The devices cannot be listed.
    NoDevices(&'t Error),
    /// An event cannot be sent again.
    NotTriggered(&'t Error),
}

/// What is to be done, the next in front.
#[derive(Debug)]
enum Task<'m, 'a> {
    /// Look at the devices.
    Survey,
    /// Serve one, in a look at all of them or by itself.
    Serve(Need, Arc<Coldplug<'m, 'a>>),
    /// Have the events sent again.
    Trigger,
}

struct Queue<'m, 'a> {
    state: Mutex<State<'m, 'a>>,
    changed: Condvar,
}

#[derive(Default)]
struct State<'m, 'a> {
    tasks: VecDeque<Task<'m, 'a>>,
    /// The modaliases of events that nobody has begun to serve: one of a kind is enough.
    waiting: HashSet<BString>,
    /// Somebody is to look at the devices, and has not begun.
    surveying: bool,
    /// How many tasks are being done.
    open: usize,
    /// The events are to be sent again once there is nothing else to do.
    trigger: bool,
    ended: bool,
}

impl Watch<'_> {
    /// Serves the devices that are there and those that come, until SIGTERM or SIGINT asks for an end: what has begun is
    /// brought to an end then, and nothing else is begun. Meanwhile these signals are held back in this thread, and a
    /// second one has its usual effect.
    ///
    /// Errors: nobody can listen, or not any more.
    pub fn run(self, manager: &Manager<'_>, tell: &(dyn Fn(Told<'_>) + Sync)) -> io::Result<()> {
        let mut listener = Listener::new()?;
        tell(Told::Listening);
        let queue = Queue { state: Mutex::default(), changed: Condvar::new() };
        queue.survey();
        if self.trigger {
            queue.lock().trigger = true;
        }
        thread::scope(|scope| {
            let work = || while queue.do_one(manager, self.top, tell) {};
            let mut begun = Ok(());
            for job in 0..self.jobs.max(1) {
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                    // Fewer do as well.
                    if job == 0 {
                        begun = Err(error);
                    }
                    break;
                }
            }
            let end = begun.and_then(|()| listen(&mut listener, &queue, manager, tell));
            queue.end();
            if end.is_ok() {
                tell(Told::Ending);
            }
            // From here on another signal ends it at once.
            drop(listener);
            end
        })
    }
}

/// Hands on what is heard, up to the end.
fn listen<'m, 'a>(
    listener: &mut Listener,
    queue: &Queue<'m, 'a>,
    manager: &'m Manager<'a>,
    tell: &(dyn Fn(Told<'_>) + Sync),
) -> io::Result<()> {
    loop {
        match listener.hear()? {
            Heard::End => return Ok(()),
            Heard::Lost => {
                tell(Told::Lost);
                queue.survey();
            }
            Heard::Message(message) => match Event::parse(&message) {
                Ok(event) if event.wants_drivers() => queue.serve(&event, manager),
                Ok(_) => {}
                Err(error) => tell(Told::Malformed(&error)),
            },
        }
    }
}

impl<'m, 'a> Queue<'m, 'a> {
    fn lock(&self) -> MutexGuard<'_, State<'m, 'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, task: Task<'m, 'a>) {
        self.lock().tasks.push_back(task);
        self.changed.notify_one();
    }

    fn survey(&self) {
        if !std::mem::replace(&mut self.lock().surveying, true) {
            self.push(Task::Survey);
        }
    }

    fn serve(&self, event: &Event<'_>, manager: &'m Manager<'a>) {
        let path = event.path.strip_prefix(b"/").unwrap_or(event.path);
        let device = Path::new("/sys").join(std::ffi::OsStr::from_bytes(path));
        // A module that several of them lead to is loaded once.
        let coldplug = Arc::new(Coldplug::new(manager));
        for modalias in &event.modaliases {
            let modalias = BString::from(*modalias);
            if self.lock().waiting.insert(modalias.clone()) {
                let need = Need { modalias, devices: vec![device.clone()] };
                self.push(Task::Serve(need, Arc::clone(&coldplug)));
            }
        }
    }

    /// Nothing more is begun.
    fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for a task and does it; false when the end has come.
    fn do_one(&self, manager: &'m Manager<'a>, top: &Path, tell: &(dyn Fn(Told<'_>) + Sync)) -> bool {
        let Some(task) = self.next() else { return false };
        match task {
            Task::Survey => self.look(manager, top, tell),
            Task::Serve(need, coldplug) => tell(Told::Served(&need, &coldplug.serve(&need))),
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

    fn next(&self) -> Option<Task<'m, 'a>> {
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
                    state.open += 1;
                    match &task {
                        Task::Survey => state.surveying = false,
                        Task::Serve(need, _) => _ = state.waiting.remove(&need.modalias),
                        Task::Trigger => {}
                    }
                    return Some(task);
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Puts what the devices need in front. One look is enough: of those that come with their drivers there will be
    /// events.
    fn look(&self, manager: &'m Manager<'a>, top: &Path, tell: &(dyn Fn(Told<'_>) + Sync)) {
        let mut coldplug = Coldplug::new(manager);
        match coldplug.survey(top) {
            Ok(needs) => {
                let coldplug = Arc::new(coldplug);
                let mut state = self.lock();
                for need in needs.into_iter().rev() {
                    state.tasks.push_front(Task::Serve(need, Arc::clone(&coldplug)));
                }
                drop(state);
                self.changed.notify_all();
            }
            Err(error) => tell(Told::NoDevices(&error)),
        }
    }
}
