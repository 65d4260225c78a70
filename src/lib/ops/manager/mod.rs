//! The loading manager: one object that a program asks for modules from any of its threads.
//!
//! Owns what one call means among others that run at the same time. What is to be loaded, in which order and
//! with which parameters is [`probe`]'s plan, as for modprobe. Must not print.

mod error;
mod execute;
mod in_flight;
mod open;
mod plan;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use bstr::{BStr, BString, ByteSlice};

use crate::context::{ConfigSource, Context, Module, Moment, Stamp, module_dir};
use crate::name;
use crate::notice::Sink;
use crate::ops::command::{self, Surroundings};
use crate::ops::probe::{self, Done};
use crate::ops::remove::{self, Hand, by_kernel};
use crate::sys::module::{self, State};
use execute::Actor;

pub use error::{Error, Incomplete};
pub use open::{open_dir, open_meta};
pub use plan::{Planned, Prospect};

/// Opens the modules and their configuration, at first and at each [`Manager::refresh`].
type Open<'a> = Box<dyn Fn() -> Result<Context<'a>, Error> + Send + Sync + 'a>;

/// Loads and removes modules for a whole program.
///
/// All methods may be called from any number of threads. Loads go on at the same time; of those that want
/// one module at the same moment one inserts it and the others get its answer. [`unload`](Self::unload) waits
/// until no load is going on, and loads wait for it.
///
/// Nothing is remembered about what is loaded: each call asks the kernel, so it does not matter who else
/// loads and removes modules meanwhile. A module that another process has on its way in or out is waited for.
/// What is read once and kept until [`refresh`](Self::refresh) or [`refresh_if_changed`](Self::refresh_if_changed) is the
/// configuration and where modules are.
///
/// `options`, `install`, `softdep`, `forbid` and the other lines of modprobe.d(5) count as they do for
/// `modprobe`. A `blacklist` line keeps a driver from being loaded for a device, not by its own name.
///
/// # Example
///
/// What would be loaded for a device, from modules below a directory of one's own:
///
/// ```
/// use std::fs;
/// use oxmod::context::{ConfigSource, Context};
/// use oxmod::ops::manager::{Manager, Prospect};
///
/// let root = tempfile::tempdir()?;
/// let dir = root.path().join("lib/modules/6.12.0");
/// fs::create_dir_all(&dir)?;
/// fs::write(dir.join("modules.dep"), "net/e1000x.ko: lib/mdio_x.ko\nlib/mdio_x.ko:\n")?;
/// fs::write(dir.join("modules.alias"), "alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000x\n")?;
///
/// let open = move || Ok(Context::open(dir.clone(), &ConfigSource::Nothing, &|_| {}));
/// let manager = Manager::new(open, &|_| {})?;
/// let planned = manager.plan_for_device("pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00");
/// let Prospect::Load(steps) = &planned[0].prospect else { panic!("{planned:?}") };
/// let names: Vec<_> = steps.iter().map(|step| step.module.to_string()).collect();
/// assert_eq!(names, ["mdio_x", "e1000x"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Loading them needs the right to (`CAP_SYS_MODULE`):
///
/// ```no_run
/// use oxmod::ops::manager::Manager;
///
/// let manager = Manager::from_root("/")?;
/// let report = manager.load_for_device("pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00");
/// for (driver, error) in &report.failed {
///     eprintln!("{driver}: {error}");
/// }
/// manager.load("snd-hda-intel")?;
/// # Ok::<(), oxmod::ops::manager::Error>(())
/// ```
pub struct Manager<'a> {
    open: Open<'a>,
    context: Mutex<Context<'a>>,
    /// The state of the files that the context was read from, if that is known.
    read: Mutex<Option<Stamp>>,
    sink: Sink<'a>,
    /// Loads share it, a removal has it alone.
    turn: RwLock<()>,
    actor: Actor,
}

/// What came of loading. Each list is in the order in which things happened.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// What this call inserted: drivers and all that they needed. Of several calls at the same time only one
    /// has a module here.
    pub loaded: Vec<BString>,
    /// Modules asked for that were loaded already, or were by another call.
    pub already: Vec<BString>,
    /// Modules asked for that are part of the kernel.
    pub builtin: Vec<BString>,
    /// Modules in whose place an install command of the configuration ran, for this call or for another that asked for the
    /// same meanwhile.
    pub commands: Vec<BString>,
    /// Modules that the blacklist keeps from being loaded for a device.
    pub blacklisted: Vec<BString>,
    /// Modules asked for that could not be loaded, and why: it may be another that they need.
    pub failed: Vec<(BString, Error)>,
}

