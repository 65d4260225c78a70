//! Checks documents against man/oxmod-json.schema.json, more strictly than the schema requires: a member that the
//! schema does not define is an error. Implements the part of JSON Schema 2020-12 that the schema uses; any other
//! keyword is an error.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

/// The schema, and the members that have occurred in documents so far.
pub(crate) struct Schema {
    whole: Value,
    seen: BTreeSet<String>,
}

impl Schema {
    /// Reads the schema from this source tree.
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/oxmod-json.schema.json");
        let text = std::fs::read_to_string(path).expect("the schema");
        Self { whole: serde_json::from_str(&text).expect("JSON"), seen: BTreeSet::new() }
    }

    /// Returns the errors in a document; the list is empty if the document is valid.
    pub(crate) fn faults(&mut self, document: &Value) -> Vec<String> {
        let whole = self.whole.clone();
        let mut check = Check { whole: &whole, seen: BTreeSet::new(), faults: Vec::new() };
        check.value(&whole, document, "");
        self.seen.append(&mut check.seen);
        check.faults
    }

    /// Returns each member that the schema defines, as `place/member`. A member of a definition is listed once.
    pub(crate) fn members(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut pending = vec![(String::new(), &self.whole)];
        while let Some((place, value)) = pending.pop() {
            let Some(object) = value.as_object() else { continue };
            for (key, value) in object {
                if key == "properties" {
                    for (name, schema) in value.as_object().expect("properties") {
                        found.insert(format!("{place}/{name}"));
                        pending.push((format!("{place}/{name}"), schema));
                    }
                } else if !matches!(key.as_str(), "oneOf" | "patternProperties" | "additionalProperties") {
                    pending.push((if key == "$defs" { String::new() } else { below(&place, key) }, value));
                }
            }
        }
        found
    }

    /// Returns the members that occurred in the documents checked so far.
    pub(crate) fn seen(&self) -> &BTreeSet<String> {
        &self.seen
    }
}

/// Definitions are part of a place's path, `items` is not.
fn below(place: &str, key: &str) -> String {
    if key == "items" { place.to_owned() } else { format!("{place}/{key}") }
}

struct Check<'s> {
    whole: &'s Value,
    seen: BTreeSet<String>,
    faults: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, value: &Value, place: &str) {
        for (keyword, rule) in schema.as_object().expect("a schema is an object") {
            let good = match keyword.as_str() {
                "$schema" | "title" | "description" | "$defs" => true,
                "properties" | "patternProperties" | "additionalProperties" => continue,
                "$ref" => {
                    let pointer =
                        rule.as_str().and_then(|rule| rule.strip_prefix('#')).expect("a local reference");
                    let target = self.whole.pointer(pointer).expect("a definition").clone();
                    self.value(&target, value, pointer.trim_start_matches("/$defs"));
                    true
                }
                "type" => rule
                    .as_array()
                    .map_or_else(|| is(value, rule), |types| types.iter().any(|t| is(value, t))),
                "const" => rule == value,
                "enum" => rule.as_array().expect("a list").contains(value),
                "pattern" => {
                    assert_eq!(rule, "^([0-9a-f]{2})*$");
                    value.as_str().is_none_or(|text| bytes(text).is_some())
                }
                "required" => value.as_object().is_none_or(|object| {
                    rule.as_array()
                        .expect("a list")
                        .iter()
                        .all(|name| object.contains_key(name.as_str().unwrap_or("")))
                }),
                "items" => {
                    value.as_array().into_iter().flatten().for_each(|item| self.value(rule, item, place));
                    true
                }
                "oneOf" => self.one_of(rule.as_array().expect("a list"), value, place),
                other => panic!("the test does not know the keyword {other}"),
            };
            if !good {
                self.faults.push(format!("{place}: {keyword} {rule} is broken by {value}"));
            }
        }
        if let Some(object) = value.as_object() {
            self.members(schema, object, place);
        }
    }

    fn one_of(&mut self, schemas: &[Value], value: &Value, place: &str) -> bool {
        let tries: Vec<Check<'_>> = schemas
            .iter()
            .map(|schema| {
                let mut check = Check { whole: self.whole, seen: BTreeSet::new(), faults: Vec::new() };
                check.value(schema, value, place);
                check
            })
            .collect();
        let all: Vec<String> = tries.iter().flat_map(|check| check.faults.clone()).collect();
        let mut good: Vec<Check<'_>> = tries.into_iter().filter(|check| check.faults.is_empty()).collect();
        if let [one] = good.as_mut_slice() {
            self.seen.append(&mut one.seen);
            return true;
        }
        self.faults.extend(all);
        false
    }

    fn members(&mut self, schema: &Value, object: &Map<String, Value>, place: &str) {
        for (name, value) in object {
            if let Some(rule) = schema.pointer(&format!("/properties/{name}")) {
                self.seen.insert(format!("{place}/{name}"));
                self.value(rule, value, &format!("{place}/{name}"));
            } else if let Some(rule) = schema.get("additionalProperties") {
                self.value(rule, value, place);
            } else if let (true, Some(rule)) =
                (name.ends_with("_hex"), schema.pointer("/patternProperties/_hex$"))
            {
                self.value(rule, value, place);
                let beside = name.trim_end_matches("_hex");
                if !object.get(beside).is_some_and(|text| is_hex_of(value, text)) {
                    self.faults.push(format!("{place}: {name} is not what {beside} was made of"));
                }
            } else if schema.get("properties").is_some() {
                self.faults.push(format!("{place}: {name} is not in the schema"));
            }
        }
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the test does not know the type {other}"),
    }
}

/// Decodes lower-case hexadecimal digits.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pair = |&[high, low]: &[u8; 2]| u8::try_from(digit(high)? << 4 | digit(low)?).ok();
    if rest.is_empty() { pairs.iter().map(pair).collect() } else { None }
}

/// Returns whether `x_hex` contains the original bytes of `x`, and exists only if `x` had to be replaced by a
/// readable form.
fn is_hex_of(hex: &Value, text: &Value) -> bool {
    match (hex, text) {
        (Value::String(hex), Value::String(text)) => bytes(hex).is_some_and(|bytes| {
            std::str::from_utf8(&bytes).is_err() && String::from_utf8_lossy(&bytes) == *text
        }),
        (Value::Array(hex), Value::Array(texts)) => {
            hex.len() == texts.len()
                && hex.iter().any(|hex| !hex.is_null())
                && hex.iter().zip(texts).all(|(hex, text)| hex.is_null() || is_hex_of(hex, text))
        }
        (Value::Object(hex), Value::Object(lists)) => {
            hex.iter().all(|(key, hex)| lists.get(key).is_some_and(|list| is_hex_of(hex, list)))
        }
        _ => false,
    }
}
