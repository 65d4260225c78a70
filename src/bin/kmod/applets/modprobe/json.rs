//! `modprobe --json`: the plan or the result for each operand.
//!
//! This module owns the form of the document: requests, their modules, and the steps with their outcomes. It collects the
//! events of a run and writes the document at the end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oxmod::context::{Context, Module};
use oxmod::errno;
use oxmod::ops::ModuleError;
use oxmod::ops::probe::{Decision, Finished, Observer, Plan, Removal, Step, StepOutcome, StepResult};
use serde_json::Value;

use super::{Job, Settings, View};
use crate::output::json::step::{failure_of, step};
use crate::output::json::{self, Format, Kind, List, Object, failure, system_failure};
use crate::output::stdout::Out;
use crate::report::{Outcome, Reason, Report};

const FORMAT: Format = Format { name: "modprobe", list: "requests" };

/// Writes the document about the events of `work`.
pub fn write(report: &Report, work: impl FnOnce(&mut dyn View) -> Outcome) -> Outcome {
    json::write(FORMAT, report, |list| {
        let mut document = Document::default();
        let outcome = work(&mut document);
        document.write(list)?;
        outcome
    })
}

/// The document under construction.
#[derive(Default)]
struct Document {
    head: Object,
    operands: Vec<OsString>,
    dry_run: bool,
    first_time: bool,
    requests: Vec<Request>,
    /// For each plan, the positions of its request and of its module in the request.
    plans: Vec<(usize, usize)>,
}

struct Request {
    operand: OsString,
    modules: Vec<Entry>,
    error: Option<Object>,
}

/// One module of a request.
struct Entry {
    head: Object,
    /// `None` for `-R`, which only prints names.
    steps: Option<Vec<Object>>,
    error: Option<Object>,
}

impl Document {
    fn write(mut self, list: &mut List) -> Outcome {
        let begun = self.requests.len();
        let rest = self.operands.into_iter().skip(begun);
        self.requests.extend(rest.map(|operand| {
            let error = failure(Reason::NotTried);
            Request { operand, modules: Vec::new(), error: Some(error) }
        }));
        list.add_members(self.head);
        self.requests.into_iter().try_for_each(|request| {
            let object = Object::new().text("operand", request.operand.as_bytes());
            let modules = request.modules.into_iter().map(|entry| {
                let object = match entry.steps {
                    Some(steps) => entry.head.objects("steps", steps),
                    None => entry.head,
                };
                with_error(object, entry.error)
            });
            list.push(with_error(object.objects("modules", modules), request.error))
        })
    }

    fn request(&mut self) -> Option<&mut Request> {
        self.requests.last_mut()
    }

    /// Returns the module that was added last.
    fn module(&mut self) -> Option<&mut Entry> {
        self.request()?.modules.last_mut()
    }

    fn add(&mut self, entry: Entry) {
        if let Some(request) = self.request() {
            request.modules.push(entry);
        }
    }

    /// Returns the outcome of a step for which no event follows.
    fn initial_outcome(&self, step: &Step) -> &'static str {
        match () {
            () if step.loaded => "loaded",
            () if self.dry_run => "planned",
            () => "skipped",
        }
    }
}

impl View for Document {
    fn begin(&mut self, job: &Job, settings: &Settings, context: &Context) {
        let (action, operands) = match job {
            Job::Insert(operands, _) if settings.resolve => ("resolve", operands.as_slice()),
            Job::Insert(operands, _) => ("insert", operands.as_slice()),
            Job::Remove(operands) => ("remove", operands.as_slice()),
            Job::ShowConfig | Job::ShowModversions(_) | Job::ShowExports(_) => return,
        };
        self.operands = operands.to_vec();
        self.dry_run = settings.dry_run;
        self.first_time = settings.first_time;
        self.head = Object::new()
            .set("action", action)
            .set("dry_run", settings.dry_run)
            .text("directory", context.dir().as_os_str().as_bytes())
            .maybe_text("meta", context.meta_file().map(|path| path.as_os_str().as_bytes()));
    }

    fn out(&mut self) -> Option<&mut Out> {
        None
    }

    fn operand(&mut self, operand: &OsStr) {
        self.requests.push(Request { operand: operand.to_owned(), modules: Vec::new(), error: None });
    }

    fn not_found(&mut self, error: Option<&io::Error>) {
        let error = error.map_or_else(
            || failure(Reason::NotFound),
            |error| system_failure(Kind::NotFound, errno::of(error)),
        );
        if let Some(request) = self.request() {
            request.error = Some(error);
        }
    }

