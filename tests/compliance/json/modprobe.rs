//! `modprobe --json`: plans are compared with the lines that the reference prints, and outcomes are checked as far
//! as this is possible without a kernel; tests/vm covers the rest.

use std::collections::HashSet;

use oxmod_test_support::{Kernel, RELEASE, Root, Run, Side, each, kernels, reference};
use serde_json::{Value, json};

use super::{checked, document, list};
use crate::modprobe::{depmod, modprobe, tree};

/// Builds the tree with all kinds of configuration, a loaded module, and modules that fail before the kernel is
/// called.
pub(super) fn configured() -> Root {
    let root = tree();
    root.file(
        "etc/modprobe.d/t.conf",
        "options a p=1\ninstall h echo to $CMDLINE_OPTS; echo said\ninstall i exit 3\nremove h exit 4\nblacklist e\n\
         softdep c post: i\nsoftdep b pre: h\nalias known a\nalias off-alias off\n",
    );
    // The kernel does not decompress modules, so these errors are detected before the kernel is called.
    root.file(root.in_modules("kernel/torn.ko.xz"), b"\xfd7zXZ\0torn");
    root.file(
        root.in_modules("kernel/gone.ko"),
        oxmod_test_support::Module::new().info("license", "GPL").build(),
    );
    depmod(&root);
    std::fs::remove_file(root.path(root.in_modules("kernel/gone.ko"))).expect("gone.ko was there");
    root.loaded("f", 100, 0, &[]);
    root
}

/// Returns the only request.
#[track_caller]
fn request(run: &Run) -> Value {
    let document = document(run);
    let requests = list(&document["requests"]);
    assert_eq!(requests.len(), 1, "{document}");
    requests[0].clone()
}

/// Returns the steps of the only module in it.
#[track_caller]
fn steps(run: &Run) -> Vec<Value> {
    list(&request(run)["modules"][0]["steps"]).clone()
}

#[test]
fn a_plan() {
    let root = configured();
    let document = document(&modprobe(&root).args(["-n", "c", "x=1"]));
    assert_eq!(document["oxmod"], json!({"format": "modprobe", "version": 1}));
    assert_eq!(document["action"], "insert");
    assert_eq!(
        (&document["dry_run"], &document["directory"]),
        (&json!(true), &json!("/lib/modules/6.1.0-test"))
    );
    let path = |name: &str| format!("/lib/modules/6.1.0-test/kernel/{name}.ko");
    let step = |module: &str, options: &str, required: bool, requested: bool| {
        json!({
            "module": module, "action": "insert", "path": path(module), "options": options, "required": required,
            "requested": requested, "loaded": false, "outcome": "planned",
        })
    };
    let install = |module: &str, command: &str| {
        json!({
            "module": module, "action": "install", "command": command, "options": "", "required": false,
            "requested": false, "loaded": false, "outcome": "planned",
        })
    };
    assert_eq!(
        document["requests"],
        json!([{"operand": "c", "modules": [{
            "name": "c", "found_by": null, "builtin": false, "verdict": "load",
            "steps": [
                step("a", "p=1", true, false), install("h", "echo to $CMDLINE_OPTS; echo said"),
                step("b", "", true, false), step("c", "x=1", true, true), install("i", "exit 3"),
            ],
        }]}])
    );
}

