//! The table of scenarios. Each has a shell script (guest/prelude lists the functions that it can use), texts that
//! must appear in our outcome, and, if the sides are expected to differ, where and why.

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
    /// The name, which is also a file name.
    pub name: &'static str,
    /// The script that the guest's shell runs.
    pub script: &'static str,
    /// Texts that our outcome must contain, so that two equal failures do not pass.
    pub shows: &'static [&'static str],
    /// The expected difference between the sides, if any.
    pub differs: Option<Difference>,
    /// Modules may be loaded in any order, and the kernel's messages may be in any order.
    pub any_order: bool,
    /// The only suite whose kernel supports the scenario.
    pub only: Option<&'static str>,
}

/// An intended difference.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The item of oxmod-differences(7) that documents it.
    pub reason: &'static str,
    /// All the sections that differ.
    pub sections: &'static [&'static str],
    /// A text that only the reference's outcome contains; empty if none is certain.
    pub theirs: &'static str,
}

/// Returns all scenarios, in the order in which they run.
pub(crate) fn all() -> Vec<Scenario> {
    let small = [insert::all(), config::all(), files::all(), jobs::all(), json::all(), remove::all()];
    let odd = [conditions::all(), races::all()];
    let real = [real::all(), devices::all()];
    small.into_iter().chain(odd).chain(real).flatten().collect()
}

/// Creates a scenario in which both sides answer the same.
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
