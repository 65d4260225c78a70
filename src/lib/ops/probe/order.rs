//! The order in which a module, its dependencies and its soft dependencies are loaded.
//!
//! This module owns the walk over modules.dep and softdep lines. A loop of soft dependencies ends when it
//! reaches a module that is already being expanded; a forbidden soft dependency is skipped together with
//! everything that it would load. It must not deal with commands, options or the kernel's state.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bstr::BString;

use super::forbid::Gate;
use super::request::Request;
use crate::context::{Context, Module};
use crate::name;
use crate::notice::Notice;

/// One module of the sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderedModule {
    pub(super) module: Module,
    /// The module's file according to modules.dep.
    pub(super) path: Option<PathBuf>,
    /// Whether loading cannot continue without it: it is the requested module or one of its dependencies.
    pub(super) required: bool,
}

/// The identity of a module: one found by an alias differs from the same one found by its name.
type Identity = (BString, Option<BString>);

/// A module and, if modules.dep lists it, its file: the line of a module contains the paths of its
/// dependencies too.
type Listed = (Module, Option<PathBuf>);

/// A pending piece of work; the next one is on top of the stack.
enum Task {
    /// A module requested by name, after its dependencies.
    Expand(Module),
    /// A module with its soft dependencies before and after it.
    WithSoftdeps(Listed),
    /// Only the module itself.
    Itself(Listed),
}

/// Returns the sequence for `top`. If commands are ignored, the soft dependencies of `top` are left out
/// too, but not those of its dependencies. Repetitions are kept: the plan decides when two steps are equal.
///
/// The caller has already checked `top` with the gate.
pub(super) fn sequence(gate: Gate<'_>, top: &Module, request: &Request) -> Vec<OrderedModule> {
    let context = gate.context;
    let mut required: BTreeSet<BString> = BTreeSet::from([top.name.clone()]);
    let mut expanded: BTreeSet<Identity> = BTreeSet::new();
    let mut reported = BTreeSet::new();
    let mut sequence = Vec::new();
    let mut tasks = vec![Task::Expand(top.clone())];
    while let Some(task) = tasks.pop() {
        match task {
            Task::Expand(module) => {
                if expanded.insert((module.name.clone(), module.alias.clone()))
                    && passes(gate, &module, &mut reported)
                {
                    let (path, needs) = line(context, &module.name, request);
                    // `top` is the first module to be expanded.
                    if expanded.len() == 1 {
                        required.extend(needs.iter().map(|(module, _)| module.name.clone()));
                    }
                    let ignored = request.ignore_commands && module == *top;
                    let task = if ignored { Task::Itself } else { Task::WithSoftdeps };
                    tasks.push(task((module, path)));
                    // The module to be loaded first is last in modules.dep, and so ends up on top of the
                    // stack.
                    tasks.extend(needs.into_iter().map(Task::WithSoftdeps));
                }
            }
            Task::WithSoftdeps(listed) => expand_softdeps(context, listed, &mut tasks),
            Task::Itself((module, path)) => {
                let itself = module.alias.is_none() || module.alias == top.alias;
                let required = itself && required.contains(&module.name);
                sequence.push(OrderedModule { module, path, required });
            }
        }
    }
    sequence
}

/// Whether a module requested by name may be loaded. For each module that may not, one notice is sent.
fn passes(gate: Gate<'_>, module: &Module, reported: &mut BTreeSet<BString>) -> bool {
    let Some(forbidden) = gate.stops(module) else { return true };
    if reported.insert(module.name.clone()) {
        let softdep = module.name.clone();
        gate.context.sink().send(&Notice::ForbiddenSoftdep { softdep, forbidden });
    }
    false
}

/// Schedules a module's soft dependencies before and after it.
fn expand_softdeps(context: &Context, listed: Listed, tasks: &mut Vec<Task>) {
    let softdeps = context.config().softdeps_of(&listed.0.name);
    // The stack reverses the order.
    let expand = |names: &[&BString]| {
        let mut found: Vec<Task> =
            names.iter().flat_map(|name| found(context, name)).map(Task::Expand).collect();
        found.reverse();
        found
    };
    let (pre, post) = (expand(&softdeps.pre), expand(&softdeps.post));
    tasks.extend(post);
    tasks.push(Task::Itself(listed));
    tasks.extend(pre);
}

/// Returns the modules that the name of a soft dependency stands for; often there are none, which is not an
/// error.
fn found(context: &Context, name: &BString) -> Vec<Module> {
    context.lookup(name).unwrap_or_else(|_| {
        context.sink().send(&Notice::BadSoftdepName(name.clone()));
        Vec::new()
    })
}

/// Returns the path of a module's file, and its dependencies in the order of modules.dep.
fn line(context: &Context, module: &[u8], request: &Request) -> (Option<PathBuf>, Vec<Listed>) {
    let dep = if request.dry_run { context.dep(module) } else { context.checked_dep(module) };
    let Some(dep) = dep else { return (None, Vec::new()) };
    let listed = |path| (Module::named(name::from_path(path).into_owned()), Some(context.in_dir(path)));
    (Some(context.in_dir(dep.path)), dep.dependencies().map(listed).collect())
}