    fn resolved(&mut self, module: &Module) {
        self.add(Entry { head: named(module), steps: None, error: None });
    }

    fn planned(&mut self, plan: &Plan) {
        let mut entry = Entry { head: named(&plan.module), steps: Some(Vec::new()), error: None };
        let (verdict, origin) = match &plan.decision {
            Decision::Load(steps) => {
                let steps = steps.iter().map(|one| step(one).set("outcome", self.initial_outcome(one)));
                entry.steps = Some(steps.collect());
                ("load", None)
            }
            Decision::Blacklisted(origin) => ("blacklisted", Some((&origin.path, origin.line))),
            Decision::Forbidden(forbidden) => {
                entry.error = plan.refusal().as_ref().map(failure_of);
                ("forbidden", Some((&forbidden.path, forbidden.line)))
            }
            Decision::Loaded | Decision::BuiltIn => {
                let already = || ModuleError::AlreadyLoaded { module: plan.module.name.clone() };
                entry.error = self.first_time.then(|| failure_of(&already()));
                ("loaded", None)
            }
        };
        if let Some((path, line)) = origin {
            entry.head = with_origin(std::mem::take(&mut entry.head), path, line);
        }
        entry.head = entry.head.set("verdict", verdict);
        self.add(entry);
        let request = self.requests.len().saturating_sub(1);
        let place = self.requests.last().map_or(0, |request| request.modules.len().saturating_sub(1));
        self.plans.push((request, place));
    }

    fn removing_module(&mut self, module: &Module) {
        self.add(Entry { head: named(module), steps: Some(Vec::new()), error: None });
    }

    fn not_removed(&mut self, error: &ModuleError) {
        if let Some(entry) = self.module() {
            entry.error = Some(failure_of(error));
        }
    }
}

impl Observer for Document {
    fn finished(&mut self, finished: &Finished<'_>) {
        let entry = self.plans.get(finished.plan).and_then(|&(request, module)| {
            self.requests.get_mut(request).and_then(|request| request.modules.get_mut(module))
        });
        let Some(entry) = entry else { return };
        let Some(object) = entry.steps.as_mut().and_then(|steps| steps.get_mut(finished.place)) else {
            return;
        };
        let error = finished.result.as_ref().err().map(failure_of);
        let whole = std::mem::take(object).set("outcome", outcome(finished.result));
        *object = with_error(whole, error.clone());
        if finished.step.required && entry.error.is_none() {
            entry.error = error;
        }
    }

    fn removing(&mut self, removal: &Removal<'_>) {
        let object = Object::new().text("module", removal.module);
        let object = match removal.command {
            Some(command) => object.set("action", "remove_command").text("command", command),
            None => object.set("action", "remove"),
        };
        let object = object.set("outcome", "planned");
        if let Some(steps) = self.module().and_then(|entry| entry.steps.as_mut()) {
            steps.push(object);
        }
    }

    fn removed(&mut self, removal: &Removal<'_>, result: &Result<(), ModuleError>) {
        let done = if removal.command.is_some() { "ran" } else { "removed" };
        let error = result.as_ref().err().map(failure_of);
        let step = self.module().and_then(|entry| entry.steps.as_mut()?.last_mut());
        if let Some(step) = step {
            let whole = std::mem::take(step).set("outcome", if error.is_some() { "failed" } else { done });
            *step = with_error(whole, error);
        }
    }
}

/// Returns the members that identify a module.
fn named(module: &Module) -> Object {
    Object::new()
        .text("name", &module.name)
        .maybe_text("found_by", module.alias.as_ref())
        .set("builtin", module.builtin)
}

/// Adds the file and the line number of a line of the configuration.
fn with_origin(object: Object, path: &Path, line: u32) -> Object {
    let origin = Object::new()
        .text("path", path.as_os_str().as_bytes())
        .set("line", if line == 0 { Value::Null } else { line.into() });
    object.object("origin", origin)
}

fn with_error(object: Object, error: Option<Object>) -> Object {
    match error {
        Some(error) => object.object("error", error),
        None => object,
    }
}

fn outcome(result: &StepResult) -> &'static str {
    match result {
        Ok(StepOutcome::Inserted(_)) => "inserted",
        Ok(StepOutcome::Loaded) => "loaded",
        Ok(StepOutcome::Installed) => "ran",
        Ok(StepOutcome::BuiltIn) => "builtin",
        Err(_) => "failed",
    }
}