impl Manager<'static> {
    /// The modules of the running kernel below `root`, in `lib/modules/RELEASE`, with the system's
    /// configuration. What the library notices goes unheard; [`Manager::new`] can have it otherwise.
    ///
    /// Errors: there is no such directory.
    pub fn from_root(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref().to_path_buf();
        let open = move || {
            // As a plain concatenation a root of "/" would make two slashes.
            let root = Some(root.as_os_str()).filter(|root| *root != "/");
            let dir = module_dir(root, None).map_err(|error| Error::directory(Path::new(""), &error))?;
            open_dir(&dir, &ConfigSource::System, &|_| {})
        };
        Manager::new(open, &|_| {})
    }

    /// The modules of a [meta.pb](crate::formats::meta), whose files are below `dir`, with the system's configuration. No other index is
    /// needed, nor looked at. What the library notices goes unheard; [`Manager::new`] can have it otherwise.
    ///
    /// Errors: there is no such file, or it is no meta.pb.
    pub fn from_meta(file: impl AsRef<Path>, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let (file, dir) = (file.as_ref().to_path_buf(), dir.as_ref().to_path_buf());
        let open = move || open_meta(&file, &dir, &ConfigSource::System, &|_| {});
        Manager::new(open, &|_| {})
    }
}

impl<'a> Manager<'a> {
    /// With modules and configuration as `open` has them. What is noticed while plans are made goes to `sink`. Neither may
    /// call the manager, which would wait for itself.
    ///
    /// Errors: those of `open`.
    pub fn new(
        open: impl Fn() -> Result<Context<'a>, Error> + Send + Sync + 'a,
        sink: Sink<'a>,
    ) -> Result<Self, Error> {
        let begun = Moment::now();
        let context = open()?;
        let stamp = context.sources().stamp();
        let read = Mutex::new((!stamp.is_since(begun)).then_some(stamp));
        let (context, turn) = (Mutex::new(context), RwLock::new(()));
        Ok(Self { open: Box::new(open), context, read, sink, turn, actor: Actor::new() })
    }

    /// Reads the configuration, and where modules are, anew.
    ///
    /// Errors: they cannot be had any more; all stays as it was.
    pub fn refresh(&self) -> Result<(), Error> {
        let mut read = lock(&self.read);
        // Before it is read: what changes meanwhile has not been seen.
        *read = Some(self.stamp());
        self.read_anew()
    }

    /// The same, if any of the files has changed that they were read from: whether it has. Files are examined, some fifty
    /// on a usual system, but not read for this.
    ///
    /// Errors: as those of [`refresh`](Self::refresh), once for each change.
    pub fn refresh_if_changed(&self) -> Result<bool, Error> {
        // Who asks meanwhile waits, and goes on with what is new.
        let mut read = lock(&self.read);
        let now = Some(self.stamp());
        if *read == now {
            return Ok(false);
        }
        *read = now;
        self.read_anew().map(|()| true)
    }

    fn stamp(&self) -> Stamp {
        let sources = self.context().sources().clone();
        sources.stamp()
    }

    fn read_anew(&self) -> Result<(), Error> {
        let new = (self.open)()?;
        *self.context() = new;
        Ok(())
    }

    /// Loads the module of this name, or all those of this alias, with what they need. `-` and `_` are one. That
    /// it is loaded or built in is no error.
    ///
    /// Errors: the first one, with the report, which has all of them and what was loaded in spite of them: where an alias
    /// stands for several modules the others are loaded all the same.
    pub fn load(&self, name: impl AsRef<[u8]>) -> Result<Report, Incomplete<Report>> {
        let _with_others = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        let report = self.load_all(self.plan(name.as_ref())?);
        match report.failed.first() {
            Some((_, error)) => Err(Incomplete::new(error.clone(), report)),
            None => Ok(report),
        }
    }

    /// Loads every driver for the device with this `modalias`, and goes on after a failure. That nothing serves
    /// the device is no failure.
    pub fn load_for_device(&self, modalias: impl AsRef<[u8]>) -> Report {
        self.load_for_device_if(modalias, |_| true)
    }

    /// Like [`load_for_device`](Self::load_for_device), but only those drivers that `wanted` lets pass; it must not call
    /// the manager, which would wait for itself.
    pub fn load_for_device_if(
        &self,
        modalias: impl AsRef<[u8]>,
        mut wanted: impl FnMut(&Module) -> bool,
    ) -> Report {
        let _with_others = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        let mut planned = self.plan_for_device(modalias);
        planned.retain(|planned| wanted(&planned.module));
        self.load_all(planned)
    }

    /// What [`load`](Self::load) would do now.
    ///
    /// Errors: nothing has this name or alias, or it cannot be one.
    pub fn plan(&self, name: impl AsRef<[u8]>) -> Result<Vec<Planned>, Error> {
        let name = name.as_ref();
        let context = self.context();
        let found = context.lookup(name).map_err(|_| Error::Malformed { name: name.into() })?;
        if found.is_empty() {
            return Err(Error::NotFound { name: name.into() });
        }
        Ok(plan::all(&context, found, false, self.sink))
    }