#[test]
fn decisions_without_steps() {
    let root = configured();
    let loaded = request(&modprobe(&root).arg("f"));
    assert_eq!(
        loaded["modules"][0],
        json!({
            "name": "f", "found_by": null, "builtin": false, "verdict": "loaded", "steps": [],
        })
    );
    let first = document(&modprobe(&root).args(["--first-time", "f"]));
    assert_eq!(
        (&first["exit"], &first["requests"][0]["modules"][0]["error"]["kind"]),
        (&json!(1), &json!("loaded"))
    );
    let black = request(&modprobe(&root).args(["-n", "-b", "e"]));
    assert_eq!(black["modules"][0]["verdict"], "blacklisted");
    assert_eq!(black["modules"][0]["origin"], json!({"path": "/etc/modprobe.d/t.conf", "line": 5}));
    root.file("etc/modprobe.d/f.conf", "forbid a for a reason\nforbid g\n");
    let forbidden = document(&modprobe(&root).args(["-n", "e"]));
    let module = &forbidden["requests"][0]["modules"][0];
    assert_eq!((&forbidden["exit"], &module["verdict"]), (&json!(1), &json!("forbidden")));
    assert_eq!(module["origin"], json!({"path": "/etc/modprobe.d/f.conf", "line": 1}));
    assert_eq!(
        module["error"],
        json!({"kind": "forbidden", "text": "Module is forbidden", "module": "a", "reason": "for a reason"})
    );
    root.file("etc/modprobe.d/f.conf", "");
    let builtin = request(&modprobe(&root).args(["-D", "bi"]));
    assert_eq!(builtin["modules"][0]["steps"][0]["action"], "builtin");
    let missing = request(&modprobe(&root).args(["-n", "off-alias"]));
    assert_eq!(
        (&missing["modules"][0]["name"], &missing["modules"][0]["found_by"]),
        (&json!("off"), &json!("off_alias"))
    );
    assert_eq!(missing["modules"][0]["steps"][0]["action"], "missing");
    // A soft dependency that is already loaded.
    root.file("etc/modprobe.d/u.conf", "softdep a pre: f\n");
    let steps = steps(&modprobe(&root).args(["-n", "a"]));
    assert_eq!(
        (&steps[0]["module"], &steps[0]["loaded"], &steps[0]["outcome"]),
        (&json!("f"), &json!(true), &json!("loaded"))
    );
    assert_eq!(steps[1]["outcome"], "planned");
}

