//! `modinfo --json` on generated modules and on modules of the real kernels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oxmod_test_support::{Kernel, Module, RELEASE, Root, Run, Side, Trailer, kernels, same};
use serde_json::{Value, json};

use super::{document, list};

/// Builds a tree with a signed module that has unusual strings, two modules with the same alias, a built-in module
/// and a file that is not a module.
pub(super) fn tree() -> Root {
    let root = Root::new();
    let signature = Trailer {
        id_type: 1,
        hash: 4,
        signer: b"S\xff".to_vec(),
        key_id: vec![1, 0xab],
        ..Trailer::default()
    };
    let tail = Trailer { signature: (0..30).collect(), ..signature }.bytes();
    root.module("kernel/odd-one.ko", |m| {
        m.alias("pci:v1*")
            .info("depends", "zeta,,eth_up")
            .info("firmware", "b.bin")
            .info("firmware", "a.bin")
            .modinfo_bytes(
                b"author=J\xfcrgen\0author=Ann\0desc\xff=x\xfe\0bare\0=v\0Note=upper\0note=lower\0",
            )
            .modinfo_bytes(b"parm=speed:How fast\0parmtype=quiet:bool\0parmtype=speed:int\0parm=nocolon\0")
            .append(&tail)
    });
    root.module("kernel/other.ko.xz", |m| m.alias("pci:v1d*"));
    root.file(root.in_modules("kernel/broken.ko"), Module::new().build());
    root.file(root.in_modules("modules.builtin"), "kernel/fs/inside.ko\n");
    root.file(
        root.in_modules("modules.builtin.modinfo"),
        "inside.license=GPL\0inside.alias=in-alias\0inside.parm=p:text\0",
    );
    let answer = Run::new("depmod").arg("-b").arg(root.path("")).arg(RELEASE).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
    root
}

pub(super) fn modinfo(root: &Root, args: &[&str]) -> Run {
    Run::new("modinfo").args(["-k", RELEASE]).args(args).inside(root)
}

/// Returns the only module of the only request.
#[track_caller]
fn module(root: &Root, args: &[&str]) -> Value {
    document(&modinfo(root, args))["requests"][0]["modules"][0].clone()
}

#[test]
fn a_whole_module() {
    let root = tree();
    let document = document(&modinfo(&root, &["odd_one"]));
    assert_eq!(document["oxmod"], json!({"format": "modinfo", "version": 1}));
    let whole = &document["requests"][0]["modules"][0];
    assert_eq!(
        *whole,
        json!({
            "name": "odd_one", "found_by": null, "builtin": false, "filename": "/lib/modules/6.1.0-test/kernel/odd-one.ko",
            "fields": {
                "license": ["GPL"], "alias": ["pci:v1*"], "depends": ["zeta,,eth_up"], "firmware": ["b.bin", "a.bin"],
                "author": ["J\u{fffd}rgen", "Ann"], "bare": [""], "": ["v"], "Note": ["upper"], "note": ["lower"],
                "parm": ["speed:How fast", "nocolon"], "parmtype": ["quiet:bool", "speed:int"], "name": ["odd_one"],
                "vermagic": ["6.1.0-test SMP preempt mod_unload modversions "],
            },
            "fields_hex": {"author": ["4afc7267656e", null]},
            "odd_fields": [{"key": "desc\u{fffd}", "key_hex": "64657363ff", "value": "x\u{fffd}", "value_hex": "78fe"}],
            "depends": ["zeta", "eth_up"],
            "parameters": [
                {"name": "speed", "type": "int", "description": "How fast"},
                {"name": "quiet", "type": "bool", "description": null},
            ],
            "build_id": null,
            "signature": {
                "sig_id": "X509", "signer": "S\u{fffd}", "signer_hex": "53ff", "sig_key": "01ab", "sig_hashalgo": "sha256",
                "signature": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d",
            },
        })
    );
    assert_eq!(list(&document["messages"]).len(), 1, "{document}");
    let keys: Vec<&String> = whole["fields"].as_object().expect("fields").keys().collect();
    assert_eq!(keys[..4], ["license", "alias", "depends", "firmware"], "the order of the file");
}

