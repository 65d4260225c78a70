//! The output of `kmod coldplug` as text: in a dry run, the lines that `modprobe -n -v` would print, each once.

use std::collections::BTreeSet;
use std::path::Path;

use bstr::BString;
use oxmod::ops::coldplug::{DeviceGroup, GroupPlan, GroupReport};

use super::View;
use crate::output::stdout::Out;
use crate::output::step::shown;
use crate::report::Outcome;

/// Standard output.
pub struct Text {
    out: Out,
    /// The lines that were printed. In a real run, later devices would find these modules loaded.
    printed: BTreeSet<BString>,
}

impl Text {
    pub fn new() -> Self {
        Self { out: Out::open(), printed: BTreeSet::new() }
    }

    /// Writes out what is buffered. Returns the outcome of the work, or the write error if the work succeeded.
    pub fn conclude(self, work: Outcome) -> Outcome {
        self.out.conclude(work)
    }
}

impl View for Text {
    fn begin(&mut self, _: &Path, _: Option<&Path>, _: bool) {}

    fn planned(&mut self, _: &DeviceGroup, plan: &GroupPlan) {
        for plan in &plan.planned {
            for step in plan.steps().iter().filter(|step| !step.loaded) {
                let line = shown(step);
                if self.printed.insert(line.clone()) {
                    self.out.line(&line);
                }
            }
        }
    }

    fn finished(&mut self, _: &DeviceGroup, _: &GroupReport) {}
}