#[test]
fn names_only() {
    let root = configured();
    let document = document(&modprobe(&root).args(["-R", "-a", "known", "pci:v1d1"]));
    assert_eq!(document["action"], "resolve");
    let plain = each(|side| modprobe(&root).args(["-R", "-a", "known", "pci:v1d1"]).on(side).stdout_text());
    let names: Vec<&str> = list(&document["requests"])
        .iter()
        .flat_map(|request| list(&request["modules"]))
        .map(|module| module["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names.len(), 3);
    assert!(plain.iter().all(|(_, plain)| plain.lines().eq(names.iter().copied())), "{names:?} {plain:?}");
    assert_eq!(
        document["requests"][0]["modules"][0],
        json!({"name": "a", "found_by": "known", "builtin": false})
    );
}

/// Commands are executed, and their output does not appear in the document.
#[test]
fn commands_are_executed() {
    let root = configured();
    let run = modprobe(&root).args(["h", "y=2"]);
    let answer = run.clone().arg("--json").on(Side::Ours);
    assert_eq!(answer.stderr_text(), "to y=2\nsaid\n");
    let said: Value = serde_json::from_slice(&answer.stdout).expect("a document");
    assert_eq!((&said["exit"], &said["messages"]), (&json!(0), &json!([])));
    assert_eq!(said["requests"][0]["modules"][0]["steps"][0]["outcome"], "ran");
    let failed = document(&modprobe(&root).arg("i"));
    let module = &failed["requests"][0]["modules"][0];
    let error = json!({
        "kind": "command", "text": "The command failed", "status": 3, "command": "exit 3", "module": "i"
    });
    assert_eq!((&failed["exit"], &module["steps"][0]["outcome"]), (&json!(1), &json!("failed")));
    assert_eq!(module["steps"][0]["error"], error);
    assert_eq!((&module["error"]["status"], &module["error"]["module"]), (&json!(3), &json!("i")));
}

#[test]
fn steps_that_fail() {
    let root = configured();
    root.file("etc/modprobe.d/u.conf", "softdep torn pre: h post: i\n");
    for jobs in [&[][..], &["--jobs=3"]] {
        let answer = modprobe(&root).args(["torn", "--json"]).args(jobs).on(Side::Ours);
        let whole: Value = serde_json::from_slice(&answer.stdout).expect("a document");
        let module = &whole["requests"][0]["modules"][0];
        let outcomes: Vec<&Value> = list(&module["steps"]).iter().map(|step| &step["outcome"]).collect();
        assert_eq!(outcomes, ["ran", "failed", "skipped"], "{whole}");
        let error = &module["steps"][1]["error"];
        assert_eq!(
            (&error["kind"], &error["reason"]),
            (&json!("unreadable"), &json!("xz data is truncated"))
        );
        assert_eq!((&module["error"]["path"], &module["error"]["module"]), (&error["path"], &json!("torn")));
    }
    let gone = document(&modprobe(&root).arg("gone"));
    let error = &gone["requests"][0]["modules"][0]["error"];
    assert_eq!(
        (&error["kind"], &error["code"], &gone["exit"]),
        (&json!("unreadable"), &json!("ENOENT"), &json!(1))
    );
    let off = document(&modprobe(&root).arg("off-alias"));
    assert_eq!(off["requests"][0]["modules"][0]["error"]["kind"], "missing");
}

#[test]
fn forbidden_modules() {
    let root = configured();
    root.file("etc/modprobe.d/v.conf", "forbid b see the wiki\nforbid h\nsoftdep a pre: h\n");
    for args in [&["c"][..], &["-n", "c"], &["-D", "c"]] {
        let document = document_of_ours(&root, args);
        let text = "could not insert 'c': b is forbidden by /etc/modprobe.d/v.conf line 1: see the wiki";
        assert_eq!(document["messages"], json!([{"level": "error", "text": text}]), "{args:?}");
        assert_eq!(document["exit"], 1);
        let module = &document["requests"][0]["modules"][0];
        assert_eq!((&module["verdict"], &module["steps"]), (&json!("forbidden"), &json!([])));
        assert_eq!(
            (&module["error"]["module"], &module["error"]["kind"]),
            (&json!("b"), &json!("forbidden"))
        );
    }
    let itself = document_of_ours(&root, &["-q", "-n", "h"]);
    let error = &itself["requests"][0]["modules"][0]["error"];
    assert_eq!((&error["module"], error.get("reason")), (&json!("h"), None));
    assert_eq!((&itself["messages"], &itself["exit"]), (&json!([]), &json!(1)));
    let passed = document_of_ours(&root, &["-n", "a"]);
    let text = "ignoring soft dependency 'h': forbidden by /etc/modprobe.d/v.conf line 2";
    assert_eq!(passed["messages"], json!([{"level": "warning", "text": text}]));
    assert_eq!(list(&passed["requests"][0]["modules"][0]["steps"]).len(), 1);
    let lifted = document_of_ours(&root, &["--ignore-forbid", "-n", "c"]);
    assert_eq!(
        (&lifted["requests"][0]["modules"][0]["verdict"], &lifted["exit"]),
        (&json!("load"), &json!(0))
    );
}

#[test]
fn operands_that_are_not_found() {
    let root = configured();
    let several = document(&modprobe(&root).args(["-n", "-a", "nosuch", "./nosuch.ko", "a"]));
    let requests = list(&several["requests"]);
    assert_eq!(requests[0]["error"], json!({"kind": "not_found", "text": "Module not found"}));
    assert_eq!(
        (&requests[1]["error"]["kind"], &requests[1]["error"]["code"]),
        (&json!("not_found"), &json!("ENOENT"))
    );
    assert_eq!((requests.len(), &requests[2]["operand"], &several["exit"]), (3, &json!("a"), &json!(1)));
    for args in [&["-q", "nosuch"][..], &[], &["--load-list=/nosuch"], &["-c"], &["--show-exports", "a"]] {
        let document = document_of_ours(&root, args);
        assert_eq!(document["exit"], 1, "{args:?}");
        assert_eq!(list(&document["messages"]).is_empty(), args.first() == Some(&"-q"), "{args:?}");
    }
}

/// Returns a document for options that only our modprobe has.
#[track_caller]
fn document_of_ours(root: &Root, args: &[&str]) -> Value {
    checked(&modprobe(root).args(args).arg("--json").on(Side::Ours))
}

#[test]
fn removals() {
    let root = configured();
    let dry = document(&modprobe(&root).args(["-r", "-n", "f", "h"]));
    assert_eq!((&dry["action"], &dry["dry_run"]), (&json!("remove"), &json!(true)));
    assert_eq!(
        dry["requests"],
        json!([
            {"operand": "f", "modules": [{"name": "f", "found_by": null, "builtin": false,
                "steps": [{"module": "f", "action": "remove", "outcome": "planned"}]}]},
            {"operand": "h", "modules": [{"name": "h", "found_by": null, "builtin": false,
                "steps": [{"module": "h", "action": "remove_command", "command": "exit 4", "outcome": "planned"}]}]},
        ])
    );
    let failed = document(&modprobe(&root).args(["-r", "h", "f"]));
    let requests = list(&failed["requests"]);
    let step = &requests[0]["modules"][0]["steps"][0];
    assert_eq!((&step["outcome"], &step["error"]["status"]), (&json!("failed"), &json!(4)));
    assert_eq!(requests[0]["modules"][0]["error"]["kind"], "command");
    assert_eq!((&requests[1]["operand"], &requests[1]["error"]["kind"]), (&json!("f"), &json!("not_tried")));
    root.file("sys/module/f/refcnt", "3\n");
    for (args, kind) in [
        (&["-r", "f"][..], "in_use"),
        (&["-r", "bi"], "builtin"),
        (&["-r", "--first-time", "a"], "not_loaded"),
    ] {
        let document = document(&modprobe(&root).args(args));
        assert_eq!(document["requests"][0]["modules"][0]["error"]["kind"], kind);
        assert_eq!(document["exit"], 1);
    }
    let unknown = document(&modprobe(&root).args(["-r", "nosuch"]));
    assert_eq!(unknown["requests"][0]["error"]["kind"], "not_found");
    // With -a the next operand is tried.
    let several = document(&modprobe(&root).args(["-a", "-r", "--first-time", "nosuch", "a"]));
    assert_eq!(several["requests"][0]["error"]["kind"], "not_found");
    assert_eq!(several["requests"][1]["modules"][0]["error"]["kind"], "not_loaded");
}

/// Returns the `-D` lines that correspond to a document: those of its steps, without duplicates.
fn lines(document: &Value) -> String {
    let mut seen = HashSet::new();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let line = |step: &Value| match step["action"].as_str() {
        Some("insert") => format!("insmod {} {}", text(&step["path"]), text(&step["options"])),
        Some("install") => format!("install {} {}", text(&step["command"]), text(&step["options"])),
        Some("builtin") => format!("builtin {}", text(&step["module"])),
        other => panic!("no line for {other:?}"),
    };
    list(&document["requests"])
        .iter()
        .flat_map(|request| list(&request["modules"]))
        .flat_map(|module| list(&module["steps"]))
        .map(|step| line(step).trim_end().to_owned() + "\n")
        .filter(|line| seen.insert(line.clone()))
        .collect()
}

/// Returns the lines of an answer without duplicates and without trailing blanks.
fn unique(text: &str) -> String {
    let mut seen = HashSet::new();
    text.lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .filter(|line| seen.insert(line.clone()))
        .collect()
}

fn names(kernel: &Kernel, every: usize) -> Vec<String> {
    let dir = kernel.root.join("lib/modules").join(&kernel.release);
    let text = std::fs::read_to_string(dir.join("modules.dep")).expect("modules.dep");
    let paths = text.lines().filter_map(|line| line.split(':').next()?.rsplit('/').next());
    paths.filter_map(|file| file.split('.').next().map(str::to_owned)).step_by(every).collect()
}

#[test]
fn every_fiftieth_module_of_real_kernels() {
    for kernel in kernels() {
        let names = names(&kernel, 50);
        assert!(names.len() > 75, "{} modules of {}", names.len(), kernel.release);
        let root = Root::new();
        let side = if reference().is_some() { Side::Theirs } else { Side::Ours };
        let run = Run::new("modprobe").arg("-d").arg(&kernel.root).args(["-S", &kernel.release, "-C"]);
        let run = run.arg(root.path("none")).args(["-D", "-a"]).args(&names);
        let plain = run.on(side);
        assert_eq!((plain.code, plain.stderr_text()), (0, String::new()));
        let document = document(&run);
        assert_eq!(lines(&document), unique(&plain.stdout_text()));
        assert_eq!(list(&document["requests"]).len(), names.len());
    }
}

/// `-n` also works in `MODPROBE_OPTIONS`.
#[test]
fn options_in_the_environment() {
    let root = configured();
    let run = modprobe(&root).env("MODPROBE_OPTIONS", "-n --json").arg("a").on(Side::Ours);
    assert_eq!(checked(&run)["requests"][0]["modules"][0]["steps"][0]["outcome"], "planned");
    assert!(root.path(root.in_modules("modules.dep")).exists() && root.release() == RELEASE);
}
