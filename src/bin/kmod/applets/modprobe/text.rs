//! The output of modprobe as text: one line per step.
//!
//! Contract: the format of kmod, which scripts and programs that build initial RAM disks parse.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;

use bstr::{BString, ByteSlice};
use oxmod::context::{Context, Module};
use oxmod::ops::ModuleError;
use oxmod::ops::command::expanded;
use oxmod::ops::probe::{Observer, Plan, Removal, Step};

use super::args::{Job, Settings};
use super::view::View;
use crate::output::stdout::Out;
use crate::output::step::shown;
use crate::report::Outcome;

/// A view that prints text.
pub struct Text {
    out: Out,
    show: bool,
    dry_run: bool,
    /// The lines that a dry run has printed. In a real run, later operands would find these modules loaded.
    printed: BTreeSet<BString>,
}

impl Text {
    /// Shows nothing before [`View::begin`].
    pub fn new() -> Self {
        Self { out: Out::open(), show: false, dry_run: false, printed: BTreeSet::new() }
    }

    /// Writes out what is buffered after the work.
    ///
    /// Errors: something could not be written, now or before.
    pub fn conclude(self, work: Outcome) -> Outcome {
        self.out.conclude(work)
    }
}

impl View for Text {
    fn begin(&mut self, _: &Job, settings: &Settings, _: &Context) {
        self.show = settings.show;
        self.dry_run = settings.dry_run;
    }

    fn out(&mut self) -> Option<&mut Out> {
        Some(&mut self.out)
    }

    fn operand(&mut self, _: &OsStr) {}

    fn not_found(&mut self, _: Option<&io::Error>) {}

    fn resolved(&mut self, module: &Module) {
        self.out.line(&[module.name.as_slice(), b"\n"].concat());
    }

    fn planned(&mut self, _: &Plan) {}

    fn removing_module(&mut self, _: &Module) {}

    fn not_removed(&mut self, _: &ModuleError) {}
}

impl Observer for Text {
    fn starting(&mut self, step: &Step) {
        let line = shown(step);
        if self.dry_run {
            if self.show && self.printed.insert(line.clone()) {
                self.out.line(&line);
            }
            return;
        }
        if self.show {
            self.out.line(&line);
        }
        // The output of a command must follow the line of its step.
        self.out.sync();
    }

    fn removing(&mut self, removal: &Removal<'_>) {
        if !self.show {
            return;
        }
        let line = match removal.command {
            Some(command) => [&b"remove "[..], &expanded(command, b"".as_bstr()), b"\n"].concat(),
            None => [&b"rmmod "[..], removal.module, b"\n"].concat(),
        };
        self.out.line(&line);
        self.out.sync();
    }
}
