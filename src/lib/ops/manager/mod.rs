//! The manager: one object that loads and removes modules for all threads of a program.
//!
//! This module owns how concurrent calls affect each other. What is loaded, in which order and with which
//! parameters is determined by the plans of [`probe`](crate::ops::probe), as for modprobe. It must not
//! print.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use bstr::BString;

use crate::context::loaded::{self, ModuleState};
use crate::context::{ConfigSource, Context, FileTime, Module, Stamp, module_dir};
use crate::error;
use crate::lock::{Mutex, RwLock};
use crate::name;
use crate::notice::Sink;
use crate::ops::ModuleError;
use crate::ops::command::{CommandEnvironment, CommandOutput};
use crate::ops::probe::{
    Decision, ExecuteOptions, Executor, Finished, Observer, Plan, Removal, Request, StepOutcome,
    wait_until_settled,
};
use crate::ops::remove::{self, RemoveRequest};

/// The module name in an `alias` line that means that a device shall have no driver.
const NONE: &[u8] = b"off";

/// Opens the modules and their configuration, initially and at each [`Manager::refresh`].
type Open = Box<dyn Fn() -> error::Result<Context> + Send + Sync>;

/// Loads and removes modules for a whole program.
///
/// All methods may be called from any number of threads. Loads run in parallel; if several calls want the
/// same module at the same time, one inserts it and the others get its result. [`unload`](Self::unload)
/// waits until no load is running, and loads wait for it.
///
/// The manager does not remember what is loaded: each call asks the kernel, so other programs may load and
/// remove modules at any time. If another process is loading or removing a module, the call waits for that
/// to end. The configuration and the locations of modules are read once and kept until
/// [`refresh`](Self::refresh) or [`refresh_if_changed`](Self::refresh_if_changed).
///
/// `options`, `install`, `softdep`, `forbid` and the other directives of modprobe.d(5) have the same effect
/// as for `modprobe`. A `blacklist` line prevents a module from being loaded for a device, but not by its
/// own name.
///
/// # Example
///
/// Find out what would be loaded for a device, with modules from a directory of your own:
///
/// ```
/// use std::fs;
/// use oxmod::context::{ConfigSource, Context};
/// use oxmod::notice::Sink;
/// use oxmod::ops::manager::Manager;
///
/// let root = tempfile::tempdir()?;
/// let dir = root.path().join("lib/modules/6.12.0");
/// fs::create_dir_all(&dir)?;
/// fs::write(dir.join("modules.dep"), "net/e1000x.ko: lib/mdio_x.ko\nlib/mdio_x.ko:\n")?;
/// fs::write(dir.join("modules.alias"), "alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000x\n")?;
///
/// let open = move || Ok(Context::open(dir.clone(), &ConfigSource::Nothing, &Sink::none()));
/// let manager = Manager::new(open)?;
/// let plans = manager.plan_for_device("pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00");
/// let names: Vec<_> = plans[0].steps().iter().map(|step| step.module.to_string()).collect();
/// assert_eq!(names, ["mdio_x", "e1000x"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Load modules, which requires `CAP_SYS_MODULE`:
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
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Manager {
    open: Open,
    context: Mutex<Context>,
    /// The state of the files that the context was read from, if known.
    read: Mutex<Option<Stamp>>,
    /// Held shared by loads and exclusively by removals.
    turn: RwLock<()>,
    executor: Executor,
}

/// The result of loading. Each list is in chronological order.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LoadReport {
    /// The modules that this call inserted: drivers and their dependencies. If several calls run in parallel, a
    /// module is listed by only one of them.
    pub loaded: Vec<BString>,
    /// Requested modules that were already loaded, or that another call loaded.
    pub already: Vec<BString>,
    /// Requested modules that are built in.
    pub builtin: Vec<BString>,
    /// Modules for which an install command of the configuration was run instead, by this call or by a
    /// concurrent call for the same module.
    pub commands: Vec<BString>,
    /// Modules that were not loaded for a device because they are blacklisted.
    pub blacklisted: Vec<BString>,
    /// Requested modules that could not be loaded, and why; the cause may be a module that they need.
    pub failed: Vec<(BString, ModuleError)>,
}