#[test]
fn parts_of_a_module() {
    let root = tree();
    let head = json!({"name": "odd_one", "found_by": null, "builtin": false});
    for (args, rest) in [
        (&["-n"][..], json!({"filename": "/lib/modules/6.1.0-test/kernel/odd-one.ko"})),
        (&["-F", "firmware"], json!({"fields": {"firmware": ["b.bin", "a.bin"]}})),
        (&["-l", "-0"], json!({"fields": {"license": ["GPL"]}})),
        (&["-F", "LICENSE"], json!({"fields": {"license": ["GPL"]}})),
        (&["-F", "note"], json!({"fields": {"note": ["lower"]}})),
        (&["-F", "NOTE"], json!({"fields": {"Note": ["upper"], "note": ["lower"]}})),
        (&["-F", "nothing"], json!({"fields": {}})),
        (&["-F", "sig_key"], json!({"fields": {}, "signature": {"sig_key": "01ab"}})),
        (&["-F", "depends"], json!({"fields": {"depends": ["zeta,,eth_up"]}, "depends": ["zeta", "eth_up"]})),
        (
            &["-a"],
            json!({"fields": {"author": ["J\u{fffd}rgen", "Ann"]}, "fields_hex": {"author": ["4afc7267656e", null]}}),
        ),
        (
            &["-p"],
            json!({"parameters": [
                {"name": "speed", "type": "int", "description": "How fast"},
                {"name": "quiet", "type": "bool", "description": null},
            ]}),
        ),
    ] {
        let mut expected = head.as_object().expect("an object").clone();
        expected.extend(rest.as_object().expect("an object").clone());
        assert_eq!(module(&root, &[args, &["odd-one"]].concat()), Value::Object(expected), "{args:?}");
    }
    assert_eq!(module(&root, &["-F", "signer", "other"])["signature"], Value::Null);
}

#[test]
fn several_modules_and_built_in_ones() {
    let root = tree();
    let document = document(&modinfo(&root, &["-n", "pci:v1d2", "in-alias", "inside"]));
    let requests = list(&document["requests"]);
    let names = |request: &Value| -> Vec<Value> {
        list(&request["modules"]).iter().map(|m| m["name"].clone()).collect()
    };
    assert_eq!(
        requests.iter().map(names).collect::<Vec<_>>(),
        [vec![json!("odd_one"), json!("other")], vec![json!("inside")], vec![json!("inside")],]
    );
    assert_eq!(requests[1]["operand"], "in-alias");
    let inside = json!({"name": "inside", "found_by": "in_alias", "builtin": true, "filename": null});
    assert_eq!(requests[1]["modules"][0], inside);
    assert_eq!(requests[0]["modules"][0]["found_by"], "pci:v1d2");
    let whole = module(&root, &["inside"]);
    assert_eq!(whole["fields"], json!({"license": ["GPL"], "alias": ["in-alias"], "parm": ["p:text"]}));
    assert_eq!((&whole["depends"], &whole["signature"]), (&json!([]), &Value::Null));
}

#[test]
fn failures_are_listed_with_their_operands() {
    let root = tree();
    std::fs::remove_file(root.path(root.in_modules("kernel/other.ko.xz"))).expect("other.ko.xz was there");
    let run = modinfo(&root, &["nosuch", "a]", "other", "broken", "odd-one"]);
    let document = document(&run);
    let requests = list(&document["requests"]);
    assert_eq!(document["exit"], 1);
    for request in &requests[..2] {
        assert_eq!((&request["error"]["kind"], &request["modules"]), (&json!("not_found"), &json!([])));
    }
    assert_eq!(
        requests[2]["modules"][0]["error"],
        json!({
            "kind": "unreadable", "text": "No such file or directory", "errno": libc::ENOENT, "code": "ENOENT",
            "path": "/lib/modules/6.1.0-test/kernel/other.ko.xz",
        })
    );
    assert_eq!(
        requests[3]["modules"][0]["error"],
        json!({
            "kind": "unreadable", "text": "No data available", "errno": libc::ENODATA, "code": "ENODATA",
            "reason": "no .modinfo section", "path": "/lib/modules/6.1.0-test/kernel/broken.ko",
        })
    );
    assert!(requests[4]["modules"][0].get("error").is_none());
    let plain = run.on(Side::Ours);
    assert_eq!((plain.code, plain.stderr), (1, run.arg("--json").on(Side::Ours).stderr));
    let nothing = super::document(&modinfo(&root, &[]));
    assert_eq!((&nothing["requests"], &nothing["exit"]), (&json!([]), &json!(1)));
}

