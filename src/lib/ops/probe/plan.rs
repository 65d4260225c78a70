//! From the order of modules to steps with commands and options.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};
use indexmap::IndexSet;

use super::forbid::{Gate, is_builtin};
use super::order::{self, Entry};
use super::request::Request;
use crate::context::{Context, Module};
use crate::formats::config::{Command, Origin};
use crate::ops::{Forbidden, ModuleError};
use crate::sys::module;

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
#[non_exhaustive]
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

/// What a request for one module comes to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The module that was asked for.
    pub module: Module,
    /// What is to be done about it.
    pub decision: Decision,
}

/// What is to be done about a module.
#[derive(Debug, Clone)]
pub enum Decision {
    /// These steps, in this order, none twice.
    Load(Vec<Step>),
    /// Nothing: it is loaded.
    Loaded,
    /// Nothing: it is part of the kernel.
    BuiltIn,
    /// Nothing: this `blacklist` line says that it is not wanted.
    Blacklisted(Origin),
    /// Nothing: it must not be loaded.
    Forbidden(Forbidden),
}

impl Plan {
    /// Plans the insertion of `module`. Changes nothing.
    pub fn new(context: &Context, module: Module, request: &Request) -> Self {
        let decision = decide(context, &module, request);
        Self { module, decision }
    }

    /// The steps; none where nothing is to be done.
    pub fn steps(&self) -> &[Step] {
        match &self.decision {
            Decision::Load(steps) => steps,
            _ => &[],
        }
    }

    /// Why the module must not be loaded, if that is so.
    pub fn refusal(&self) -> Option<ModuleError> {
        match &self.decision {
            Decision::Forbidden(forbidden) => Some(ModuleError::Forbidden {
                module: self.module.name.clone(),
                forbidden: forbidden.clone(),
            }),
            _ => None,
        }
    }
}

fn decide(context: &Context, module: &Module, request: &Request) -> Decision {
    if !request.ignore_loaded {
        if module::is_live(&module.name) {
            return Decision::Loaded;
        }
        if is_builtin(context, module) {
            return Decision::BuiltIn;
        }
    }
    let gate = Gate { context, open: request.ignore_forbid, ignore_loaded: request.ignore_loaded };
    if let Some(forbidden) = gate.stops(module) {
        return Decision::Forbidden(forbidden);
    }
    if let Some(entry) = context.config().blacklisted(&module.name)
        && (module.alias.is_some() || request.blacklist_names)
    {
        return Decision::Blacklisted(entry.origin.clone());
    }
    let steps = order::sequence(gate, module, request).into_iter().map(|entry| {
        let requested = entry.module == *module;
        step(context, entry, requested, request)
    });
    // A plan is short and nobody chooses its steps to collide: keys drawn at random would be a system call for nothing.
    let steps: IndexSet<Step, BuildHasherDefault<DefaultHasher>> = steps.collect();
    Decision::Load(steps.into_iter().collect())
}

fn step(context: &Context, entry: Entry, requested: bool, request: &Request) -> Step {
    let Entry { module, path, required } = entry;
    let command = context.config().install_for(&module.name);
    let given = if requested { request.options.as_bstr() } else { BStr::new("") };
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

fn joined(configured: Option<BString>, given: &BStr) -> BString {
    let mut whole = configured.map_or_else(BString::default, |mut configured| {
        configured.push(b' ');
        configured
    });
    whole.extend_from_slice(given);
    whole
}

/// Live or built in; a module that is coming or going does not count.
fn in_kernel(context: &Context, module: &Module) -> bool {
    module::is_live(&module.name) || is_builtin(context, module)
}