/// The error of a request that was not, or only partly, carried out, together with what was done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct Incomplete<D: fmt::Debug> {
    /// The first error.
    pub error: Box<ModuleError>,
    /// What was done.
    pub done: Box<D>,
}

impl<D: fmt::Debug> Incomplete<D> {
    fn new(error: ModuleError, done: D) -> Self {
        Self { error: Box::new(error), done: Box::new(done) }
    }
}

/// Conversion for a request of which nothing was done.
impl<D: fmt::Debug + Default> From<ModuleError> for Incomplete<D> {
    fn from(error: ModuleError) -> Self {
        Self::new(error, D::default())
    }
}

/// Conversion for callers that only need the error.
impl<D: fmt::Debug> From<Incomplete<D>> for ModuleError {
    fn from(incomplete: Incomplete<D>) -> Self {
        *incomplete.error
    }
}

impl Manager {
    /// Opens the modules of the running kernel below `root`, in `lib/modules/RELEASE`, with the system's
    /// configuration. Notices are dropped; to receive them, use [`Manager::new`] with your own context.
    ///
    /// Errors: the directory does not exist.
    pub fn from_root(root: impl AsRef<Path>) -> error::Result<Self> {
        let root = root.as_ref().to_path_buf();
        Self::new(move || {
            // Paths are concatenated, so a root of "/" would produce a double slash.
            let below = Some(root.as_os_str()).filter(|root| *root != "/");
            let dir = module_dir(below, None).map_err(error::Error::at(&root))?;
            Context::open_existing(dir, &ConfigSource::System, &Sink::none())
        })
    }

    /// Opens the modules of a [meta.pb](crate::formats::meta), whose files are below `dir`, with the
    /// system's configuration. No other index is needed or read. Notices are dropped; to receive them, use
    /// [`Manager::new`] with your own context.
    ///
    /// Errors: the file does not exist, or is not a usable meta.pb.
    pub fn from_meta(file: impl AsRef<Path>, dir: impl AsRef<Path>) -> error::Result<Self> {
        let (file, dir) = (file.as_ref().to_path_buf(), dir.as_ref().to_path_buf());
        Self::new(move || Context::open_meta(&file, dir.clone(), &ConfigSource::System, &Sink::none()))
    }

    /// Returns a manager that gets modules and configuration from `open`, initially and at each
    /// [`refresh`](Self::refresh). Neither `open` nor the sink of its context may call the manager: that
    /// would deadlock.
    ///
    /// Errors: those of `open`.
    pub fn new(open: impl Fn() -> error::Result<Context> + Send + Sync + 'static) -> error::Result<Self> {
        let begun = FileTime::now();
        let context = open()?;
        let stamp = context.sources().stamp();
        let read = Mutex::new((!stamp.may_have_changed_since(begun)).then_some(stamp));
        let (context, turn) = (Mutex::new(context), RwLock::default());
        // Standard output belongs to the program, which may not expect the output of commands there.
        let commands =
            CommandEnvironment { output: CommandOutput::Error, ..CommandEnvironment::of_process() };
        let executor = Executor::shared(ExecuteOptions { commands, ..ExecuteOptions::default() });
        Ok(Self { open: Box::new(open), context, read, turn, executor })
    }

    /// Reloads the configuration and the locations of modules.
    ///
    /// Errors: they cannot be read any more. The previous state is kept.
    pub fn refresh(&self) -> error::Result<()> {
        let mut read = self.read.lock();
        // The stamp is taken before the files are read: a change in the meantime is then noticed the next time.
        *read = Some(self.stamp());
        self.reopen()
    }

    /// Reloads if any of the files has changed; returns whether it did. To detect this, files are examined
    /// (about fifty on a typical system) but not read.
    ///
    /// Errors: those of [`refresh`](Self::refresh), once for each change.
    pub fn refresh_if_changed(&self) -> error::Result<bool> {
        // Concurrent callers wait here, and then use the new state.
        let mut read = self.read.lock();
        let now = Some(self.stamp());
        if *read == now {
            return Ok(false);
        }
        *read = now;
        self.reopen().map(|()| true)
    }

