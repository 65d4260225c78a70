//! What becomes of a run's operands, told step by step to whoever shows it: as text, or as a document.
//!
//! Owns the order of events. Operands come one after another, each with the modules that it stands for. A module to be
//! loaded is planned, then its steps are taken one by one; with `--jobs` all modules are planned before the first step
//! of any is told. Why something failed is also said by the report, whatever the view does about it.

use std::ffi::OsStr;
use std::io;

use bstr::BStr;
use oxmod::context::{Context, Module};
use oxmod::ops::command;
use oxmod::ops::probe::{Answer, Plan, Step};
use oxmod::ops::remove;

use super::args::{Job, Settings};
use crate::output::stdout::Out;
use crate::report::Outcome;

/// Shows what happens. An error is one of standard output, and ends the run.
pub trait View {
    /// What is about to be done, and where modules are looked for.
    fn begin(&mut self, job: &Job, settings: &Settings, context: &Context<'_>);

    /// Standard output, for the answers that are nothing but text; `None` where they cannot be shown.
    fn out(&mut self) -> Option<&mut Out>;

    /// The next operand.
    fn operand(&mut self, operand: &OsStr);

    /// It stands for nothing: no such name or, with an error, no such file.
    fn not_found(&mut self, error: Option<&io::Error>);

    /// It stands for this module, and nothing more was asked (`-R`).
    fn resolved(&mut self, module: &Module) -> Outcome;

    /// It stands for this module, and this would load it. The number is what [`View::taken`] wants.
    fn planned(&mut self, module: &Module, plan: &Plan<'_>) -> Result<usize, crate::report::Exit>;

    /// A step is about to be taken, or the next that is told.
    fn taking(&mut self, step: &Step) -> Outcome;

    /// What became of a step of the plan of this number: its place, itself, the answer.
    fn taken(&mut self, plan: usize, place: usize, step: &Step, answer: &Answer);

    /// It stands for this module, which is to be removed.
    fn unwanted(&mut self, module: &Module);

    /// A module is about to be removed, by the kernel or by this command.
    fn removing(&mut self, module: &BStr, command: Option<&BStr>) -> Outcome;

    /// What became of that.
    fn removed(&mut self, end: &End<'_>);

    /// The module that is to be removed stays.
    fn stays(&mut self, failure: &remove::Failure);
}

/// How the removal of one module ended.
#[derive(Debug, Clone, Copy)]
pub enum End<'e> {
    /// The kernel's answer.
    Kernel(&'e io::Result<()>),
    /// How the command went.
    Command(&'e Result<(), command::Failure>),
}
