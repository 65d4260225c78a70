//! `lsmod --json`: the loaded modules.
//!
//! This module selects the attributes for the document. Attributes that cannot be read are reported as by lsmod.

use oxmod::context::loaded::{self, LoadedDetails, LoadedModule, ModuleState};
use serde_json::Value;

use crate::output::json::{self, Format, Object};
use crate::report::{Exit, Outcome, Report};

const FORMAT: Format = Format { name: "lsmod", list: "modules" };

/// Writes the document about the modules that `list` returns.
pub fn write(report: &Report, list: impl FnOnce() -> Result<Vec<LoadedModule>, Exit>) -> Outcome {
    json::write(FORMAT, report, |items| {
        list()?
            .iter()
            .try_for_each(|loaded| items.push(module(loaded, &loaded::details(&loaded.name), report)))
    })
}

fn module(loaded: &LoadedModule, details: &LoadedDetails, report: &Report) -> Object {
    let number =
        |number: &oxmod::error::Result<i64>| number.as_ref().map_or(Value::Null, |&number| number.into());
    if let Err(error) = &loaded.count {
        report.unreadable_count(error);
    }
    if let Err(error) = &loaded.size {
        report.unreadable_size(error);
    }
    let object = Object::new()
        .text("name", &loaded.name)
        .set("size", number(&loaded.size))
        .set("init_size", details.init_size)
        .set("refcount", number(&loaded.count));
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

/// Returns the word for a state, as in /sys/module.
const fn word(state: ModuleState) -> &'static str {
    match state {
        ModuleState::Live => "live",
        ModuleState::Coming => "coming",
        ModuleState::Going => "going",
    }
}
