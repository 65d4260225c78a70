//! Plans: from the order of modules to steps with commands and options.

use std::path::PathBuf;

use bstr::{BStr, BString, ByteSlice};

use super::forbid::{Gate, is_builtin};
use super::order::{self, OrderedModule};
use super::request::Request;
use crate::context::loaded::is_live;
use crate::context::{Context, Module};
use crate::formats::config::{Command, Origin};
use crate::hash::IndexSet;
use crate::ops::{Forbidden, ModuleError};

/// The action of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Inserts this file.
    Insert(PathBuf),
    /// Runs this command instead of inserting the module; as written in the configuration, without
    /// substitutions.
    Install(BString),
    /// Nothing: the module is built in.
    BuiltIn,
    /// Impossible: the module does not exist. An alias may refer to such a module on purpose, for instance
    /// `off`.
    Missing,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Step {
    /// The module's normalised name.
    pub module: BString,
    /// The action.
    pub action: Action,
    /// The parameters: those of the configuration, a blank, those of the request. The blank is also there
    /// if only the configuration has parameters, as in kmod.
    pub options: BString,
    /// Whether the plan cannot continue without this step. A failing soft dependency is ignored.
    pub required: bool,
    /// Whether this is the requested module.
    pub requested: bool,
    /// Whether the module was already in the kernel when the plan was made; always false with
    /// [`Request::ignore_loaded`].
    pub loaded: bool,
}

/// The plan for a request for one module.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Plan {
    /// The requested module.
    pub module: Module,
    /// The decision about it.
    pub decision: Decision,
}

/// A decision about a module.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Execute these steps in this order; no step is repeated.
    Load(Vec<Step>),
    /// Nothing: it is loaded.
    Loaded,
    /// Nothing: it is built in.
    BuiltIn,
    /// Nothing: it is blacklisted by this line.
    Blacklisted(Origin),
    /// Nothing: it is forbidden.
    Forbidden(Forbidden),
}

impl Plan {
    /// Plans the insertion of `module`. Does not change the system.
    pub fn new(context: &Context, module: Module, request: &Request) -> Self {
        let decision = decide(context, &module, request);
        Self { module, decision }
    }

    /// Returns the steps; empty if there is nothing to do.
    pub fn steps(&self) -> &[Step] {
        match &self.decision {
            Decision::Load(steps) => steps,
            _ => &[],
        }
    }

    /// Returns the error if the module is forbidden.
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
        if is_live(&module.name) {
            return Decision::Loaded;
        }
        if is_builtin(context, module) {
            return Decision::BuiltIn;
        }
    }
    let gate = Gate { context, disabled: request.ignore_forbid, ignore_loaded: request.ignore_loaded };
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
    let steps: IndexSet<Step> = steps.collect();
    Decision::Load(steps.into_iter().collect())
}

fn step(context: &Context, entry: OrderedModule, requested: bool, request: &Request) -> Step {
    let OrderedModule { module, path, required } = entry;
    let command = context.config().install_for(&module.name);
    let given = if requested { request.options.as_bstr() } else { BStr::new("") };
    let options = joined(context.config().options_for(&module.name, module.alias_bytes()), given);
    // The requested module is known not to be loaded at this point.
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

/// Whether a module is live or built in; one that is being loaded or removed does not count.
fn in_kernel(context: &Context, module: &Module) -> bool {
    is_live(&module.name) || is_builtin(context, module)
}
