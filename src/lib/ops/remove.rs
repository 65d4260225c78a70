//! Removing a module together with its soft dependencies, its holders and unused dependencies.
//!
//! The holders are removed before the module, the dependencies after it, the soft dependencies on either
//! side. Which steps follow depends on how each step changed use counts, so there is no plan: the modules
//! are walked, and an observer is notified. Contract: `modprobe -r` of kmod 34.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;

use bstr::{BStr, BString, ByteSlice};

use crate::context::loaded;
use crate::context::{Context, Module};
use crate::formats::config::Softdeps;
use crate::name::{self, UnmatchedBracket};
use crate::ops::ModuleError;
use crate::ops::probe::{Executor, Observer, Removal};
use crate::setters::setters;
use crate::sys::module;

/// Options for the removal of a module.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct RemoveRequest {
    /// Ignore the module's remove command and soft dependencies (`-i`).
    pub ignore_commands: bool,
    /// First remove the modules that hold it.
    pub holders: bool,
    /// Fail if the module is not loaded (`--first-time`).
    pub first_time: bool,
    /// Ignore failures of soft dependencies (`-a`, `-q`).
    pub lenient: bool,
}

setters!(RemoveRequest { ignore_commands: bool, holders: bool, first_time: bool, lenient: bool });

/// Returns the modules that a name or alias stands for in a removal: those that a lookup finds, otherwise the loaded module
/// with this name, whose file may be outside the module directory, or may no longer exist.
///
/// Errors: unmatched brackets.
pub fn candidates(context: &Context, name: &[u8]) -> Result<Vec<Module>, UnmatchedBracket> {
    let mut found = context.lookup(name)?;
    let own = name::normalize(name);
    if found.is_empty() && loaded::is_loadable(&own) {
        found.push(Module::named(own.into_owned()));
    }
    Ok(found)
}

/// Removes `module`, and its dependencies if nothing else uses them.
///
/// Failures of dependencies are ignored. For soft dependencies, errors of the kernel are ignored, or all
/// failures if the request is lenient. The observer is notified of each.
///
/// Errors: the reason why the module was not removed.
pub fn remove(
    context: &Context,
    executor: &Executor,
    module: &Module,
    request: RemoveRequest,
    observer: &mut dyn Observer,
) -> Result<(), ModuleError> {
    let mut walk = Walk {
        context,
        executor,
        observer,
        open: BTreeSet::new(),
        removed: BTreeSet::new(),
        tasks: Vec::new(),
    };
    walk.tasks.push(Task::Begin(module.clone(), request, Cause::Requested));
    while let Some(task) = walk.tasks.pop() {
        if let Err(error) = walk.take(task) {
            walk.unwind(error)?;
        }
    }
    Ok(())
}

/// A pending piece of work; the next one is on top of the stack. A stack is used because chains of soft
/// dependencies may be long.
enum Task {
    /// A module with everything that is removed before and after it.
    Begin(Module, RemoveRequest, Cause),
    /// The holders of the module.
    Holders(BString, RemoveRequest),
    /// The module itself, by its remove command or by the kernel.
    Remove(Module, RemoveRequest),
    /// The end of the work for the module.
    End(BString, RemoveRequest, Cause),
}

/// The reason why a module is to be removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// It was requested.
    Requested,
    /// It holds a module that is to be removed.
    Holder,
    /// It is a soft dependency of a module that is to be removed.
    Soft,
}

struct Walk<'w> {
    context: &'w Context,
    executor: &'w Executor,
    observer: &'w mut dyn Observer,
    /// The modules whose removal has begun but not ended.
    open: BTreeSet<BString>,
    /// The modules that the kernel has removed. A module that is no longer used goes with the last of its holders.
    removed: BTreeSet<BString>,
    tasks: Vec<Task>,
}