    fn stamp(&self) -> Stamp {
        let sources = self.context().sources().clone();
        sources.stamp()
    }

    fn reopen(&self) -> error::Result<()> {
        let new = (self.open)()?;
        *self.context() = new;
        Ok(())
    }

    /// Loads the module with this name, or all modules with this alias, including their dependencies. `-`
    /// and `_` are equivalent. A module that is already loaded or built in is not an error.
    ///
    /// Errors: the first error, with the report, which contains all of them and what was loaded
    /// nevertheless: if an alias stands for several modules, the others are still loaded.
    pub fn load(&self, name: impl AsRef<[u8]>) -> Result<LoadReport, Incomplete<LoadReport>> {
        let _no_removals = self.turn.read();
        let report = self.load_all(self.plan(name.as_ref())?);
        match report.failed.first() {
            Some((_, error)) => Err(Incomplete::new(error.clone(), report)),
            None => Ok(report),
        }
    }

    /// Loads every driver for the device with this `modalias`, and continues after failures. A device
    /// without a driver is not a failure.
    pub fn load_for_device(&self, modalias: impl AsRef<[u8]>) -> LoadReport {
        self.load_for_device_if(modalias, |_| true)
    }

    /// Like [`load_for_device`](Self::load_for_device), but only loads the drivers for which `wanted`
    /// returns true. `wanted` must not call the manager: that would deadlock.
    pub fn load_for_device_if(
        &self,
        modalias: impl AsRef<[u8]>,
        mut wanted: impl FnMut(&Module) -> bool,
    ) -> LoadReport {
        let _no_removals = self.turn.read();
        let mut plans = self.plan_for_device(modalias);
        plans.retain(|plan| wanted(&plan.module));
        self.load_all(plans)
    }

    /// Returns what [`load`](Self::load) would do now.
    ///
    /// Errors: no module has this name or alias, or it is not a valid name.
    pub fn plan(&self, name: impl AsRef<[u8]>) -> Result<Vec<Plan>, ModuleError> {
        let name = name.as_ref();
        let context = self.context();
        let found = context.lookup(name).map_err(|_| ModuleError::Malformed { name: name.into() })?;
        if found.is_empty() {
            return Err(ModuleError::NotFound { name: name.into() });
        }
        Ok(plan_each(&context, found, false))
    }

    /// Returns what [`load_for_device`](Self::load_for_device) would do now.
    pub fn plan_for_device(&self, modalias: impl AsRef<[u8]>) -> Vec<Plan> {
        let context = self.context();
        let found = drivers(&context, modalias.as_ref());
        plan_each(&context, found, true)
    }

    /// Removes the module with this name, or all modules with this alias, and those of their dependencies
    /// that nothing uses any more, as `modprobe -r` does. A module that is not loaded is not an error.
    /// Returns the removed modules, in order of removal.
    ///
    /// Errors: the module is built in, in use, or the kernel refuses; or no module has this name or alias,
    /// or it is not a valid name. The error includes what was removed before.
    pub fn unload(&self, name: impl AsRef<[u8]>) -> Result<Vec<BString>, Incomplete<Vec<BString>>> {
        let name = name.as_ref();
        let _no_loads = self.turn.write();
        let context = self.context();
        let found = remove::candidates(&context, name);
        let found = found.map_err(|_| ModuleError::Malformed { name: name.into() })?;
        if found.is_empty() {
            return Err(ModuleError::NotFound { name: name.into() }.into());
        }
        let mut removed = Removed::default();
        for module in &found {
            if !module.builtin && !context.is_builtin(&module.name) {
                wait_until_settled(&module.name);
            }
            let request = RemoveRequest::default();
            if let Err(error) = remove::remove(&context, &self.executor, module, request, &mut removed) {
                let error = match error {
                    ModuleError::Kernel { errno: libc::EAGAIN, module, .. } => ModuleError::InUse { module },
                    other => other,
                };
                return Err(Incomplete::new(error, removed.0));
            }
        }
        Ok(removed.0)
    }

