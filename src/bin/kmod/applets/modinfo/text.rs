//! The output of modinfo as text.
//!
//! Contract: the layout of kmod 34, byte for byte, including its irregular padding.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use oxmod::context::Module;
use oxmod::ops::info::{Field, Info, Parameter};

use super::{Query, Success, is_field};
use crate::output::stdout::Out;
use crate::report::Outcome;

/// The column in which values begin.
const COLUMN: usize = 16;
const BLANKS: [u8; COLUMN] = [b' '; COLUMN];

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
            return self.line(&[shown]).map(|()| true);
        }
        if self.query.request.field.is_none() {
            self.labelled(b"filename", &[shown])?;
        }
        match self.query.read(module, path.as_deref()) {
            Ok(info) => self.fields(&info.entries().collect::<Vec<_>>()).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    fn builtin(&mut self, module: &Module) -> Success {
        if self.query.request.wants("filename") {
            return self.line(&[b"(builtin)"]).map(|()| true);
        }
        if self.query.request.wants("name") {
            return self.line(&[&module.name]).map(|()| true);
        }
        if self.query.request.field.is_none() {
            self.labelled(b"name", &[&module.name])?;
            self.labelled(b"filename", &[b"(builtin)"])?;
        }
        let info = Info::builtin(self.query.context, &module.name);
        self.fields(&info.entries().collect::<Vec<_>>()).map(|()| true)
    }

    /// Prints all fields, or the requested one.
    fn fields(&mut self, fields: &[Field<'_>]) -> Outcome {
        match self.query.request.field.as_deref() {
            None => self.all(fields),
            Some(field) if field.eq_ignore_ascii_case(b"parm") => self
                .query
                .parameters(fields.iter().copied())
                .iter()
                .try_for_each(|parameter| self.line(&parameter_alone(&parameter))),
            Some(field) => {
                let wanted = is_field(fields.iter().map(|entry| entry.key), field);
                fields
                    .iter()
                    .filter(|entry| wanted(entry.key))
                    .try_for_each(|entry| self.line(&[entry.value]))
            }
        }
    }

    fn all(&mut self, fields: &[Field<'_>]) -> Outcome {
        for entry in fields.iter().filter(|entry| !is_parameter(entry)) {
            if self.query.request.nul {
                self.line(&[entry.key, b"=", entry.value])?;
            } else {
                self.labelled(entry.key, &[entry.value])?;
            }
        }
        for parameter in self.query.parameters(fields.iter().copied()).iter() {
            self.labelled(b"parm", &parameter_in_list(&parameter))?;
        }
        Ok(())
    }

    /// Prints a key with a colon, and its value in its column, in pieces.
    fn labelled(&mut self, key: &[u8], value: &[&[u8]]) -> Outcome {
        let padding = (COLUMN - 1).saturating_sub(key.len());
        for piece in [key, b":", &BLANKS[..padding]] {
            self.out.bytes(piece)?;
        }
        self.line(value)
    }

    /// Prints a text, in pieces, and the separator.
    fn line(&mut self, pieces: &[&[u8]]) -> Outcome {
        for piece in pieces {
            self.out.bytes(piece)?;
        }
        self.out.bytes(if self.query.request.nul { b"\0" } else { b"\n" })
    }
}

fn is_parameter(entry: &Field<'_>) -> bool {
    matches!(entry.key, b"parm" | b"parmtype")
}

/// Returns the line for a parameter among the other fields, in pieces.
fn parameter_in_list<'a>(parameter: &Parameter<'a>) -> [&'a [u8]; 6] {
    match (parameter.description, parameter.kind) {
        (Some(text), Some(kind)) => [parameter.name, b":", text, b" (", kind, b")"],
        (Some(text), None) | (None, Some(text)) => [parameter.name, b":", text, b"", b"", b""],
        (None, None) => [parameter.name, b"", b"", b"", b"", b""],
    }
}

/// Returns the line for a parameter if only parameters are printed, in pieces.
fn parameter_alone<'a>(parameter: &Parameter<'a>) -> [&'a [u8]; 6] {
    match (parameter.description, parameter.kind) {
        (None, Some(kind)) => [parameter.name, b": (", kind, b")", b"", b""],
        _ => parameter_in_list(parameter),
    }
}
