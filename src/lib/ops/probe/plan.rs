//! From the order of modules to steps with commands and options.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;

use bstr::{BStr, BString};
use indexmap::IndexSet;

use super::forbid::{Forbidden, Gate};
use super::order::{self, Entry};
use crate::context::{Context, Module};
use crate::formats::config::{Blacklist, Command};
use crate::notice::Sink;
use crate::sys::module;

/// What is asked for beyond the module itself.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request<'r> {
    /// Parameters for the requested module, behind those of the configuration.
    pub options: Option<&'r BStr>,
    /// Leave out the requested module's own install command and soft dependencies (`-i`).
    pub ignore_commands: bool,
    /// Plan as if nothing were loaded or built in (`-D`).
    pub ignore_loaded: bool,
    /// Let the blacklist apply to a module that was asked for by its own name too (`-b`).
    pub blacklist_names: bool,
    /// Load what `forbid` lines forbid (`--ignore-forbid`).
    pub ignore_forbid: bool,
    /// The plan is only to be shown: what modules.dep.bin says of dependencies need not be made sure of.
    pub dry_run: bool,
}

/// What one step does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Inserts this file.
    Insert(PathBuf),
    /// Runs this command in place of an insertion; as written, nothing replaced.
    Install(BString),
    /// Nothing: the module is part of the kernel.
    BuiltIn,
    /// Impossible: there is no such module. An alias may name one on purpose, such as `off`.
    Missing,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// The module's normalised name.
    pub module: BString,
    /// What is to be done.
    pub action: Action,
    /// Parameters: those of the configuration, a blank, those of the request. Where only the
    /// configuration has some the blank is there too, as in kmod.
    pub options: BString,
    /// Without this step the rest makes no sense; a failing soft dependency is passed over.
    pub required: bool,
    /// This is the module that was asked for.
    pub requested: bool,
    /// In the kernel already when the plan was made; always false with
    /// [`Request::ignore_loaded`].
    pub loaded: bool,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Plan<'c> {
    /// These steps, in this order, none twice.
    Steps(Vec<Step>),
    /// Nothing: the module is in the kernel.
    Loaded,
    /// Nothing: this entry says that it is not wanted.
    Blacklisted(&'c Blacklist),
    /// Nothing: it must not be loaded.
    Forbidden(Forbidden<'c>),
}

/// Plans the insertion of `module`.
pub fn plan<'c>(
    context: &'c Context<'_>,
    module: &Module,
    request: &Request<'_>,
    sink: Sink<'_>,
) -> Plan<'c> {
    if !request.ignore_loaded && in_kernel(context, module) {
        return Plan::Loaded;
    }
    let gate = Gate { context, open: request.ignore_forbid, ignore_loaded: request.ignore_loaded };
    if let Some(forbidden) = gate.stops(module) {
        return Plan::Forbidden(forbidden);
    }
    if let Some(entry) = context.config().blacklisted(&module.name)
        && (module.alias.is_some() || request.blacklist_names)
    {
        return Plan::Blacklisted(entry);
    }
    let sequence = order::sequence(gate, module, request, sink);
    let steps = sequence.into_iter().map(|entry| {
        let requested = entry.module == *module;
        step(context, entry, requested, request)
    });
    // A plan is short and nobody chooses its steps to collide: keys drawn at random would be a system call for nothing.
    let steps: IndexSet<Step, BuildHasherDefault<DefaultHasher>> = steps.collect();
    Plan::Steps(steps.into_iter().collect())
}

fn step(context: &Context<'_>, entry: Entry, requested: bool, request: &Request<'_>) -> Step {
    let Entry { module, path, required } = entry;
    let command = context.config().install_for(&module.name);
    let given = request.options.filter(|_| requested);
    let options = joined(context.config().options_for(&module.name, module.alias_bytes()), given);
    // That the requested one is not loaded has been seen already.
    let loaded = !request.ignore_loaded && !requested && in_kernel(context, &module);
    let action = match command {
        Some(Command { command, .. }) if !(requested && request.ignore_commands) => {
            Action::Install(command.clone())
        }
        _ => match module.file.or(path) {
            Some(path) => Action::Insert(path),
            None if module.builtin || context.is_builtin(&module.name) => Action::BuiltIn,
            None => Action::Missing,
        },
    };
    Step { module: module.name, action, options, required, requested, loaded }
}

fn joined(configured: Option<BString>, given: Option<&BStr>) -> BString {
    let mut whole = configured.map_or_else(BString::default, |mut configured| {
        configured.push(b' ');
        configured
    });
    whole.extend_from_slice(given.unwrap_or_default());
    whole
}

/// Live or built in; a module that is coming or going does not count.
fn in_kernel(context: &Context<'_>, module: &Module) -> bool {
    module::is_live(&module.name) || is_builtin(context, module)
}

/// Whether a module came with the kernel. A file that is asked for did not, whatever there is of its name.
pub(super) fn is_builtin(context: &Context<'_>, module: &Module) -> bool {
    module.file.is_none() && (module.builtin || context.is_builtin(&module.name))
}
