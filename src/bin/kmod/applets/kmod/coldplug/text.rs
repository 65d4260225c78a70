//! `kmod coldplug`'s answer as text: of a dry run the lines that `modprobe -n` would print, each once.

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
    /// What one device brings in, the next would find loaded.
    printed: BTreeSet<BString>,
}

impl Text {
    pub fn new() -> Self {
        Self { out: Out::open(), printed: BTreeSet::new() }
    }

    /// Writes out what is buffered after the work.
    pub fn conclude(self, work: Outcome) -> Outcome {
        self.out.conclude(work)
    }
}

impl View for Text {
    fn begin(&mut self, _: &Path, _: Option<&Path>, _: bool) {}

    fn foreseen(&mut self, _: &DeviceGroup, foreseen: &GroupPlan) {
        for planned in &foreseen.planned {
            for step in planned.steps().iter().filter(|step| !step.loaded) {
                let line = shown(step);
                if self.printed.insert(line.clone()) {
                    self.out.line(&line);
                }
            }
        }
    }

    fn served(&mut self, _: &DeviceGroup, _: &GroupReport) {}
}
