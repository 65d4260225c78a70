//! `lsmod --json` and `kmod list --json`, with generated tables of loaded modules and /sys trees.

use oxmod_test_support::{Root, Run, Side, Stream, same};
use serde_json::{Value, json};

use super::{document, list};

/// Builds a tree in which the kernel provides all the data of a module, as little as possible, or invalid data.
pub(super) fn tree() -> Root {
    let root = Root::new();
    root.loaded("snd_pcm", 192_512, 2, &["snd_hda_intel", "snd_hda_codec"]).loaded("loop", 40_960, 0, &[]);
    root.file("sys/module/loop/initsize", "0\n")
        .file("sys/module/loop/taint", "OE\n")
        .file("sys/module/loop/version", "1.2\n")
        .file("sys/module/loop/srcversion", "AB12CD\n")
        .file("sys/module/loop/parameters/max_loop", "8\n")
        .file("sys/module/loop/parameters/name", b"J\xfcrgen\nx\n")
        .dir("sys/module/loop/parameters/unreadable");
    root.file("sys/module/bad/coresize", "many\n").file("sys/module/bad/refcnt", "x\n");
    root.file("sys/module/bad/initstate", "going\n");
    let table = std::fs::read_to_string(root.path("proc/modules")).expect("a table");
    root.file("proc/modules", table + "bad 7 1 [permanent], Unloading 0x0\ngone 9 - - Live 0x0\n");
    root
}

#[test]
fn all_data_of_a_module() {
    let root = tree();
    let document = document(&Run::new("lsmod").inside(&root));
    assert_eq!(document["oxmod"], json!({"format": "lsmod", "version": 1}));
    let modules = list(&document["modules"]);
    assert_eq!(
        modules[1],
        json!({
            "name": "loop", "size": 40960, "init_size": 0, "refcount": 0, "holders": [], "state": "live",
            "permanent": false, "taint": "OE", "version": "1.2", "srcversion": "AB12CD",
            "parameters": [
                {"name": "max_loop", "value": "8"},
                {"name": "name", "value": "J\u{fffd}rgen\nx", "value_hex": "4afc7267656e0a78"},
                {"name": "unreadable", "value": null},
            ],
        })
    );
    assert_eq!(
        modules[2],
        json!({
            "name": "bad", "size": null, "init_size": null, "refcount": null, "holders": null, "state": "going",
            "permanent": true, "taint": null, "version": null, "srcversion": null, "parameters": [],
        })
    );
    assert_eq!((&modules[3]["size"], &modules[3]["state"]), (&Value::Null, &Value::Null));
}

/// Formats a module as a row of lsmod's table.
fn row(module: &Value) -> String {
    let number = |name: &str| module[name].as_i64().map_or("-2".into(), |number| number.to_string());
    let name = module["name"].as_str().expect("a name");
    let holders: Vec<&str> =
        module["holders"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let blank = if holders.is_empty() { "" } else { " " };
    format!("{name:19} {:>8}  {}{blank}{}\n", number("size"), number("refcount"), holders.join(","))
}

#[test]
fn documents_agree_with_the_table() {
    let root = tree();
    let table =
        std::fs::read_to_string(root.path("proc/modules")).expect("a table").replace("bad ", "absent ");
    root.file("proc/modules", table);
    for run in [Run::new("lsmod"), Run::new("kmod").arg("list"), Run::new("lsmod").arg("-v")] {
        let run = run.inside(&root);
        let plain = same(|side| run.on(side));
        let rows: String = list(&document(&run)["modules"]).iter().map(row).collect();
        assert_eq!(plain.stdout_text(), format!("Module                  Size  Used by\n{rows}"));
        assert_eq!(run.clone().arg("--json").on(Side::Ours).stderr, plain.stderr);
    }
}

#[test]
fn errors_are_in_the_document() {
    let root = Root::new();
    for (run, code) in
        [(Run::new("lsmod"), 1), (Run::new("kmod").arg("list"), 1), (Run::new("lsmod").arg("x"), 1)]
    {
        let run = run.inside(&root);
        let plain = same(|side| run.on(side));
        let document = document(&run);
        assert_eq!((plain.code, &document["exit"]), (code, &json!(code)));
        assert_eq!(document["modules"], json!([]));
        assert!(!list(&document["messages"]).is_empty());
    }
    root.file("proc/modules", "");
    assert_eq!(document(&Run::new("lsmod").inside(&root))["exit"], 0);
}

#[test]
fn a_full_device_is_an_error() {
    let root = tree();
    let run = Run::new("lsmod").inside(&root).arg("--json").stdout(Stream::Full);
    let answer = run.on(Side::Ours);
    assert_eq!(answer.code, 1);
    let end = "lsmod: ERROR: could not write to standard output: No space left on device\n";
    assert!(answer.stderr_text().ends_with(end), "{answer:?}");
}
