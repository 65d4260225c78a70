//! `kmod coldplug --json`: what became, or would become, of each need of the devices.
//!
//! Owns the form. A need is written as soon as it is served.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;
use oxmod::ops::coldplug::{Foreseen, Need, Served};
use oxmod::ops::manager::{self, Planned, Prospect};
use oxmod::ops::probe::Step;

use super::View;
use crate::output::json::step::{of_command, step};
use crate::output::json::{self, Format, Kind, List, Object, failure, file_failure, system_failure};
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

    fn foreseen(&mut self, need: &Need, foreseen: &Foreseen) -> Outcome {
        let planned = &foreseen.planned;
        let of = |wanted: fn(&Prospect) -> bool| -> Vec<&BString> {
            let found = planned.iter().filter(|planned| wanted(&planned.prospect));
            found.map(|planned| &planned.module.name).collect()
        };
        let steps = planned.iter().flat_map(steps).map(|one| {
            let outcome = if one.loaded { "loaded" } else { "planned" };
            step(one).set("outcome", outcome)
        });
        let failed = planned.iter().filter_map(|planned| match &planned.prospect {
            Prospect::Forbidden(error) => Some((&planned.module.name, error)),
            _ => None,
        });
        let object = who(need)
            .texts::<&BString>("loaded", &[])
            .texts("already", &of(|prospect| matches!(prospect, Prospect::Loaded)))
            .texts("builtin", &of(|prospect| matches!(prospect, Prospect::BuiltIn)))
            .texts::<&BString>("commands", &[])
            .texts("blacklisted", &of(|prospect| matches!(prospect, Prospect::Blacklisted(_))))
            .texts("repeated", &foreseen.repeated)
            .objects("failed", failed.map(|(driver, error)| failed_one(driver, error)));
        self.push(object.objects("steps", steps))
    }

    fn served(&mut self, need: &Need, served: &Served) -> Outcome {
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
        self.push(object)
    }
}

fn steps(planned: &Planned) -> &[Step] {
    match &planned.prospect {
        Prospect::Load(steps) => steps,
        _ => &[],
    }
}

fn who(need: &Need) -> Object {
    let devices: Vec<&[u8]> = need.devices.iter().map(|device| device.as_os_str().as_bytes()).collect();
    Object::new().text("modalias", &need.modalias).texts("devices", &devices)
}

fn failed_one(driver: &BString, error: &manager::Error) -> Object {
    Object::new().text("name", driver).object("error", reason(error))
}

fn reason(error: &manager::Error) -> Object {
    use manager::Error as E;
    match error {
        E::NotFound { name } => failure(Kind::Missing, "There is no such module").text("module", name),
        E::Forbidden { forbidden, reason, .. } => {
            let object = failure(Kind::Forbidden, "Module is forbidden").text("module", forbidden);
            match reason {
                Some(reason) => object.text("reason", reason),
                None => object,
            }
        }
        E::Kernel { errno, module } => system_failure(Kind::Refused, *errno).text("module", module),
        E::File { module, error } => file_failure(Kind::Unreadable, error).text("module", module),
        E::Command { module, failure } => of_command(failure).text("module", module),
        other => failure(Kind::Refused, &other.to_string()).set("errno", other.errno()),
    }
}
