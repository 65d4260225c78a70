//! `kmod coldplug --json`: what became, or would become, of each need of the devices.
//!
//! Owns the form. A need is written as soon as it is served.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;
use oxmod::ops::ModuleError;
use oxmod::ops::coldplug::{DeviceGroup, GroupPlan, GroupReport};
use oxmod::ops::probe::{Decision, Plan};

use super::View;
use crate::output::json::step::{failure_of, step};
use crate::output::json::{self, Format, List, Object};
use crate::report::{Outcome, Report};

const FORMAT: Format = Format { name: "coldplug", list: "needs" };

/// Writes the document about what `work` tells.
pub fn answer(report: &Report, work: impl FnOnce(&mut dyn View) -> Outcome) -> Outcome {
    json::answer(FORMAT, report, |list| work(list))
}

impl View for List {
    fn begin(&mut self, directory: &Path, meta: Option<&Path>, dry_run: bool) {
        let (directory, meta) = (directory.as_os_str(), meta.map(|path| path.as_os_str().as_bytes()));
        let object = Object::new().set("dry_run", dry_run).text("directory", directory.as_bytes());
        self.beside(object.maybe_text("meta", meta));
    }

    fn foreseen(&mut self, need: &DeviceGroup, foreseen: &GroupPlan) {
        let planned = &foreseen.planned;
        let of = |wanted: fn(&Decision) -> bool| -> Vec<&BString> {
            planned.iter().filter(|plan| wanted(&plan.decision)).map(|plan| &plan.module.name).collect()
        };
        let steps = planned.iter().flat_map(Plan::steps).map(|one| {
            let outcome = if one.loaded { "loaded" } else { "planned" };
            step(one).set("outcome", outcome)
        });
        let failed = planned.iter().filter_map(|plan| Some((&plan.module.name, plan.refusal()?)));
        let object = who(need)
            .texts::<&BString>("loaded", &[])
            .texts("already", &of(|decision| matches!(decision, Decision::Loaded)))
            .texts("builtin", &of(|decision| matches!(decision, Decision::BuiltIn)))
            .texts::<&BString>("commands", &[])
            .texts("blacklisted", &of(|decision| matches!(decision, Decision::Blacklisted(_))))
            .texts("repeated", &foreseen.repeated)
            .objects("failed", failed.map(|(driver, error)| failed_one(driver, &error)));
        self.line(object.objects("steps", steps));
    }

    fn served(&mut self, need: &DeviceGroup, served: &GroupReport) {
        let report = &served.report;
        let failed = report.failed.iter().map(|(driver, error)| failed_one(driver, error));
        let object = who(need)
            .texts("loaded", &report.loaded)
            .texts("already", &report.already)
            .texts("builtin", &report.builtin)
            .texts("commands", &report.commands)
            .texts("blacklisted", &report.blacklisted)
            .texts("repeated", &served.repeated)
            .objects("failed", failed);
        self.line(object);
    }
}

fn who(need: &DeviceGroup) -> Object {
    let devices: Vec<&[u8]> = need.devices.iter().map(|device| device.as_os_str().as_bytes()).collect();
    Object::new().text("modalias", &need.modalias).texts("devices", &devices)
}

fn failed_one(driver: &BString, error: &ModuleError) -> Object {
    Object::new().text("name", driver).object("error", failure_of(error))
}