/// Converts the JSON object of a module to what `modinfo -0` prints, including the peculiarities of the reference's
/// format.
fn plain(module: &Value) -> (String, BTreeMap<String, Vec<String>>, Vec<String>) {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut fields: BTreeMap<String, Vec<String>> = module["fields"]
        .as_object()
        .expect("fields")
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "parm" | "parmtype"))
        .map(|(key, values)| (key.clone(), list(values).iter().map(text).collect()))
        .collect();
    for (key, value) in module["signature"].as_object().into_iter().flatten() {
        fields.entry(key.clone()).or_default().push(text(value));
    }
    let mut parameters: Vec<String> = list(&module["parameters"])
        .iter()
        .map(|parameter| match (parameter["description"].as_str(), parameter["type"].as_str()) {
            (Some(description), Some(kind)) => format!("{}:{description} ({kind})", text(&parameter["name"])),
            (other, kind) => format!("{}:{}", text(&parameter["name"]), other.or(kind).expect("one of them")),
        })
        .collect();
    parameters.reverse();
    (text(&module["filename"]), fields, parameters)
}

/// Parses the reference's output into the same form.
fn read_plain(records: &str) -> (String, BTreeMap<String, Vec<String>>, Vec<String>) {
    let (mut file, mut fields, mut parameters) = (String::new(), BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for record in records.split_terminator('\0') {
        if let Some(path) = record.strip_prefix("filename:       ") {
            path.clone_into(&mut file);
        } else if let Some(parameter) = record.strip_prefix("parm:           ") {
            parameters.push(parameter.to_owned());
        } else {
            let (key, value) = record.split_once('=').expect("key=value");
            let value = if matches!(key, "sig_key" | "signature") {
                value.replace([':', '\n', '\t'], "").to_lowercase()
            } else {
                value.to_owned()
            };
            fields.entry(key.to_owned()).or_default().push(value);
        }
    }
    (file, fields, parameters)
}

fn some_files(kernel: &Kernel, every: usize) -> Vec<PathBuf> {
    let dir = kernel.root.join("lib/modules").join(&kernel.release);
    let order = std::fs::read_to_string(dir.join("modules.dep")).expect("modules.dep");
    let paths = order.lines().filter_map(|line| line.split(':').next());
    paths.step_by(every).map(|path| dir.join(Path::new(path))).collect()
}

#[test]
fn every_fiftieth_module_of_real_kernels() {
    for kernel in kernels() {
        let files = some_files(&kernel, 50);
        assert!(files.len() > 75, "{} modules of {}", files.len(), kernel.release);
        let document = document(&Run::new("modinfo").args(&files));
        let requests = list(&document["requests"]);
        assert_eq!((requests.len(), &document["exit"]), (files.len(), &json!(0)));
        for (file, request) in files.iter().zip(requests) {
            let answer = same(|side| Run::new("modinfo").arg("-0").arg(file).on(side));
            let records = String::from_utf8(answer.stdout).expect("the real kernels are all UTF-8");
            let module = &request["modules"][0];
            assert_eq!(plain(module), read_plain(&records), "{}", file.display());
            let depends =
                list(&module["depends"]).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
            assert_eq!(depends, list(&module["fields"]["depends"])[0].as_str().expect("depends"));
        }
    }
}
