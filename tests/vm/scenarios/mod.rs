//! The table of scenarios. Each is a shell script (see guest/prelude for what it has at hand), texts that
//! must appear in what comes of it on our side, and, if the sides are to differ, where and why.

mod conditions;
mod config;
mod devices;
mod files;
mod insert;
mod jobs;
mod json;
mod races;
mod real;
mod remove;

/// One scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// A file name.
    pub name: &'static str,
    /// What the guest's shell runs.
    pub script: &'static str,
    /// What ours must show, so that two equal failures are no success.
    pub shows: &'static [&'static str],
    /// Where the sides are not to be alike.
    pub differs: Option<Difference>,
    /// Modules may come in any order, and so may what the kernel says of them.
    pub any_order: bool,
    /// The only suite whose kernel can do it.
    pub only: Option<&'static str>,
}

/// A difference on purpose.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The item of oxmod-differences(7).
    pub reason: &'static str,
    /// All sections that differ.
    pub sections: &'static [&'static str],
    /// What only theirs shows; empty where that is not sure.
    pub theirs: &'static str,
}

/// All of them, in the order in which they run.
pub(crate) fn all() -> Vec<Scenario> {
    let small = [insert::all(), config::all(), files::all(), jobs::all(), json::all(), remove::all()];
    let odd = [conditions::all(), races::all()];
    let real = [real::all(), devices::all()];
    small.into_iter().chain(odd).chain(real).flatten().collect()
}

/// A scenario with equal answers.
fn same(name: &'static str, script: &'static str, shows: &'static [&'static str]) -> Scenario {
    Scenario { name, script, shows, differs: None, any_order: false, only: None }
}

impl Scenario {
    fn differs(self, reason: &'static str, sections: &'static [&'static str], theirs: &'static str) -> Self {
        Self { differs: Some(Difference { reason, sections, theirs }), ..self }
    }

    fn in_any_order(self) -> Self {
        Self { any_order: true, ..self }
    }

    fn only(self, suite: &'static str) -> Self {
        Self { only: Some(suite), ..self }
    }
}
