//! The steps that each step of a plan has to wait for when steps are executed in parallel.

use std::collections::BTreeMap;

use bstr::{BStr, BString, ByteSlice};

use super::plan::Step;
use crate::context::Context;

/// The steps of one plan, to be executed in parallel with those of others.
#[derive(Debug)]
pub(super) struct Scheduled<'s> {
    /// All steps of the plan.
    pub(super) steps: &'s [Step],
    /// What each step waits for.
    pub(super) needs: Vec<Vec<Prerequisite>>,
}

impl<'s> Scheduled<'s> {
    /// Schedules the `steps` of a plan made with `context`.
    pub(super) fn new(context: &Context, steps: &'s [Step]) -> Self {
        Self { steps, needs: needs(context, steps) }
    }
}

/// An earlier step that a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prerequisite {
    /// Its position in the plan.
    pub(super) step: usize,
    /// Whether the waiting step must not be executed if this one fails; otherwise only the order matters.
    pub(super) hard: bool,
}

/// Returns, for each step of a plan, the earlier steps that it waits for: the module's dependencies and the
/// soft dependencies loaded after them, the module's own soft dependencies loaded before it, and, for a
/// soft dependency loaded after a module, that module. A step never waits for a later one, so there are no
/// deadlocks.
fn needs(context: &Context, steps: &[Step]) -> Vec<Vec<Prerequisite>> {
    let mut edges = Edges { context, modules: BTreeMap::new() };
    for step in steps {
        edges.read(step);
    }
    let mut needs = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        // If a step is a prerequisite twice, it is a hard one if either is.
        let mut own: BTreeMap<usize, bool> = BTreeMap::new();
        for (name, hard) in edges.before(step.module.as_bstr()) {
            for &step in edges.modules.get(&name).map_or(&[][..], |module| &module.steps) {
                *own.entry(step).or_default() |= hard;
            }
        }
        needs.push(own.into_iter().map(|(step, hard)| Prerequisite { step, hard }).collect());
        edges.module(&step.module).steps.push(index);
    }
    needs
}

/// A module of the plan, or a soft dependency of one.
#[derive(Default)]
struct Neighbours {
    /// Its soft dependencies, as module names.
    pre: Vec<BString>,
    post: Vec<BString>,
    /// The modules that have it as a soft dependency to load afterwards.
    owners: Vec<BString>,
    /// The steps that load it, up to the one whose needs are determined.
    steps: Vec<usize>,
}

struct Edges<'e> {
    context: &'e Context,
    modules: BTreeMap<BString, Neighbours>,
}

impl Edges<'_> {
    fn module(&mut self, name: &BString) -> &mut Neighbours {
        self.modules.entry(name.clone()).or_default()
    }

    fn read(&mut self, step: &Step) {
        // Errors were reported when the plan was made.
        let names = |list: &[&BString]| -> Vec<BString> {
            list.iter()
                .flat_map(|name| self.context.lookup(name).unwrap_or_default())
                .map(|module| module.name)
                .collect()
        };
        let softdeps = self.context.config().softdeps_of(&step.module);
        let (pre, post) = (names(&softdeps.pre), names(&softdeps.post));
        for name in &post {
            self.module(name).owners.push(step.module.clone());
        }
        let module = self.module(&step.module);
        (module.pre, module.post) = (pre, post);
    }

    /// Returns the names that come before a module, and whether the module needs each to succeed. The
    /// module itself is included, for the order of repeated steps.
    fn before(&self, module: &BStr) -> Vec<(BString, bool)> {
        let mut names = vec![(BString::from(module), false)];
        for dependency in self.context.dependencies(module) {
            if let Some(neighbours) = self.modules.get(&dependency.name) {
                names.extend(neighbours.post.iter().map(|name| (name.clone(), false)));
            }
            names.push((dependency.name, true));
        }
        if let Some(neighbours) = self.modules.get(module) {
            names.extend(neighbours.pre.iter().map(|name| (name.clone(), false)));
            names.extend(neighbours.owners.iter().map(|name| (name.clone(), true)));
        }
        names
    }
}
