//! `kmod meta show|lookup|verify --json`: the modules of a meta.pb, the modules for a device, or the defects of the file.
//!
//! This module owns the form of the documents, one format per task.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oxmod::ops::meta_check::{DeviceModule, Flaw, ListedModule};

use super::{Task, View};
use crate::output::json::{self, Format, List, Object, failure};
use crate::report::meta::flaw;
use crate::report::{Outcome, Reason, Report};

/// Writes the document about what `work` shows.
pub fn write(task: Task, report: &Report, work: impl FnOnce(&mut dyn View) -> Outcome) -> Outcome {
    let format = match task {
        Task::Show => Format { name: "meta_show", list: "modules" },
        Task::Lookup => Format { name: "meta_lookup", list: "requests" },
        Task::Verify => Format { name: "meta_verify", list: "flaws" },
    };
    json::write(format, report, |list| work(list))
}

impl View for List {
    fn begin(&mut self, file: &Path, release: Option<&[u8]>) {
        let file = Object::new().text("file", file.as_os_str().as_bytes());
        self.add_members(file.maybe_text("release", release));
    }

    fn module(&mut self, module: &ListedModule<'_>) -> Outcome {
        let path = Some(module.path).filter(|path| !path.is_empty());
        self.push(
            Object::new()
                .text("name", &module.name)
                .set("builtin", path.is_none())
                .maybe_text("path", path)
                .texts("depends", &module.depends)
                .texts("aliases", &module.aliases)
                .texts("softdeps", &module.softdeps)
                .texts("weakdeps", &module.weakdeps),
        )
    }

    fn found(&mut self, modalias: &OsStr, modules: &[DeviceModule]) -> Outcome {
        let object =
            |module: &DeviceModule| Object::new().text("name", &module.name).set("builtin", module.builtin);
        let request =
            Object::new().text("operand", modalias.as_bytes()).objects("modules", modules.iter().map(object));
        self.push(if modules.is_empty() {
            request.object("error", failure(Reason::NoDriver))
        } else {
            request
        })
    }

    fn flaw(&mut self, found: &Flaw) -> Outcome {
        let text = flaw(found);
        let object = Object::new().set("kind", kind(found)).text("text", &text);
        self.push(match module(found) {
            Some(module) => object.text("module", module),
            None => object,
        })
    }
}

/// Returns the word for a defect.
const fn kind(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::Nameless(_) => "nameless",
        Flaw::Twice(_) => "twice",
        Flaw::NoSuchModule { .. } => "no_such_module",
        Flaw::Cycle(_) => "cycle",
        Flaw::Tree(..) => "tree",
        Flaw::NoSuchOwner { .. } => "no_such_owner",
        Flaw::Index => "index",
        Flaw::Missing(_) => "missing",
        Flaw::Surplus(_) => "surplus",
        Flaw::Path { .. } => "moved",
        Flaw::Depends { .. } => "depends",
        Flaw::Order(_) => "order",
        Flaw::Pattern { .. } => "pattern",
        Flaw::Release { .. } => "release",
        Flaw::NotFound { .. } => "unanswered",
    }
}

/// Returns the module that a defect is about, if there is one.
fn module(flaw: &Flaw) -> Option<&[u8]> {
    match flaw {
        Flaw::Twice(module)
        | Flaw::Missing(module)
        | Flaw::Surplus(module)
        | Flaw::Order(module)
        | Flaw::Pattern { module, .. }
        | Flaw::NoSuchModule { module, .. }
        | Flaw::Path { module, .. }
        | Flaw::Depends { module, .. }
        | Flaw::NotFound { module, .. } => Some(module),
        Flaw::Nameless(_)
        | Flaw::Cycle(_)
        | Flaw::Tree(..)
        | Flaw::NoSuchOwner { .. }
        | Flaw::Index
        | Flaw::Release { .. } => None,
    }
}
