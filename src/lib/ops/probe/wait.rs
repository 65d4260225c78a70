//! What each step of a plan has to wait for, where steps are taken at the same time.

use std::collections::HashMap;

use bstr::{BStr, BString, ByteSlice};

use super::plan::Step;
use crate::context::Context;

/// The steps of one plan, to be executed at the same time as others.
#[derive(Debug)]
pub(super) struct Scheduled<'s> {
    /// All steps of the plan.
    pub(super) steps: &'s [Step],
    /// What each step waits for.
    pub(super) needs: Vec<Vec<Need>>,
}

impl<'s> Scheduled<'s> {
    /// The `steps` of a plan made in `context`.
    pub(super) fn new(context: &Context, steps: &'s [Step]) -> Self {
        Self { steps, needs: needs(context, steps) }
    }
}

/// An earlier step that a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// Its place in the plan.
    pub(super) step: usize,
    /// Without it the waiting step makes no sense; otherwise only the order matters.
    pub(super) hard: bool,
}

/// For each step of a plan the earlier ones that it waits for: the module's dependencies with the soft
/// dependencies after them, its own soft dependencies before it, and for a soft dependency after a
/// module that module. Never a later one, so nothing waits in a circle.
fn needs(context: &Context, steps: &[Step]) -> Vec<Vec<Need>> {
    let mut edges = Edges { context, around: HashMap::new(), owners: HashMap::new() };
    for step in steps {
        edges.read(step);
    }
    let mut places: HashMap<&BStr, Vec<usize>> = HashMap::new();
    let mut needs = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let mut mine: Vec<Need> = edges
            .before(step.module.as_bstr())
            .iter()
            .flat_map(|(name, hard)| {
                let places = places.get(name.as_bstr()).map_or(&[][..], Vec::as_slice);
                places.iter().map(|&step| Need { step, hard: *hard })
            })
            .collect();
        // Of two needs for one step the hard one counts.
        mine.sort_unstable_by_key(|need| (need.step, !need.hard));
        mine.dedup_by_key(|need| need.step);
        needs.push(mine);
        places.entry(step.module.as_bstr()).or_default().push(index);
    }
    needs
}

/// The soft dependencies of a module, as names of modules.
struct Around {
    pre: Vec<BString>,
    post: Vec<BString>,
}

struct Edges<'e> {
    context: &'e Context,
    around: HashMap<BString, Around>,
    /// The modules that a name is a soft dependency after.
    owners: HashMap<BString, Vec<BString>>,
}

impl Edges<'_> {
    fn read(&mut self, step: &Step) {
        if self.around.contains_key(&step.module) {
            return;
        }
        // What is wrong with them was reported when the plan was made.
        let names = |list: &[&BString]| -> Vec<BString> {
            list.iter()
                .flat_map(|name| self.context.lookup(name).unwrap_or_default())
                .map(|module| module.name)
                .collect()
        };
        let softdeps = self.context.config().softdeps_of(&step.module);
        let around = Around { pre: names(&softdeps.pre), post: names(&softdeps.post) };
        for name in &around.post {
            self.owners.entry(name.clone()).or_default().push(step.module.clone());
        }
        self.around.insert(step.module.clone(), around);
    }

    /// The names that come before a module, and whether it cannot do without; itself for the order among
    /// equals.
    fn before(&self, module: &BStr) -> Vec<(BString, bool)> {
        let mut names = vec![(BString::from(module), false)];
        for dependency in self.context.dependencies(module) {
            if let Some(around) = self.around.get(&dependency.name) {
                names.extend(around.post.iter().map(|name| (name.clone(), false)));
            }
            names.push((dependency.name, true));
        }
        if let Some(around) = self.around.get(module) {
            names.extend(around.pre.iter().map(|name| (name.clone(), false)));
        }
        if let Some(owners) = self.owners.get(module) {
            names.extend(owners.iter().map(|name| (name.clone(), true)));
        }
        names
    }
}
