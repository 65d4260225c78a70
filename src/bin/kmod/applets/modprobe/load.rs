//! modprobe's main job: from operands to plans, shown or executed.
//!
//! Owns which operands become which requests, and whether requests are served in turn or at the same
//! time. The order of steps and their execution are the library's, what is shown of them the view's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use bstr::BStr;
use oxmod::context::{Context, Module};
use oxmod::ops::probe::{Decision, Executor, Plan, Request};

use super::args::Settings;
use super::view::{View, Watcher};
use crate::report::{Exit, Outcome, Report};

/// What all operands share.
pub struct Loader<'l> {
    /// Where modules are found.
    pub context: &'l Context,
    /// How they are to be treated.
    pub settings: &'l Settings,
    /// What loads and removes them.
    pub executor: &'l Executor,
    /// Where messages go.
    pub report: &'l Report,
}

impl Loader<'_> {
    /// Loads what each operand stands for; one that fails does not stop the others.
    pub fn all(&self, operands: &[OsString], parameters: &BStr, view: &mut dyn View) -> Outcome {
        let request = self.request(parameters);
        if self.settings.jobs > 1 && !self.settings.dry_run && !self.settings.resolve {
            return self.in_parallel(operands, &request, view);
        }
        let mut number = 0;
        each(operands, |operand| {
            let modules = self.find(operand, view)?;
            each(&modules, |module| {
                if self.settings.resolve {
                    view.resolved(module);
                    return Ok(());
                }
                let plan = self.plan(module, &request, view);
                let first = number;
                number += 1;
                self.wanted(&plan)?;
                let plans = std::slice::from_ref(&plan);
                let mut watcher = Watcher::new(view, self.report, plans, first);
                self.executor.load(&plan, &mut watcher).map_err(|_| Exit::Failure)
            })
        })
    }

    /// The modules that an operand stands for: those of this name or alias, or the one in the file if it
    /// begins with `/` or `./`. Never none: that is a failure, and has been reported.
    fn find(&self, operand: &OsStr, view: &mut dyn View) -> Result<Vec<Module>, Exit> {
        view.operand(operand);
        let bytes = operand.as_bytes();
        if bytes.starts_with(b"/") || bytes.starts_with(b"./") {
            return Module::in_file(operand).map(|module| vec![module]).map_err(|error| {
                view.not_found(Some(&error));
                self.report.no_module_at(operand, &error, self.settings.all)
            });
        }
        let found = self.context.lookup(bytes).unwrap_or_default();
        if found.is_empty() {
            view.not_found(None);
            return Err(self.report.not_found_in(operand, self.context.dir(), self.settings.all));
        }
        Ok(found)
    }

    fn request(&self, parameters: &BStr) -> Request {
        Request::new()
            .options(parameters)
            .ignore_commands(self.settings.ignore_commands)
            .ignore_loaded(self.settings.ignore_loaded)
            .blacklist_names(self.settings.use_blacklist)
            .ignore_forbid(self.settings.ignore_forbid)
            .dry_run(self.settings.dry_run)
    }

    fn plan(&self, module: &Module, request: &Request, view: &mut dyn View) -> Plan {
        let plan = Plan::new(self.context, module.clone(), request);
        view.planned(&plan);
        plan
    }

    /// Reports a plan that is a failure in itself.
    fn wanted(&self, plan: &Plan) -> Outcome {
        let name = &plan.module.name;
        match &plan.decision {
            Decision::Loaded | Decision::BuiltIn if self.settings.first_time => {
                Err(self.report.already_loaded(name))
            }
            Decision::Forbidden(forbidden) => Err(self.report.forbidden(name, forbidden)),
            _ => Ok(()),
        }
    }

    /// All operands' steps by several threads. Messages come in the order of the operands, first about
    /// what is not found, then about what was done.
    fn in_parallel(&self, operands: &[OsString], request: &Request, view: &mut dyn View) -> Outcome {
        let mut plans = Vec::new();
        let planned = each(operands, |operand| {
            let modules = self.find(operand, view)?;
            each(&modules, |module| {
                let plan = self.plan(module, request, view);
                let outcome = self.wanted(&plan);
                plans.push(plan);
                outcome
            })
        });
        let mut watcher = Watcher::new(view, self.report, &plans, 0);
        let results = self.executor.load_all(self.context, &plans, &mut watcher);
        planned.and(if results.iter().all(Result::is_ok) { Ok(()) } else { Err(Exit::Failure) })
    }
}

/// Goes through all of them, whatever fails.
fn each<T>(items: &[T], mut action: impl FnMut(&T) -> Outcome) -> Outcome {
    let mut outcome = Ok(());
    for item in items {
        match action(item) {
            Err(Exit::Failure) => outcome = Err(Exit::Failure),
            other => other?,
        }
    }
    outcome
}
