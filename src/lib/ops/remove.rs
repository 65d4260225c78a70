//! Removing a module: its soft dependencies around it, its holders before it, what it needed after it.
//!
//! Which steps there are depends on what each step did to use counts, so this is no plan but a walk
//! over a [`Hand`], which removes in earnest or only shows. Contract: modprobe -r of kmod 34.

use std::ffi::CString;
use std::io;

use bstr::{BStr, BString, ByteSlice};

use crate::config::Softdeps;
use crate::context::{Context, Module};
use crate::name;
use crate::ops::loaded;
use crate::sys::module::{self, State};

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
    Walk { context, hand, open: Vec::new() }.one(module, request)
}

struct Walk<'w, 'c> {
    context: &'w Context<'c>,
    hand: &'w mut dyn Hand,
    /// The modules whose removal has begun and not ended, outermost first.
    open: Vec<BString>,
}

impl Walk<'_, '_> {
    /// A module with its soft dependencies, theirs, and so on. A loop of them ends where it comes back to a
    /// module that is being removed.
    fn one(&mut self, module: &Module, request: Request) -> Result<(), Failure> {
        if self.open.contains(&module.name) {
            return Ok(());
        }
        self.open.push(module.name.clone());
        let outcome = self.surrounded(module, request);
        self.open.pop();
        outcome
    }

    fn surrounded(&mut self, module: &Module, request: Request) -> Result<(), Failure> {
        let config = self.context.config();
        let softdeps =
            if request.ignore_commands { Softdeps::default() } else { config.softdeps_of(&module.name) };
        let command = if request.ignore_commands { None } else { config.remove_for(&module.name) };
        if command.is_none() && !self.is_removable(module, request)? {
            return Ok(());
        }
        let below = Request { holders: false, ..request };
        self.several(&softdeps.post, below)?;
        if request.holders {
            for holder in loaded::holders(&module.name).unwrap_or_default().into_iter().rev() {
                self.one(&Module::named(holder), below)?;
            }
        }
        if let Some(command) = command {
            if !self.hand.command(module.name.as_bstr(), command.command.as_bstr()) {
                return Err(Failure::Command(module.name.clone()));
            }
        } else {
            self.itself(module, request)?;
            self.dependencies(module);
        }
        self.several(&softdeps.pre, below)
    }

    /// Whether there is anything to remove.
    fn is_removable(&self, module: &Module, request: Request) -> Result<bool, Failure> {
        let name = &module.name;
        if module.builtin || self.context.is_builtin(name) {
            return if self.open.len() == 1 { Err(Failure::BuiltIn(name.clone())) } else { Ok(false) };
        }
        match module::state(name) {
            Some(State::Live | State::Coming | State::Going) => Ok(true),
            None if request.first_time => Err(Failure::NotLoaded(name.clone())),
            None => Ok(false),
        }
    }

    fn itself(&mut self, module: &Module, request: Request) -> Result<(), Failure> {
        let name = &module.name;
        if !request.count_ignored && loaded::count(name).is_ok_and(|count| count > 0) {
            return Err(Failure::InUse(name.clone()));
        }
        self.hand.remove(name.as_bstr()).map_err(|error| Failure::Kernel(name.clone(), error))
    }

    /// Those of its dependencies that nothing uses any more, the one loaded first coming first: what only
    /// they needed stays, as it does with kmod.
    fn dependencies(&mut self, module: &Module) {
        let Some(dep) = self.context.dep(&module.name) else { return };
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

    /// Soft dependencies, the last first: the kernel's refusal is passed over, anything else ends it all, as
    /// with kmod.
    fn several(&mut self, names: &[&BString], request: Request) -> Result<(), Failure> {
        for &name in names.iter().rev() {
            for module in self.context.lookup(name).unwrap_or_default().into_iter().rev() {
                match self.one(&module, request) {
                    Err(failure) if !request.lenient && !matches!(failure, Failure::Kernel(..)) => {
                        return Err(failure);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Removes a module by the kernel, without waiting for it to be released.
///
/// Errors: the kernel's: `EAGAIN` or `EWOULDBLOCK` while it is in use, `EBUSY`, `ENOENT` when it is gone.
pub fn by_kernel(module: &BStr, force: bool) -> io::Result<()> {
    let name = CString::new(module.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    module::remove(&name, force)
}