    /// The directory that contains the module files.
    pub fn dir(&self) -> PathBuf {
        self.context().dir().to_path_buf()
    }

    /// The meta.pb that is used for lookups; `None` if indexes are used.
    pub fn meta_file(&self) -> Option<PathBuf> {
        self.context().meta_file().map(Path::to_path_buf)
    }

    /// Returns the state of the module in the kernel; `None` if it is not loaded.
    pub fn state(&self, name: impl AsRef<[u8]>) -> Option<ModuleState> {
        let name = name::normalize(name.as_ref());
        // The sysfs directory of a built-in module looks like that of a module that is being loaded.
        loaded::state(&name)
            .filter(|&state| state != ModuleState::Coming || !self.context().is_builtin(&name))
    }

    fn context(&self) -> MutexGuard<'_, Context> {
        self.context.lock()
    }

    /// Executes plans. The caller has held `turn` since before they were made.
    fn load_all(&self, plans: Vec<Plan>) -> LoadReport {
        let mut report = LoadReport::default();
        for plan in plans {
            let result = match plan.refusal() {
                Some(error) => Err(error),
                None => self.executor.load(&plan, &mut report),
            };
            let name = plan.module.name;
            match (result, plan.decision) {
                (Err(error), _) => report.failed.push((name, error)),
                (_, Decision::Loaded) => report.already.push(name),
                (_, Decision::BuiltIn) => report.builtin.push(name),
                (_, Decision::Blacklisted(_)) => report.blacklisted.push(name),
                (_, Decision::Load(_) | Decision::Forbidden(_)) => {}
            }
        }
        report
    }
}

impl Observer for LoadReport {
    fn finished(&mut self, Finished { step, result, .. }: &Finished<'_>) {
        let name = || step.module.clone();
        match result {
            Ok(StepOutcome::Inserted(_)) => self.loaded.push(name()),
            Ok(StepOutcome::Installed) => self.commands.push(name()),
            Ok(StepOutcome::Loaded) if step.requested => self.already.push(name()),
            Ok(StepOutcome::BuiltIn) if step.requested => self.builtin.push(name()),
            // Dependencies that were already loaded are not listed, and a soft dependency may fail silently.
            Ok(StepOutcome::Loaded | StepOutcome::BuiltIn) | Err(_) => {}
        }
    }
}

/// Collects the modules that the kernel removed.
#[derive(Default)]
struct Removed(Vec<BString>);

impl Observer for Removed {
    fn removed(&mut self, removal: &Removal<'_>, result: &Result<(), ModuleError>) {
        if removal.command.is_none() && result.is_ok() {
            self.0.push(removal.module.into());
        }
    }
}

/// Returns the drivers for the device with this modalias, the built-in ones last. An `alias` line in the
/// configuration for the device overrides all aliases of the modules themselves.
fn drivers(context: &Context, modalias: &[u8]) -> Vec<Module> {
    // A string with unmatched brackets is not an alias and matches nothing.
    let Ok(key) = name::normalize_alias(modalias) else { return Vec::new() };
    let mut found = context.lookup(modalias).unwrap_or_default();
    if context.config().aliases_of(&key).next().is_none() && !found.iter().any(|module| module.builtin) {
        found.extend(context.builtins_for(&key));
    }
    found.retain(|module| module.name != NONE);
    found
}

/// Makes one plan for each module, even if several of its patterns match. For a device, the blacklist applies even if the
/// modalias is a module's own name.
fn plan_each(context: &Context, mut modules: Vec<Module>, for_device: bool) -> Vec<Plan> {
    let mut seen = BTreeSet::new();
    modules.retain(|module| seen.insert(module.name.clone()));
    let request = Request::new().blacklist_names(for_device);
    modules.into_iter().map(|module| Plan::new(context, module, &request)).collect()
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("context", &self.context).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Manager;

    #[test]
    fn a_manager_can_be_shared_by_threads() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Manager>();
    }
}
