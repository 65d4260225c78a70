//! What a request for modules comes to, before anything is done.
//!
//! Owns which modules serve a device. Must not change the system.

use std::collections::HashSet;

use crate::context::{Context, Module};
use crate::formats::config::Origin;
use crate::name;
use crate::notice::Sink;
use crate::ops::probe::{self, Plan, Request, Step};

use super::error::Error;

/// The name that an `alias` line gives a device which is to have no driver.
const NONE: &[u8] = b"off";

/// A module that was asked for, and what would become of it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The module.
    pub module: Module,
    /// What is to be done.
    pub prospect: Prospect,
}

/// What is to be done about a module.
#[derive(Debug, Clone)]
pub enum Prospect {
    /// These steps, in this order.
    Load(Vec<Step>),
    /// Nothing: it is loaded.
    Loaded,
    /// Nothing: it is part of the kernel.
    BuiltIn,
    /// Nothing: this entry of the blacklist says that it is not wanted.
    Blacklisted(Origin),
    /// Nothing: this is an [`Error::Forbidden`].
    Forbidden(Error),
}

/// The modules that serve the device with this modalias, the built-in ones behind. An `alias` line of the configuration
/// for the device takes the place of all that modules themselves say.
pub(super) fn drivers(context: &Context<'_>, modalias: &[u8]) -> Vec<Module> {
    // A string with unpaired brackets is no alias, and serves nothing.
    let Ok(key) = name::normalize_alias(modalias) else { return Vec::new() };
    let mut found = context.lookup(modalias).unwrap_or_default();
    if context.config().aliases_of(&key).next().is_none() && !found.iter().any(|module| module.builtin) {
        found.extend(context.builtins_for(&key));
    }
    found.retain(|module| module.name != NONE);
    found
}

/// What is to be done about each of them. Several patterns of one module are one request for it.
/// For a device the blacklist counts even where what it says that it is is a module's own name.
pub(super) fn all(
    context: &Context<'_>,
    mut modules: Vec<Module>,
    for_device: bool,
    sink: Sink<'_>,
) -> Vec<Planned> {
    let mut seen = HashSet::new();
    modules.retain(|module| seen.insert(module.name.clone()));
    let request = Request { blacklist_names: for_device, ..Request::default() };
    let planned = |module: Module| Planned { prospect: one(context, &module, &request, sink), module };
    modules.into_iter().map(planned).collect()
}

fn one(context: &Context<'_>, module: &Module, request: &Request<'_>, sink: Sink<'_>) -> Prospect {
    match probe::plan(context, module, request, sink) {
        Plan::Steps(steps) => Prospect::Load(steps),
        Plan::Loaded if module.builtin || context.is_builtin(&module.name) => Prospect::BuiltIn,
        Plan::Loaded => Prospect::Loaded,
        Plan::Blacklisted(line) => Prospect::Blacklisted(line.origin.clone()),
        Plan::Forbidden(why) => Prospect::Forbidden(Error::forbidden(&module.name, &why)),
    }
}