    /// What [`load_for_device`](Self::load_for_device) would do now.
    pub fn plan_for_device(&self, modalias: impl AsRef<[u8]>) -> Vec<Planned> {
        let context = self.context();
        let found = plan::drivers(&context, modalias.as_ref());
        plan::all(&context, found, true, self.sink)
    }

    /// Removes the module of this name, or all those of this alias, and those that it needed and nothing uses any
    /// more, as `modprobe -r` does. That it is not loaded is no error. The answer has what was removed, in this order.
    ///
    /// Errors: it is built in, in use, or the kernel refuses; or nothing has this name or alias, or it cannot be one. With
    /// them comes what was removed before.
    pub fn unload(&self, name: impl AsRef<[u8]>) -> Result<Vec<BString>, Incomplete<Vec<BString>>> {
        let name = name.as_ref();
        let _alone = self.turn.write().unwrap_or_else(PoisonError::into_inner);
        let context = self.context();
        let mut found = context.lookup(name).map_err(|_| Error::Malformed { name: name.into() })?;
        let own = name::normalize(name);
        if found.is_empty() && module::is_present(&own) {
            // Somebody loaded a file from elsewhere.
            found.push(Module::named(own.into_owned()));
        }
        if found.is_empty() {
            return Err(Error::NotFound { name: name.into() }.into());
        }
        let mut remover =
            Remover { surroundings: self.actor.surroundings(), removed: Vec::new(), command: None };
        for module in &found {
            if !module.builtin && !context.is_builtin(&module.name) {
                execute::settled(&module.name);
            }
            let outcome = remove::remove(&context, module, remove::Request::default(), &mut remover);
            if let Err(failure) = outcome {
                let error = Error::of_removal(failure, remover.command.take());
                return Err(Incomplete::new(error, remover.removed));
            }
        }
        Ok(remover.removed)
    }

    /// The directory that the files of modules are below.
    pub fn dir(&self) -> PathBuf {
        self.context().dir().to_path_buf()
    }

    /// The meta.pb that modules are looked up in; `None` where indexes are asked.
    pub fn meta_file(&self) -> Option<PathBuf> {
        self.context().meta_file().map(Path::to_path_buf)
    }

    /// What the kernel says about the module of this name; `None` where it is not loaded.
    pub fn state(&self, name: impl AsRef<[u8]>) -> Option<State> {
        let name = name::normalize(name.as_ref());
        // What is built in has a directory like a module that is about to start.
        module::state(&name).filter(|&state| state != State::Coming || !self.context().is_builtin(&name))
    }

    fn context(&self) -> MutexGuard<'_, Context<'a>> {
        lock(&self.context)
    }

    /// Carries plans out. Whoever calls has a turn since before they were made.
    fn load_all(&self, planned: Vec<Planned>) -> Report {
        let mut report = Report::default();
        for Planned { module, prospect } in planned {
            let name = module.name;
            match prospect {
                Prospect::Load(steps) => {
                    if let Err(error) = self.take(&steps, &mut report) {
                        report.failed.push((name, error));
                    }
                }
                Prospect::Loaded => report.already.push(name),
                Prospect::BuiltIn => report.builtin.push(name),
                Prospect::Blacklisted(_) => report.blacklisted.push(name),
                Prospect::Forbidden(error) => report.failed.push((name, error)),
            }
        }
        report
    }

    /// Takes the steps of one plan up to the first that it cannot do without.
    fn take(&self, steps: &[probe::Step], report: &mut Report) -> Result<(), Error> {
        for step in steps.iter().filter(|step| !step.loaded) {
            let name = || step.module.clone();
            match self.actor.take(step) {
                Ok(Done::Inserted(_)) => report.loaded.push(name()),
                Ok(Done::Installed) => report.commands.push(name()),
                Ok(Done::Loaded) if step.requested => report.already.push(name()),
                Ok(Done::BuiltIn) if step.requested => report.builtin.push(name()),
                Err(error) if step.required => return Err(error),
                // What was there needs no word, and a soft dependency may fail unheard.
                Ok(Done::Loaded | Done::BuiltIn) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// What a panic of another thread leaves behind is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Manager<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Removes by the kernel, and keeps what came of it.
struct Remover<'r> {
    surroundings: Surroundings<'r>,
    removed: Vec<BString>,
    /// How the last command failed.
    command: Option<command::Failure>,
}

impl Hand for Remover<'_> {
    fn remove(&mut self, module: &BStr) -> std::io::Result<()> {
        by_kernel(module, false)?;
        self.removed.push(module.into());
        Ok(())
    }

    fn command(&mut self, module: &BStr, command: &BStr) -> bool {
        self.command = self.surroundings.run(module, command, b"".as_bstr()).err();
        self.command.is_none()
    }
}
