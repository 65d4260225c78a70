//! Whether the configuration forbids a module.
//!
//! This module owns the effect of `forbid` lines on a module and its dependencies. It must not decide what
//! happens to a request that they stop. Modules that are already in the kernel are not affected by the
//! lines.

use crate::context::loaded::is_live;
use crate::context::{Context, Module};
use crate::ops::Forbidden;

/// The check that every module has to pass before it becomes a step of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'c> {
    pub(super) context: &'c Context,
    /// Do not stop any module (`--ignore-forbid`).
    pub(super) disabled: bool,
    /// Check loaded modules too (`-D`).
    pub(super) ignore_loaded: bool,
}

impl Gate<'_> {
    /// Returns the line that stops `module`: one about the module itself, otherwise one about a dependency.
    pub(super) fn stops(&self, module: &Module) -> Option<Forbidden> {
        if self.disabled || self.context.config().forbids.is_empty() {
            return None;
        }
        self.stops_one(module).or_else(|| {
            self.context.dependencies(&module.name).iter().find_map(|needed| self.stops_one(needed))
        })
    }

    fn stops_one(&self, module: &Module) -> Option<Forbidden> {
        let line = self.context.config().forbidden(&module.name)?;
        let in_kernel = is_builtin(self.context, module) || !self.ignore_loaded && is_live(&module.name);
        (!in_kernel).then(|| Forbidden {
            module: module.name.clone(),
            path: line.origin.path.clone(),
            line: line.origin.line,
            reason: line.reason.clone(),
        })
    }
}

/// Whether a module is built in. A module that was requested by the path of its file is not, even if a built-in module has
/// the same name.
pub(super) fn is_builtin(context: &Context, module: &Module) -> bool {
    module.file.is_none() && (module.builtin || context.is_builtin(&module.name))
}
