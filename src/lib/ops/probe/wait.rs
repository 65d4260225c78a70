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
    let mut edges = Edges { context, soft_names: BTreeMap::new(), owners: BTreeMap::new() };
    for step in steps {
        edges.read(step);
    }
    let mut places: BTreeMap<&BStr, Vec<usize>> = BTreeMap::new();
    let mut needs = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let mut own: Vec<Prerequisite> = edges
            .before(step.module.as_bstr())
            .iter()
            .flat_map(|(name, hard)| {
                let places = places.get(name.as_bstr()).map_or(&[][..], Vec::as_slice);
                places.iter().map(|&step| Prerequisite { step, hard: *hard })
            })
            .collect();
        // If a step is a prerequisite twice, the hard one takes precedence.
        own.sort_unstable_by_key(|need| (need.step, !need.hard));
        own.dedup_by_key(|need| need.step);
        needs.push(own);
        places.entry(step.module.as_bstr()).or_default().push(index);
    }
    needs
}

/// The soft dependencies of a module, as module names.
struct SoftNames {
    pre: Vec<BString>,
    post: Vec<BString>,
}

struct Edges<'e> {
    context: &'e Context,
    soft_names: BTreeMap<BString, SoftNames>,
    /// For each name, the modules that it is a soft dependency after.
    owners: BTreeMap<BString, Vec<BString>>,
}

impl Edges<'_> {
    fn read(&mut self, step: &Step) {
        if self.soft_names.contains_key(&step.module) {
            return;
        }
        // Errors were reported when the plan was made.
        let names = |list: &[&BString]| -> Vec<BString> {
            list.iter()
                .flat_map(|name| self.context.lookup(name).unwrap_or_default())
                .map(|module| module.name)
                .collect()
        };
        let softdeps = self.context.config().softdeps_of(&step.module);
        let soft_names = SoftNames { pre: names(&softdeps.pre), post: names(&softdeps.post) };
        for name in &soft_names.post {
            self.owners.entry(name.clone()).or_default().push(step.module.clone());
        }
        self.soft_names.insert(step.module.clone(), soft_names);
    }

    /// Returns the names that come before a module, and whether the module needs each to succeed. The
    /// module itself is included, for the order of repeated steps.
    fn before(&self, module: &BStr) -> Vec<(BString, bool)> {
        let mut names = vec![(BString::from(module), false)];
        for dependency in self.context.dependencies(module) {
            if let Some(soft_names) = self.soft_names.get(&dependency.name) {
                names.extend(soft_names.post.iter().map(|name| (name.clone(), false)));
            }
            names.push((dependency.name, true));
        }
        if let Some(soft_names) = self.soft_names.get(module) {
            names.extend(soft_names.pre.iter().map(|name| (name.clone(), false)));
        }
        if let Some(owners) = self.owners.get(module) {
            names.extend(owners.iter().map(|name| (name.clone(), true)));
        }
        names
    }
}
