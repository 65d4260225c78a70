//! The output of modinfo as text.
//!
//! Contract: the layout of kmod 34, byte for byte, including its irregular padding.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use oxmod::context::Module;
use oxmod::ops::info::{BUILD_ID_FIELD, Field, Info, Parameter, hex};

use super::{Query, Success, is_field};
use crate::output::stdout::Out;
use crate::report::Outcome;

/// The column in which values begin.
const COLUMN: usize = 16;

/// Prints the modules that an operand stands for.
pub fn operand(query: &mut Query<'_>, operand: &OsStr, out: &mut Out) -> Success {
    let found = query.find(operand);
    let mut printer = Printer { query, out };
    let mut success = !found.is_empty();
    for module in &found {
        success &= printer.module(module)?;
    }
    Ok(success)
}

struct Printer<'p, 'a> {
    query: &'p mut Query<'a>,
    out: &'p mut Out,
}

impl Printer<'_, '_> {
    fn module(&mut self, module: &Module) -> Success {
        if module.builtin {
            return self.builtin(module);
        }
        let path = self.query.path(module);
        let shown = path.as_ref().map_or(&b"(null)"[..], |path| path.as_os_str().as_bytes());
        if self.query.request.wants("filename") {
            return self.line(shown).map(|()| true);
        }
        if self.query.request.field.is_none() {
            self.padded("filename:", shown)?;
        }
        match self.query.read(module, path.as_deref()) {
            Ok(info) => self.contents(&info).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    fn builtin(&mut self, module: &Module) -> Success {
        if self.query.request.wants("filename") {
            return self.line(b"(builtin)").map(|()| true);
        }
        if self.query.request.wants("name") {
            return self.line(&module.name).map(|()| true);
        }
        if self.query.request.field.is_none() {
            self.padded("name:", &module.name)?;
            self.padded("filename:", b"(builtin)")?;
        }
        self.contents(&Info::builtin(self.query.context, &module.name)).map(|()| true)
    }

    /// Prints all fields, or the requested one.
    fn contents(&mut self, info: &Info) -> Outcome {
        match self.query.request.field.as_deref() {
            None => self.all(info),
            Some(field) if field.eq_ignore_ascii_case(b"parm") => self
                .query
                .parameters(info)
                .iter()
                .try_for_each(|parameter| self.line(&parameter_alone(&parameter))),
            Some(field) => {
                let build_id = info.build_id().map(hex);
                let entries = || {
                    let build_id = build_id.as_ref().map(|value| Field { key: BUILD_ID_FIELD, value });
                    info.entries().chain(build_id)
                };
                let wanted = is_field(entries().map(|entry| entry.key), field);
                entries().filter(|entry| wanted(entry.key)).try_for_each(|entry| self.line(entry.value))
            }
        }
    }

    fn all(&mut self, info: &Info) -> Outcome {
        for entry in info.entries().filter(|entry| !is_parameter(entry)) {
            if self.query.request.nul {
                self.line(&[entry.key, b"=", entry.value].concat())?;
            } else {
                let padding = (COLUMN - 1).saturating_sub(entry.key.len());
                self.line(&[entry.key, b":", &b" ".repeat(padding), entry.value].concat())?;
            }
        }
        for parameter in self.query.parameters(info).iter() {
            self.padded("parm:", &parameter_in_list(&parameter))?;
        }
        Ok(())
    }

    /// Prints a label padded to [`COLUMN`], and a value.
    fn padded(&mut self, label: &str, value: &[u8]) -> Outcome {
        self.line(&[format!("{label:COLUMN$}").as_bytes(), value].concat())
    }

    /// Prints a text and the separator.
    fn line(&mut self, text: &[u8]) -> Outcome {
        self.out.bytes(&[text, if self.query.request.nul { b"\0" } else { b"\n" }].concat())
    }
}

fn is_parameter(entry: &Field<'_>) -> bool {
    matches!(entry.key, b"parm" | b"parmtype")
}

/// Returns the line for a parameter among the other fields.
fn parameter_in_list(parameter: &Parameter<'_>) -> Vec<u8> {
    match (parameter.description, parameter.kind) {
        (Some(text), Some(kind)) => [parameter.name, b":", text, b" (", kind, b")"].concat(),
        (Some(text), None) | (None, Some(text)) => [parameter.name, b":", text].concat(),
        (None, None) => parameter.name.to_vec(),
    }
}

/// Returns the line for a parameter if only parameters are printed.
fn parameter_alone(parameter: &Parameter<'_>) -> Vec<u8> {
    match (parameter.description, parameter.kind) {
        (None, Some(kind)) => [parameter.name, b": (", kind, b")"].concat(),
        _ => parameter_in_list(parameter),
    }
}
