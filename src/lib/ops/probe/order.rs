//! The order in which a module, its dependencies and soft dependencies are to be loaded.
//!
//! Owns the walk over modules.dep and softdep lines. Loops of soft dependencies end where they come
//! back to a module already being expanded; one that is forbidden is passed over with all that it would
//! bring. Must not know commands, options or the kernel's state.

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
pub(super) struct Entry {
    pub(super) module: Module,
    /// Where modules.dep has its file.
    pub(super) path: Option<PathBuf>,
    /// The requested module or one of its dependencies: loading cannot go on without it.
    pub(super) required: bool,
}

/// What a module is known by: one found by an alias is another than the same found by its name.
type Identity = (BString, Option<BString>);

/// A module and, where modules.dep lists it, its file: the line of a module has the paths of its dependencies too.
type Listed = (Module, Option<PathBuf>);

/// Work still to be done, the next piece on top of the stack.
enum Task {
    /// A module asked for by name: its dependencies, then itself.
    Expand(Module),
    /// A module with its soft dependencies around it.
    Surround(Listed),
    /// The module itself.
    Take(Listed),
}

/// The sequence for `top`. Where commands are ignored, its own soft dependencies are left out too, not those of its
/// dependencies. Repetitions are kept: what makes two steps equal is for the plan to say.
///
/// The gate has let `top` pass.
pub(super) fn sequence(gate: Gate<'_>, top: &Module, request: &Request) -> Vec<Entry> {
    let context = gate.context;
    let mut required: BTreeSet<BString> = BTreeSet::from([top.name.clone()]);
    let mut expanded: BTreeSet<Identity> = BTreeSet::new();
    let mut passed_over = BTreeSet::new();
    let mut sequence = Vec::new();
    let mut tasks = vec![Task::Expand(top.clone())];
    while let Some(task) = tasks.pop() {
        match task {
            Task::Expand(module) => {
                if expanded.insert((module.name.clone(), module.alias.clone()))
                    && passes(gate, &module, &mut passed_over)
                {
                    let (path, needs) = line(context, &module.name, request);
                    // The first to be expanded is the top.
                    if expanded.len() == 1 {
                        required.extend(needs.iter().map(|(module, _)| module.name.clone()));
                    }
                    let last =
                        if request.ignore_commands && module == *top { Task::Take } else { Task::Surround };
                    tasks.push(last((module, path)));
                    // modules.dep names the one to be loaded first last: on top of the stack.
                    tasks.extend(needs.into_iter().map(Task::Surround));
                }
            }
            Task::Surround(listed) => surround(context, listed, &mut tasks),
            Task::Take((module, path)) => {
                let itself = module.alias.is_none() || module.alias == top.alias;
                let required = itself && required.contains(&module.name);
                sequence.push(Entry { module, path, required });
            }
        }
    }
    sequence
}

/// Whether a module asked for by name may be loaded; of each that may not, one notice.
fn passes(gate: Gate<'_>, module: &Module, passed_over: &mut BTreeSet<BString>) -> bool {
    let Some(forbidden) = gate.stops(module) else { return true };
    if passed_over.insert(module.name.clone()) {
        let softdep = module.name.clone();
        gate.context.sink().send(&Notice::ForbiddenSoftdep { softdep, forbidden });
    }
    false
}

/// Puts a module's soft dependencies before and after it.
fn surround(context: &Context, listed: Listed, tasks: &mut Vec<Task>) {
    let softdeps = context.config().softdeps_of(&listed.0.name);
    // On a stack the first comes last.
    let expand = |names: &[&BString]| {
        let mut found: Vec<Task> =
            names.iter().flat_map(|name| found(context, name)).map(Task::Expand).collect();
        found.reverse();
        found
    };
    let (pre, post) = (expand(&softdeps.pre), expand(&softdeps.post));
    tasks.extend(post);
    tasks.push(Task::Take(listed));
    tasks.extend(pre);
}

/// The modules that a name of a soft dependency stands for; often none, which is no fault.
fn found(context: &Context, name: &BString) -> Vec<Module> {
    context.lookup(name).unwrap_or_else(|_| {
        context.sink().send(&Notice::BadSoftdepName(name.clone()));
        Vec::new()
    })
}

/// A module's line of modules.dep: its file, and its dependencies in the order written.
fn line(context: &Context, module: &[u8], request: &Request) -> (Option<PathBuf>, Vec<Listed>) {
    let dep = if request.dry_run { context.dep(module) } else { context.checked_dep(module) };
    let Some(dep) = dep else { return (None, Vec::new()) };
    let listed = |path| (Module::named(name::from_path(path).into_owned()), Some(context.in_dir(path)));
    (Some(context.in_dir(dep.path)), dep.dependencies().map(listed).collect())
}
