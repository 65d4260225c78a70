//! Loading modules: from operands to plans, which are shown or executed.
//!
//! This module turns operands into requests, and decides whether they are executed one after another or in parallel. The
//! library owns the order of steps and their execution, and the view owns the output.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use bstr::BStr;
use oxmod::context::{Context, Module};
use oxmod::ops::probe::{Decision, Executor, Plan, Request};

use super::args::Settings;
use super::view::{Reporter, View};
use crate::report::{Exit, Outcome, Report};

/// Loads modules; also the state that loading and removing have in common.
pub struct Loader<'l> {
    /// The context for lookups.
    pub context: &'l Context,
    /// The options.
    pub settings: &'l Settings,
    /// Loads and removes modules.
    pub executor: &'l Executor,
    /// Prints messages.
    pub report: &'l Report,
}

impl Loader<'_> {
    /// Loads the modules of all operands. A failure does not stop the others.
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
                self.check(&plan)?;
                let plans = std::slice::from_ref(&plan);
                let mut observer = Reporter::new(view, self.report, plans, first);
                self.executor.load(&plan, &mut observer).map_err(|_| Exit::Failure)
            })
        })
    }

    /// Returns the modules that an operand stands for: the module in the file if it begins with `/` or `./`, otherwise
    /// those with this name or alias. If there are none, that is reported and an error.
    fn find(&self, operand: &OsStr, view: &mut dyn View) -> Result<Vec<Module>, Exit> {
        view.operand(operand);
        let bytes = operand.as_bytes();
        if bytes.starts_with(b"/") || bytes.starts_with(b"./") {
            return Module::in_file(operand).map(|module| vec![module]).or_else(|error| {
                view.not_found(Some(&error));
                self.report.no_module_at(operand, &error).and(Err(Exit::Failure))
            });
        }
        let found = self.context.lookup(bytes).unwrap_or_default();
        if found.is_empty() {
            view.not_found(None);
            return self.report.not_found_in(operand, self.context.dir()).and(Err(Exit::Failure));
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

    /// Reports a plan that is a failure by itself.
    fn check(&self, plan: &Plan) -> Outcome {
        let name = &plan.module.name;
        match &plan.decision {
            Decision::Loaded | Decision::BuiltIn if self.settings.first_time => {
                Err(self.report.already_loaded(name))
            }
            Decision::Forbidden(forbidden) => Err(self.report.forbidden(name, forbidden)),
            _ => Ok(()),
        }
    }

    /// Loads the modules of all operands with several threads. Messages are in the order of the operands: first those about
    /// modules that were not found, then those about steps.
    fn in_parallel(&self, operands: &[OsString], request: &Request, view: &mut dyn View) -> Outcome {
        let mut plans = Vec::new();
        let planned = each(operands, |operand| {
            let modules = self.find(operand, view)?;
            each(&modules, |module| {
                let plan = self.plan(module, request, view);
                let outcome = self.check(&plan);
                plans.push(plan);
                outcome
            })
        });
        let mut observer = Reporter::new(view, self.report, &plans, 0);
        let results = self.executor.load_all(self.context, &plans, &mut observer);
        planned.and(if results.iter().all(Result::is_ok) { Ok(()) } else { Err(Exit::Failure) })
    }
}

/// Calls `action` for all items, even if it fails for some of them.
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
