//! Removing a module: its soft dependencies around it, its holders before it, what it needed after it.
//!
//! Which steps there are depends on what each step did to use counts, so this is no plan but a walk
//! over a [`Hand`], which removes in earnest or only shows. Contract: modprobe -r of kmod 34.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;

use bstr::{BStr, BString, ByteSlice};

use crate::context::loaded;
use crate::context::{Context, Module};
use crate::formats::config::Softdeps;
use crate::name;
use crate::sys::module;

/// How to treat the module and what hangs on it.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request {
    /// Pass over the module's remove command and soft dependencies (`-i`).
    pub ignore_commands: bool,
    /// Remove the modules that hold it first.
    pub holders: bool,
    /// A module that is not loaded is a failure (`--first-time`).
    pub first_time: bool,
    /// A use count above zero is for the kernel to judge: the hand waits, or forces.
    pub count_ignored: bool,
    /// What goes wrong with soft dependencies does not matter (`-q`).
    pub lenient: bool,
}

/// Why a module stays.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is part of the kernel.
    #[error("module {0} is built in")]
    BuiltIn(BString),
    /// It is not loaded, and the request called that a failure.
    #[error("module {0} is not loaded")]
    NotLoaded(BString),
    /// Something uses it.
    #[error("module {0} is in use")]
    InUse(BString),
    /// The hand could not remove it.
    #[error("module {0} could not be removed: {1}")]
    Kernel(BString, io::Error),
    /// The remove command of the configuration failed.
    #[error("the remove command of module {0} failed")]
    Command(BString),
}

/// What does the steps.
pub trait Hand {
    /// Removes one module.
    fn remove(&mut self, module: &BStr) -> io::Result<()>;
    /// Runs a remove command in place of a removal; `false` when it fails.
    fn command(&mut self, module: &BStr, command: &BStr) -> bool;
}

/// Removes `module` and, where nothing else needs them, its dependencies.
///
/// Failures of dependencies are passed over, and of soft dependencies those of the kernel, or all where the
/// request is lenient.
pub fn remove(
    context: &Context<'_>,
    module: &Module,
    request: Request,
    hand: &mut dyn Hand,
) -> Result<(), Failure> {
    let mut walk = Walk { context, hand, open: HashSet::new(), tasks: Vec::new() };
    walk.tasks.push(Task::Begin(module.clone(), request, Place::Asked));
    while let Some(task) = walk.tasks.pop() {
        if let Err(failure) = walk.take(task) {
            walk.unwind(failure)?;
        }
    }
    Ok(())
}

/// Work still to be done, the next piece on top of the stack: chains of soft dependencies may be long.
enum Task {
    /// A module with all that goes before and after it.
    Begin(Module, Request, Place),
    /// What holds the module.
    Holders(BString, Request),
    /// The module itself, by its remove command or by the kernel.
    Itself(Module, Request),
    /// The module is done with.
    End(BString, Request, Place),
}

/// Why a module is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It was asked for.
    Asked,
    /// It holds one that is to go.
    Holder,
    /// It is a soft dependency of one that is to go.
    Soft,
}

struct Walk<'w, 'c> {
    context: &'w Context<'c>,
    hand: &'w mut dyn Hand,
    /// The modules whose removal has begun and not ended.
    open: HashSet<BString>,
    tasks: Vec<Task>,
}

impl Walk<'_, '_> {
    fn take(&mut self, task: Task) -> Result<(), Failure> {
        match task {
            Task::Begin(module, request, place) => self.begin(module, request, place),
            Task::Holders(name, request) => {
                // On a stack the last comes first, as it should.
                let holders = loaded::holders(&name).unwrap_or_default().into_iter();
                let begin = |holder| Task::Begin(Module::named(holder), request, Place::Holder);
                self.tasks.extend(holders.map(begin));
                Ok(())
            }
            Task::Itself(module, request) => self.itself(&module, request),
            Task::End(name, ..) => {
                self.open.remove(&name);
                Ok(())
            }
        }
    }

