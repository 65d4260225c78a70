//! Whether the configuration lets a module be loaded.
//!
//! Owns what `forbid` lines mean for a module and what it cannot do without. Must not decide what
//! becomes of a request that they stop. What the kernel has already is not for them to judge.

use crate::context::{Context, Module};
use crate::ops::Forbidden;
use crate::sys::module::is_live;

/// Where every module has to pass before it becomes a step of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'c> {
    pub(super) context: &'c Context,
    /// Nothing is stopped (`--ignore-forbid`).
    pub(super) open: bool,
    /// A module that is loaded has to pass all the same (`-D`).
    pub(super) ignore_loaded: bool,
}

impl Gate<'_> {
    /// What stops `module`: a line about itself, else one about a dependency.
    pub(super) fn stops(&self, module: &Module) -> Option<Forbidden> {
        if self.open || self.context.config().forbids.is_empty() {
            return None;
        }
        self.stops_one(module).or_else(|| {
            self.context.dependencies(&module.name).iter().find_map(|needed| self.stops_one(needed))
        })
    }

    fn stops_one(&self, module: &Module) -> Option<Forbidden> {
        let line = self.context.config().forbidden(&module.name)?;
        let there = is_builtin(self.context, module) || !self.ignore_loaded && is_live(&module.name);
        (!there).then(|| Forbidden {
            module: module.name.clone(),
            path: line.origin.path.clone(),
            line: line.origin.line,
            reason: line.reason.clone(),
        })
    }
}

/// Whether a module came with the kernel. A file that is asked for did not, whatever there is of its name.
pub(super) fn is_builtin(context: &Context, module: &Module) -> bool {
    module.file.is_none() && (module.builtin || context.is_builtin(&module.name))
}
