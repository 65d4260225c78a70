//! `modinfo --json`: what modules say about themselves.
//!
//! Owns the form: the strings grouped by key, what is made of some of them, the signature. Which modules an operand
//! stands for and what is said about those that cannot be read is modinfo's.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use oxmod::context::Module;
use oxmod::hash::IndexMap;
use oxmod::ops::info::{Field, Info, SIGNATURE_FIELDS, Signature};
use serde_json::Value;

use super::{Query, Success, is_field};
use crate::output::json::{self, Format, Kind, List, Object, hex};
use crate::report::{Outcome, Reason, Report};

const FORMAT: Format = Format { name: "modinfo", list: "requests" };

/// Writes the document whose requests `fill` supplies.
pub fn answer(report: &Report, fill: impl FnOnce(&mut List) -> Outcome) -> Outcome {
    json::answer(FORMAT, report, fill)
}

/// Writes the request that an operand is.
pub fn operand(query: &mut Query<'_>, operand: &OsStr, list: &mut List) -> Success {
    let meta = query.context.meta_file().map(|path| path.as_os_str().as_bytes());
    list.beside(Object::new().maybe_text("meta", meta));
    let found = query.find(operand);
    let mut success = !found.is_empty();
    let modules: Vec<Object> = found
        .iter()
        .map(|found| {
            let (object, read) = module(query, found);
            success &= read;
            object
        })
        .collect();
    let request = Object::new().text("operand", operand.as_bytes()).objects("modules", modules);
    let request =
        if found.is_empty() { request.object("error", json::failure(Reason::NotFound)) } else { request };
    list.push(request).map(|()| success)
}

/// One module, and whether it could be read.
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

/// Adds everything that was asked for.
fn contents(query: &Query<'_>, object: Object, info: &Info) -> Object {
    let (strings, signature) = (info.strings().collect::<Vec<_>>(), info.signature());
    match query.request.field.as_deref() {
        None => {
            let object = parameters(query, depends(fields(object, &strings), &strings), info);
            object.set("signature", signature.map(|signature| signed(signature, &SIGNATURE_FIELDS)))
        }
        Some(field) if field.eq_ignore_ascii_case(b"parm") => parameters(query, object, info),
        Some(field) => one_field(object, field, &strings, signature),
    }
}

/// Adds one field, be it of the strings, of the signature, or of both.
fn one_field(object: Object, field: &[u8], strings: &[Field<'_>], signature: Option<&Signature>) -> Object {
    let of_signature = SIGNATURE_FIELDS.into_iter().filter(|_| signature.is_some());
    let wanted = is_field(strings.iter().map(|entry| entry.key).chain(of_signature), field);
    let members: Vec<&[u8]> = SIGNATURE_FIELDS.into_iter().filter(|key| wanted(key)).collect();
    let strings: Vec<Field<'_>> = strings.iter().filter(|entry| wanted(entry.key)).copied().collect();
    let object = fields(object, &strings);
    let object = if field.eq_ignore_ascii_case(b"depends") { depends(object, &strings) } else { object };
    if members.is_empty() {
        return object;
    }
    object.set("signature", signature.map(|signature| signed(signature, &members)))
}

/// `fields`, by key, in the order in which keys and values come first. What has a key that is no text stands aside.
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

/// `depends`: the names of the modules that this one needs.
fn depends(object: Object, strings: &[Field<'_>]) -> Object {
    let lists = strings.iter().filter(|entry| entry.key == b"depends");
    let names = lists.flat_map(|entry| entry.value.split(|&byte| byte == b','));
    object.texts("depends", &names.filter(|name| !name.is_empty()).collect::<Vec<_>>())
}

/// `parameters`, in the order of their first appearance.
fn parameters(query: &Query<'_>, object: Object, info: &Info) -> Object {
    let known = query.parameters(info.strings());
    let mut list: Vec<Object> = known
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

/// A signature by the names that modinfo has for its parts, or some of them.
fn signed(signature: &Signature, members: &[&[u8]]) -> Value {
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
