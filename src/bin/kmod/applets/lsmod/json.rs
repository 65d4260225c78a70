//! `lsmod --json`: the loaded modules.
//!
//! Owns which of the kernel's figures stand in the answer. What is said about those that cannot be read is lsmod's.

use oxmod::context::loaded::{self, LoadedDetails, LoadedModule, ModuleState};
use serde_json::Value;

use crate::output::json::{self, Format, Object};
use crate::report::{Exit, Outcome, Report};

const FORMAT: Format = Format { name: "lsmod", list: "modules" };

/// Writes the document about the modules that `list` supplies.
pub fn answer(report: &Report, list: impl FnOnce() -> Result<Vec<LoadedModule>, Exit>) -> Outcome {
    json::answer(FORMAT, report, |items| {
        list()?
            .iter()
            .try_for_each(|loaded| items.push(module(loaded, &loaded::details(&loaded.name), report)))
    })
}

fn module(loaded: &LoadedModule, details: &LoadedDetails, report: &Report) -> Object {
    let known =
        |figure: &oxmod::error::Result<i64>| figure.as_ref().map_or(Value::Null, |&figure| figure.into());
    if let Err(error) = &loaded.count {
        report.unreadable_count(error);
    }
    if let Err(error) = &loaded.size {
        report.unreadable_size(error);
    }
    let object = Object::new()
        .text("name", &loaded.name)
        .set("size", known(&loaded.size))
        .set("init_size", details.init_size)
        .set("refcount", known(&loaded.count));
    let object = match &loaded.holders {
        Ok(holders) => object.texts("holders", holders),
        Err(error) => {
            report.unreadable_holders(error);
            object.set("holders", Value::Null)
        }
    };
    object
        .set("state", details.state.map(word))
        .set("permanent", loaded.permanent)
        .maybe_text("taint", details.taint.as_ref())
        .maybe_text("version", details.version.as_ref())
        .maybe_text("srcversion", details.source_version.as_ref())
        .objects(
            "parameters",
            details.parameters.iter().map(|parameter| {
                Object::new().text("name", &parameter.name).maybe_text("value", parameter.value.as_ref())
            }),
        )
}

/// As /sys/module has it.
const fn word(state: ModuleState) -> &'static str {
    match state {
        ModuleState::Live => "live",
        ModuleState::Coming => "coming",
        ModuleState::Going => "going",
    }
}
