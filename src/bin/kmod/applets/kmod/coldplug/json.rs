//! `kmod coldplug --json`: the result, or the plan, for each group of devices.
//!
//! This module owns the form of the items. The groups of a scan are written when their drivers have been loaded.

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

/// Writes the document about what `work` shows.
pub fn write(report: &Report, work: impl FnOnce(&mut dyn View) -> Outcome) -> Outcome {
    json::write(FORMAT, report, |list| work(list))
}

impl View for List {
    fn begin(&mut self, directory: &Path, meta: Option<&Path>, dry_run: bool) {
        let (directory, meta) = (directory.as_os_str(), meta.map(|path| path.as_os_str().as_bytes()));
        let object = Object::new().set("dry_run", dry_run).text("directory", directory.as_bytes());
        self.add_members(object.maybe_text("meta", meta));
    }

    fn planned(&mut self, group: &DeviceGroup, plan: &GroupPlan) {
        let planned = &plan.planned;
        let names = |wanted: fn(&Decision) -> bool| -> Vec<&BString> {
            planned.iter().filter(|plan| wanted(&plan.decision)).map(|plan| &plan.module.name).collect()
        };
        let steps = planned.iter().flat_map(Plan::steps).map(|one| {
            let outcome = if one.loaded { "loaded" } else { "planned" };
            step(one).set("outcome", outcome)
        });
        let failed = planned.iter().filter_map(|plan| Some((&plan.module.name, plan.refusal()?)));
        let object = devices(group)
            .texts::<&BString>("loaded", &[])
            .texts("already", &names(|decision| matches!(decision, Decision::Loaded)))
            .texts("builtin", &names(|decision| matches!(decision, Decision::BuiltIn)))
            .texts::<&BString>("commands", &[])
            .texts("blacklisted", &names(|decision| matches!(decision, Decision::Blacklisted(_))))
            .texts("repeated", &plan.repeated)
            .objects("failed", failed.map(|(driver, error)| failed_driver(driver, &error)));
        self.line(object.objects("steps", steps));
    }

    fn finished(&mut self, group: &DeviceGroup, result: &GroupReport) {
        let report = &result.report;
        let failed = report.failed.iter().map(|(driver, error)| failed_driver(driver, error));
        let object = devices(group)
            .texts("loaded", &report.loaded)
            .texts("already", &report.already)
            .texts("builtin", &report.builtin)
            .texts("commands", &report.commands)
            .texts("blacklisted", &report.blacklisted)
            .texts("repeated", &result.repeated)
            .objects("failed", failed);
        self.line(object);
    }
}

fn devices(group: &DeviceGroup) -> Object {
    let devices: Vec<&[u8]> = group.devices.iter().map(|device| device.as_os_str().as_bytes()).collect();
    Object::new().text("modalias", &group.modalias).texts("devices", &devices)
}

fn failed_driver(driver: &BString, error: &ModuleError) -> Object {
    Object::new().text("name", driver).object("error", failure_of(error))
}
