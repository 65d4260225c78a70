//! Checks that the schema, the manual page and the documents agree on the members.

use std::collections::BTreeSet;
use std::path::Path;

use oxmod_test_support::{RELEASE, Root, Run, Side, differs_because};
use serde_json::{Value, json};

use super::schema::{Schema, bytes};
use crate::meta::without_indexes::without_indexes;
use crate::{coldplug, firmware};

use super::{checked, lsmod, modinfo, modprobe};

fn manual() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/oxmod-json.5");
    std::fs::read_to_string(path).expect("the manual page")
}

fn last(member: &str) -> &str {
    member.rsplit('/').next().unwrap_or_default()
}

#[test]
fn the_manual_page_lists_every_member() {
    let text = manual();
    let described: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix(".It Va ")).collect();
    let members = Schema::read().members();
    let defined: BTreeSet<&str> = members.iter().map(|member| last(member)).collect();
    assert_eq!(described, defined);
}

/// Collects the values of enumerations.
fn words(schema: &Value, found: &mut BTreeSet<String>) {
    for (key, value) in schema.as_object().into_iter().flatten() {
        if key == "enum" {
            found.extend(value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        words(value, found);
    }
    schema.as_array().into_iter().flatten().for_each(|value| words(value, found));
}

#[test]
fn the_manual_page_lists_every_value() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/oxmod-json.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).expect("the schema")).expect("JSON");
    let (text, mut found) = (manual(), BTreeSet::new());
    words(&schema, &mut found);
    assert!(found.len() > 10);
    for word in found {
        assert!(text.contains(&format!("Dq {word}\n")) || text.contains(&format!("Dq {word} ")), "{word}");
    }
}

/// Builds a tree with devices, one of whose drivers is forbidden.
fn forbidden() -> Root {
    let root = coldplug::tree();
    root.file("etc/modprobe.d/x.conf", "forbid disk\n");
    root
}

/// Builds a tree with firmware, some of which has names that are not valid UTF-8.
fn firmware() -> Root {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let root = firmware::tree();
    root.file(Path::new("lib/firmware/many").join(OsStr::from_bytes(b"f\xff-a.bin")), "x");
    root.file("WHENCE", "Driver: some\nFile: plain.bin\n");
    root
}

/// Builds a tree with a meta.pb and a module that is missing from it.
fn meta() -> Root {
    let root = without_indexes(false);
    root.module("kernel/more.ko", |m| m);
    root
}

fn meta_of(root: &Root, args: &[&str]) -> Run {
    Run::new("kmod").arg("meta").args(args).args(["-k", RELEASE]).inside(root)
}

/// Returns command lines whose documents contain every member between them.
fn runs() -> Vec<(Root, Run)> {
    let run = |root: Root, run: fn(&Root) -> Run| {
        let run = run(&root);
        (root, run)
    };
    vec![
        run(forbidden(), |root| Run::new("kmod").args(["coldplug", "-n", "-k", RELEASE]).inside(root)),
        run(firmware(), |root| firmware::run(root, &["list"])),
        run(firmware(), |root| firmware::run(root, &["missing"])),
        run(firmware(), |root| firmware::run(root, &["prune", "-v"])),
        run(firmware(), |root| firmware::run(root, &["owners"]).arg("--whence").arg(root.path("WHENCE"))),
        run(meta(), |root| meta_of(root, &["show"])),
        run(meta(), |root| meta_of(root, &["lookup", "pci:v2", "nothing"])),
        run(meta(), |root| meta_of(root, &["verify"])),
        run(lsmod::tree(), |root| Run::new("lsmod").inside(root)),
        run(modinfo::tree(), |root| modinfo::modinfo(root, &["odd-one", "nosuch", "broken"])),
        run(modprobe::configured(), |root| {
            super::super::modprobe::modprobe(root).args(["-b", "-a", "nosuch", "e", "i", "gone", "torn"])
        }),
    ]
}

#[test]
fn every_member_occurs() {
    let mut schema = Schema::read();
    for (_root, run) in runs() {
        let document = checked(&run.arg("--json").on(Side::Ours));
        assert!(schema.faults(&document).is_empty());
    }
    let missing: Vec<String> = schema.members().difference(schema.seen()).cloned().collect();
    assert!(missing.is_empty(), "no test gives {missing:?}");
}

/// Tests the check itself: invalid documents must be rejected.
#[test]
fn invalid_documents_are_rejected() {
    let good = json!({"oxmod": {"format": "lsmod", "version": 1}, "modules": [], "messages": [], "exit": 0});
    let faults = |pointer: &str, value: Value| {
        let mut document = good.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let object = document.pointer_mut(parent).and_then(Value::as_object_mut).expect("a place");
        object.insert(name.to_owned(), value);
        Schema::read().faults(&document).len()
    };
    assert_eq!(faults("/exit", json!(1)), 0);
    for (pointer, value) in [
        ("/exit", json!(2)),
        ("/more", json!(1)),
        ("/modules", json!({})),
        ("/modules", json!([{}])),
        ("/oxmod/version", json!(2)),
        ("/oxmod/format", json!("modinfo")),
        ("/oxmod/more", json!("x")),
        ("/messages", json!([{"level": "loud", "text": ""}])),
        ("/messages", json!([{"level": "error", "text": "x", "text_hex": "78"}])),
        ("/messages", json!([{"level": "error", "text": "\u{fffd}", "text_hex": "FF"}])),
        ("/messages", json!([{"level": "error", "text": "\u{fffd}", "more_hex": "ff"}])),
    ] {
        assert!(faults(pointer, value.clone()) > 0, "{pointer} {value}");
    }
    assert_eq!(faults("/messages", json!([{"level": "error", "text": "\u{fffd}", "text_hex": "ff"}])), 0);
    assert_eq!((bytes("00ff"), bytes("0"), bytes("0g"), bytes("FF")), (Some(vec![0, 255]), None, None, None));
}

#[test]
fn kmod_has_no_such_option() {
    for tool in ["lsmod", "modinfo", "modprobe"] {
        let theirs = format!("/sbin/{tool}: unrecognized option '--json'\n");
        differs_because("answers as JSON", &String::new(), &theirs, |side| {
            let answer = Run::new(tool).args(["--json", "-h"]).on(side);
            assert_eq!(answer.code, i32::from(side == Side::Theirs));
            answer.stderr_text()
        });
    }
}
