//! `modinfo --json`: information about modules.
//!
//! This module owns the form of the document: the strings grouped by key, the members that are derived from some of them,
//! and the signature. [`Query`] finds the modules of an operand and reports those that cannot be read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use oxmod::context::Module;
use oxmod::hash::IndexMap;
use oxmod::ops::info::{BUILD_ID_FIELD, Field, Info, SIGNATURE_FIELDS, Signature};
use serde_json::Value;

use super::{Query, Success, is_field};
use crate::output::json::{self, Format, Kind, List, Object, hex};
use crate::report::{Outcome, Reason, Report};

const FORMAT: Format = Format { name: "modinfo", list: "requests" };

/// Writes the document; `fill` adds the requests.
pub fn write(report: &Report, fill: impl FnOnce(&mut List) -> Outcome) -> Outcome {
    json::write(FORMAT, report, fill)
}

/// Writes the request for one operand.
pub fn operand(query: &mut Query<'_>, operand: &OsStr, list: &mut List) -> Success {
    let meta = query.context.meta_file().map(|path| path.as_os_str().as_bytes());
    list.add_members(Object::new().maybe_text("meta", meta));
    let found = query.find(operand);
    let mut success = !found.is_empty();
    let modules: Vec<Object> = found
        .iter()
        .map(|found| {
            let (object, was_read) = module(query, found);
            success &= was_read;
            object
        })
        .collect();
    let request = Object::new().text("operand", operand.as_bytes()).objects("modules", modules);
    let request =
        if found.is_empty() { request.object("error", json::failure(Reason::NotFound)) } else { request };
    list.push(request).map(|()| success)
}

/// Returns the object for one module, and whether the module could be read.
fn module(query: &mut Query<'_>, module: &Module) -> (Object, bool) {
    let path = if module.builtin { None } else { query.path(module) };
    let object = Object::new()
        .text("name", &module.name)
        .maybe_text("found_by", module.alias.as_ref())
        .set("builtin", module.builtin);
    let only_file = query.request.wants("filename");
    let object = if only_file || query.request.field.is_none() {
        object.maybe_text("filename", path.as_ref().map(|path| path.as_os_str().as_bytes()))
    } else {
        object
    };
    if only_file {
        return (object, true);
    }
    if module.builtin {
        return (contents(query, object, &Info::builtin(query.context, &module.name)), true);
    }
    match query.read(module, path.as_deref()) {
        Ok(info) => (contents(query, object, &info), true),
        Err(error) => (object.object("error", json::file_failure(Kind::Unreadable, &error)), false),
    }
}

/// Adds the requested members.
fn contents(query: &Query<'_>, object: Object, info: &Info) -> Object {
    let (strings, signature) = (info.strings().collect::<Vec<_>>(), info.signature());
    match query.request.field.as_deref() {
        None => {
            let object = parameters(query, depends(fields(object, &strings), &strings), info);
            let signature = signature.map(|signature| signature_object(signature, &SIGNATURE_FIELDS));
            object.set("signature", signature).set("build_id", info.build_id().map(hex))
        }
        Some(field) if field.eq_ignore_ascii_case(b"parm") => parameters(query, object, info),
        Some(field) if field.eq_ignore_ascii_case(BUILD_ID_FIELD) => {
            one_field(object, field, &strings, signature).set("build_id", info.build_id().map(hex))
        }
        Some(field) => one_field(object, field, &strings, signature),
    }
}

/// Adds one field of the strings, of the signature, or of both.
fn one_field(object: Object, field: &[u8], strings: &[Field<'_>], signature: Option<&Signature>) -> Object {
    let signature_keys = SIGNATURE_FIELDS.into_iter().filter(|_| signature.is_some());
    let wanted = is_field(strings.iter().map(|entry| entry.key).chain(signature_keys), field);
    let members: Vec<&[u8]> = SIGNATURE_FIELDS.into_iter().filter(|key| wanted(key)).collect();
    let strings: Vec<Field<'_>> = strings.iter().filter(|entry| wanted(entry.key)).copied().collect();
    let object = fields(object, &strings);
    let object = if field.eq_ignore_ascii_case(b"depends") { depends(object, &strings) } else { object };
    if members.is_empty() {
        return object;
    }
    object.set("signature", signature.map(|signature| signature_object(signature, &members)))
}

/// Adds `fields`: the values grouped by key, in the order of their first occurrence. Fields whose key is not UTF-8 go into
/// `odd_fields`.
fn fields(object: Object, strings: &[Field<'_>]) -> Object {
    let mut lists: IndexMap<&str, Vec<&[u8]>> = IndexMap::default();
    let mut odd = Vec::new();
    for entry in strings {
        match std::str::from_utf8(entry.key) {
            Ok(key) => lists.entry(key).or_default().push(entry.value),
            Err(_) => odd.push(Object::new().text("key", entry.key).text("value", entry.value)),
        }
    }
    let object = object.lists("fields", lists.iter().map(|(key, list)| (*key, list.as_slice())));
    if odd.is_empty() { object } else { object.objects("odd_fields", odd) }
}

/// Adds `depends`: the names of the modules that this module depends on.
fn depends(object: Object, strings: &[Field<'_>]) -> Object {
    let lists = strings.iter().filter(|entry| entry.key == b"depends");
    let names = lists.flat_map(|entry| entry.value.split(|&byte| byte == b','));
    object.texts("depends", &names.filter(|name| !name.is_empty()).collect::<Vec<_>>())
}

/// Adds `parameters`, in the order of their first occurrence.
fn parameters(query: &Query<'_>, object: Object, info: &Info) -> Object {
    let parameters = query.parameters(info.strings());
    let mut list: Vec<Object> = parameters
        .iter()
        .map(|parameter| {
            Object::new()
                .text("name", parameter.name)
                .maybe_text("type", parameter.kind)
                .maybe_text("description", parameter.description)
        })
        .collect();
    list.reverse();
    object.objects("parameters", list)
}

/// Returns these members of a signature, under the names of modinfo's fields.
fn signature_object(signature: &Signature, members: &[&[u8]]) -> Value {
    let object = members.iter().fold(Object::new(), |object, &member| match member {
        b"sig_id" => object.set("sig_id", signature.id),
        b"signer" => object.text("signer", &signature.signer),
        b"sig_key" => object.set("sig_key", hex(&signature.key)),
        b"sig_hashalgo" => object.set("sig_hashalgo", &*signature.hash),
        b"signature" => object.set("signature", hex(&signature.signature)),
        _ => object,
    });
    object.into()
}
