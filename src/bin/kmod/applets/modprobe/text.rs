//! modprobe's answer as text: the lines that stand for steps.
//!
//! Owns their form. Scripts and builders of initial file systems parse it; it is kmod's.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;

use bstr::{BStr, BString, ByteSlice};
use oxmod::context::{Context, Module};
use oxmod::ops::probe::{Answer, Plan, Step};
use oxmod::ops::remove;

use super::args::{Job, Settings};
use super::view::{End, View};
use crate::output::stdout::Out;
use crate::output::step::shown;
use crate::report::{Exit, Outcome};

/// Standard output, and what is to be shown on it.
pub struct Text {
    out: Out,
    show: bool,
    dry_run: bool,
    /// The lines that a dry run has printed: what one operand brings in, the next would find loaded.
    printed: BTreeSet<BString>,
}

impl Text {
    /// Shows nothing before it is told what the run is about.
    pub fn new() -> Self {
        Self { out: Out::open(), show: false, dry_run: false, printed: BTreeSet::new() }
    }

    /// Writes out what is buffered.
    pub fn finish(self) -> Outcome {
        self.out.finish()
    }
}

impl View for Text {
    fn begin(&mut self, _: &Job, settings: &Settings, _: &Context<'_>) {
        self.show = settings.show;
        self.dry_run = settings.dry_run;
    }

    fn out(&mut self) -> Option<&mut Out> {
        Some(&mut self.out)
    }

    fn operand(&mut self, _: &OsStr) {}

    fn not_found(&mut self, _: Option<&io::Error>) {}

    fn resolved(&mut self, module: &Module) -> Outcome {
        self.out.bytes(&module.name)?;
        self.out.bytes(b"\n")
    }

    fn planned(&mut self, _: &Module, plan: &Plan<'_>) -> Result<usize, Exit> {
        if let (Plan::Steps(steps), true, true) = (plan, self.dry_run, self.show) {
            for step in steps.iter().filter(|step| !step.loaded) {
                let line = shown(step);
                if self.printed.insert(line.clone()) {
                    self.out.bytes(&line)?;
                }
            }
        }
        Ok(0)
    }

    fn taking(&mut self, step: &Step) -> Outcome {
        if self.show {
            self.out.bytes(&shown(step))?;
        }
        // What a command prints comes after the line that announces it.
        self.out.flush()
    }

    fn taken(&mut self, _: usize, _: usize, _: &Step, _: &Answer) {}

    fn unwanted(&mut self, _: &Module) {}

    fn removing(&mut self, module: &BStr, command: Option<&BStr>) -> Outcome {
        if !self.show {
            return Ok(());
        }
        let (word, object) = command.map_or((&b"rmmod "[..], module), |command| (b"remove ", command));
        self.out.bytes(&[word, object.as_bytes(), b"\n"].concat())?;
        self.out.flush()
    }

    fn removed(&mut self, _: &End<'_>) {}

    fn stays(&mut self, _: &remove::Failure) {}
}