    /// Gives up the modules that cannot go without the one that failed. What remains of the work goes on where
    /// the failure was that of a soft dependency: the kernel's refusal is passed over, anything else ends it all, as
    /// with kmod.
    fn unwind(&mut self, failure: Failure) -> Result<(), Failure> {
        while let Some(task) = self.tasks.pop() {
            let Task::End(name, request, place) = task else { continue };
            self.open.remove(&name);
            match place {
                Place::Holder => {}
                Place::Soft if request.lenient || matches!(failure, Failure::Kernel(..)) => return Ok(()),
                Place::Soft | Place::Asked => break,
            }
        }
        Err(failure)
    }

    /// Lays out the work for one module. A loop of soft dependencies ends where it comes back to a module that is
    /// being removed.
    fn begin(&mut self, module: Module, request: Request, place: Place) -> Result<(), Failure> {
        let name = module.name.clone();
        if !self.open.insert(name.clone()) {
            return Ok(());
        }
        self.tasks.push(Task::End(name.clone(), request, place));
        if self.command(&name, request).is_none() && !self.is_removable(&module, request, place)? {
            return Ok(());
        }
        let below = Request { holders: false, ..request };
        let config = self.context.config();
        let softdeps = if request.ignore_commands { Softdeps::default() } else { config.softdeps_of(&name) };
        // The last one first: it lies on top, of the names as of the modules that a name stands for.
        self.soft(&softdeps.pre, below);
        self.tasks.push(Task::Itself(module, request));
        if request.holders {
            self.tasks.push(Task::Holders(name, below));
        }
        self.soft(&softdeps.post, below);
        Ok(())
    }

    fn soft(&mut self, names: &[&BString], request: Request) {
        for &name in names {
            let found = self.context.lookup(name).unwrap_or_default().into_iter();
            self.tasks.extend(found.map(|module| Task::Begin(module, request, Place::Soft)));
        }
    }

    fn command(&self, name: &BString, request: Request) -> Option<&BString> {
        let config = self.context.config();
        let command = if request.ignore_commands { None } else { config.remove_for(name) };
        command.map(|command| &command.command)
    }

    /// Whether there is anything to remove.
    fn is_removable(&self, module: &Module, request: Request, place: Place) -> Result<bool, Failure> {
        let name = &module.name;
        if module.builtin || self.context.is_builtin(name) {
            return if place == Place::Asked { Err(Failure::BuiltIn(name.clone())) } else { Ok(false) };
        }
        // Of a state that is odd the kernel knows more.
        let present = module::is_present(name);
        if request.first_time && !present { Err(Failure::NotLoaded(name.clone())) } else { Ok(present) }
    }

    fn itself(&mut self, module: &Module, request: Request) -> Result<(), Failure> {
        let name = &module.name;
        if let Some(command) = self.command(name, request).cloned() {
            let done = self.hand.command(name.as_bstr(), command.as_bstr());
            return if done { Ok(()) } else { Err(Failure::Command(name.clone())) };
        }
        if !request.count_ignored && loaded::count(name).is_ok_and(|count| count > 0) {
            return Err(Failure::InUse(name.clone()));
        }
        self.hand.remove(name.as_bstr()).map_err(|error| Failure::Kernel(name.clone(), error))?;
        self.dependencies(name.as_bstr());
        Ok(())
    }

    /// Those of its dependencies that nothing uses any more, the one loaded first coming first: what only
    /// they needed stays, as it does with kmod.
    fn dependencies(&mut self, module: &BStr) {
        let Some(dep) = self.context.line(module) else { return };
        let mut paths: Vec<&[u8]> = dep.dependencies().collect();
        paths.reverse();
        for path in paths {
            let name: BString = name::from_path(path).into_owned().into();
            if loaded::count(&name).is_ok_and(|count| count == 0) {
                // A dependency that stays is no failure of the module that went.
                let _ = self.hand.remove(name.as_bstr());
            }
        }
    }
}

/// Removes a module by the kernel, without waiting for it to be released.
///
/// Errors: the kernel's: `EAGAIN` or `EWOULDBLOCK` while it is in use, `EBUSY`, `ENOENT` when it is gone.
pub fn by_kernel(module: &BStr, force: bool) -> io::Result<()> {
    let name = CString::new(module.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    module::remove(&name, force)
}
