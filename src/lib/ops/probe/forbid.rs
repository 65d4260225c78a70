//! Whether the configuration lets a module be loaded.
//!
//! Owns what `forbid` lines mean for a module and what it cannot do without. Must not say what
//! becomes of a request that they stop. What the kernel has already is not for them to judge.

use super::plan::is_builtin;
use crate::context::{Context, Module};
use crate::formats::config::Forbid;
use crate::sys::module::is_live;

/// Why a module is not to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden<'c> {
    /// The module that the line is about: the one meant, or one that it depends on.
    pub module: Module,
    /// The line that forbids it.
    pub line: &'c Forbid,
}

/// Where every module has to pass before it becomes a step of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'g, 'c> {
    pub(super) context: &'c Context<'g>,
    /// Nothing is stopped (`--ignore-forbid`).
    pub(super) open: bool,
    /// A module that is loaded has to pass all the same (`-D`).
    pub(super) ignore_loaded: bool,
}

impl<'c> Gate<'_, 'c> {
    /// What stops `module`: a line about itself, else one about a dependency.
    pub(super) fn stops(&self, module: &Module) -> Option<Forbidden<'c>> {
        if self.open || self.context.config().forbids.is_empty() {
            return None;
        }
        self.stops_one(module).or_else(|| {
            self.context.dependencies(&module.name).iter().find_map(|needed| self.stops_one(needed))
        })
    }

    fn stops_one(&self, module: &Module) -> Option<Forbidden<'c>> {
        let line = self.context.config().forbidden(&module.name)?;
        let there = is_builtin(self.context, module) || !self.ignore_loaded && is_live(&module.name);
        (!there).then(|| Forbidden { module: module.clone(), line })
    }
}