impl Walk<'_> {
    fn take(&mut self, task: Task) -> Result<(), ModuleError> {
        match task {
            Task::Begin(module, request, cause) => self.begin(module, request, cause),
            Task::Holders(name, request) => {
                // The last holder ends up on top of the stack and is removed first, as it should be.
                let holders = loaded::holders(&name).unwrap_or_default().into_iter();
                let begin = |holder| Task::Begin(Module::named(holder), request, Cause::Holder);
                self.tasks.extend(holders.map(begin));
                Ok(())
            }
            Task::Remove(module, request) => self.remove_module(&module, request),
            Task::End(name, ..) => {
                self.open.remove(&name);
                Ok(())
            }
        }
    }

    /// Discards the work for the modules that cannot be removed because of the one that failed. If that was
    /// a soft dependency and the kernel refused it, the remaining work continues; any other failure ends
    /// the removal, as with kmod.
    fn unwind(&mut self, error: ModuleError) -> Result<(), ModuleError> {
        while let Some(task) = self.tasks.pop() {
            let Task::End(name, request, cause) = task else { continue };
            self.open.remove(&name);
            match cause {
                Cause::Holder => {}
                Cause::Soft if request.lenient || matches!(error, ModuleError::Kernel { .. }) => {
                    self.observer.kept(&error);
                    return Ok(());
                }
                Cause::Soft | Cause::Requested => break,
            }
        }
        Err(error)
    }

    /// Schedules the work for one module. A loop of soft dependencies ends when it reaches a module that is
    /// already being removed.
    fn begin(&mut self, module: Module, request: RemoveRequest, cause: Cause) -> Result<(), ModuleError> {
        let name = module.name.clone();
        if !self.open.insert(name.clone()) {
            return Ok(());
        }
        self.tasks.push(Task::End(name.clone(), request, cause));
        if self.command(&name, request).is_none() && !self.is_removable(&module, request, cause)? {
            return Ok(());
        }
        let below = RemoveRequest { holders: false, ..request };
        let config = self.context.config();
        let softdeps = if request.ignore_commands { Softdeps::default() } else { config.softdeps_of(&name) };
        // The last one is removed first because it is on top of the stack. This holds for the names as well
        // as for the modules that a name stands for.
        self.soft(&softdeps.pre, below);
        self.tasks.push(Task::Remove(module, request));
        if request.holders {
            self.tasks.push(Task::Holders(name, below));
        }
        self.soft(&softdeps.post, below);
        Ok(())
    }

    fn soft(&mut self, names: &[&BString], request: RemoveRequest) {
        for &name in names {
            let found = self.context.lookup(name).unwrap_or_default().into_iter();
            self.tasks.extend(found.map(|module| Task::Begin(module, request, Cause::Soft)));
        }
    }

    fn command(&self, name: &BString, request: RemoveRequest) -> Option<&BString> {
        let config = self.context.config();
        let command = if request.ignore_commands { None } else { config.remove_for(name) };
        command.map(|command| &command.command)
    }

    /// Whether the module is loaded and can be removed.
    fn is_removable(
        &self,
        module: &Module,
        request: RemoveRequest,
        cause: Cause,
    ) -> Result<bool, ModuleError> {
        let name = &module.name;
        if module.builtin || self.context.is_builtin(name) {
            return if cause == Cause::Requested {
                Err(ModuleError::BuiltIn { module: name.clone() })
            } else {
                Ok(false)
            };
        }
        if cause != Cause::Requested && self.removed.contains(name) {
            return Ok(false);
        }
        // For an unusual state, the kernel's own error is more precise.
        let present = loaded::is_present(name);
        if request.first_time && !present {
            Err(ModuleError::NotLoaded { module: name.clone() })
        } else {
            Ok(present)
        }
    }

    fn remove_module(&mut self, module: &Module, request: RemoveRequest) -> Result<(), ModuleError> {
        let name = module.name.as_bstr();
        if let Some(command) = self.command(&module.name, request).cloned() {
            let removal = Removal { module: name, command: Some(command.as_bstr()) };
            let run = |executor: &Executor| executor.run(name, command.as_bstr(), BStr::new(""));
            return self.with_observer(removal, run);
        }
        if self.removed.contains(&module.name) {
            return Ok(());
        }
        let options = self.executor.options();
        let counts = options.wait.is_none();
        if counts && loaded::count(name).is_ok_and(|count| count > 0) {
            return Err(ModuleError::InUse { module: module.name.clone() });
        }
        self.by_kernel(name)?;
        self.dependencies(name);
        Ok(())
    }

    fn by_kernel(&mut self, module: &BStr) -> Result<(), ModuleError> {
        let result = self.with_observer(Removal { module, command: None }, |executor| {
            let options = executor.options();
            let force = options.force.vermagic && options.force.modversions;
            let kernel = |error: io::Error| ModuleError::Kernel {
                errno: error.raw_os_error().unwrap_or(libc::EIO),
                module: module.into(),
                path: None,
            };
            let name = c_name(module).map_err(kernel)?;
            match options.wait {
                Some(time) => module::remove_within(&name, force, time),
                None => module::remove(&name, force),
            }
            .map_err(kernel)
        });
        if result.is_ok() {
            self.removed.insert(module.into());
        }
        result
    }

    /// Runs `work` unless this is a dry run. The observer is notified before and after.
    fn with_observer(
        &mut self,
        removal: Removal<'_>,
        work: impl FnOnce(&Executor) -> Result<(), ModuleError>,
    ) -> Result<(), ModuleError> {
        self.observer.removing(&removal);
        if self.executor.options().dry_run {
            return Ok(());
        }
        let result = work(self.executor);
        self.observer.removed(&removal, &result);
        result
    }

    /// Removes those of the module's dependencies that nothing uses any more, in the order in which they were
    /// loaded. Modules that only these dependencies needed stay loaded, as with kmod.
    fn dependencies(&mut self, module: &BStr) {
        let Some(dep) = self.context.checked_dep(module) else { return };
        let mut paths: Vec<&[u8]> = dep.dependencies().collect();
        paths.reverse();
        for path in paths {
            let name: BString = name::from_path(path).into_owned().into();
            if loaded::count(&name).is_ok_and(|count| count == 0) {
                // A dependency that cannot be removed is not a failure of the module that was removed.
                let _ = self.by_kernel(name.as_bstr());
            }
        }
    }
}

/// Asks the kernel to remove a module, without waiting for it to be released.
///
/// Errors: the kernel's: `EAGAIN` or `EWOULDBLOCK` while the module is in use, `EBUSY`, `ENOENT` if it is
/// not loaded.
pub fn by_kernel(module: &BStr, force: bool) -> io::Result<()> {
    module::remove(&c_name(module)?, force)
}

fn c_name(module: &BStr) -> io::Result<CString> {
    CString::new(module.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
