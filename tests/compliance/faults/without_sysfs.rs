//! No /sys/module, as in some containers: the sizes, use counts, users and states come from /proc/modules. Listed
//! difference: the reference has no figures, and takes every module for one that is not loaded.

use oxmod_test_support::{Root, Run, Shim, Side, sides};

use super::{Case, all, failed, fine, modprobe, strerror, tree};
use crate::modprobe::depmod;

const TABLE: &str = "top 100 0 - Live 0x0\n\
                     mid 2000 1 top, Live 0x0\n\
                     base 30 2 mid,soft,[permanent], Live 0x0 (OE)\n\
                     pre 4 1 - Live 0x0\n\
                     post 5 0 - Loading 0x0\n\
                     d_x 6 0 - Unloading 0x0\n\
                     plain 7 - - Live 0x0\n";

fn root() -> Root {
    let root = tree();
    root.module("d-x.ko", |m| m);
    depmod(&root);
    root.file("proc/modules", TABLE);
    assert!(!root.path("sys/module").exists());
    root
}

#[test]
fn lsmod_prints_the_table() {
    let root = root();
    let ours = "Module                  Size  Used by\n\
                top                      100  0\n\
                mid                     2000  1 top\n\
                base                      30  2 mid,soft\n\
                pre                        4  1\n\
                post                       5  0\n\
                d_x                        6  0\n\
                plain                      7  -2\n";
    for run in [Run::new("lsmod"), Run::new("kmod").arg("list")] {
        let run = run.inside(&root);
        assert_eq!(run.on(Side::Ours).triple(), (0, ours.into(), String::new()));
        if sides().contains(&Side::Theirs) {
            let (code, table, errors) = run.on(Side::Theirs).triple();
            assert_eq!((code, table.matches("  -2  -2\n").count(), errors.lines().count()), (0, 7, 7));
        }
    }
    // What else is known there.
    let document = Run::new("lsmod").arg("--json").inside(&root).on(Side::Ours);
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
    let base = serde_json::json!({
        "name": "base", "size": 30, "init_size": null, "refcount": 2, "holders": ["mid", "soft"], "state": "live",
        "permanent": true, "taint": "OE", "version": null, "srcversion": null, "parameters": [],
    });
    assert_eq!(document["modules"][2], base);
    let member = |index: usize, name: &str| document["modules"][index][name].clone();
    assert_eq!(member(4, "state"), "coming");
    assert_eq!(member(5, "state"), "going");
    assert_eq!((member(6, "refcount"), member(0, "taint")), (serde_json::Value::Null, "".into()));
    assert_eq!(document["messages"], serde_json::json!([]));
}

/// An entry that is short, or a table that cannot be read.
#[test]
fn less_than_a_table() {
    let root = root();
    root.file("proc/modules", "short\nlong 1\n");
    let answer = Run::new("lsmod").inside(&root).on(Side::Ours);
    let rows = "short                     -2  -2\nlong                       1  -2\n";
    assert_eq!(answer.triple(), (0, format!("Module                  Size  Used by\n{rows}"), String::new()));
    std::fs::remove_file(root.path("proc/modules")).unwrap();
    let not_loaded = "rmmod: ERROR: Module top is not currently loaded\n";
    all(&root, [Case::same(&Shim::new(), Run::new("rmmod").arg("top"), failed(not_loaded, ""))]);
}

#[test]
fn rmmod_asks_the_table() {
    let root = root();
    let not_loaded =
        |name: &str| failed(&format!("rmmod: ERROR: Module {name} is not currently loaded\n"), "");
    let case = |operand: &str, name: &str, ours| {
        Case(Shim::new(), Run::new("rmmod").arg(operand), ours, not_loaded(name))
    };
    let error = |text: &str| failed(&format!("rmmod: ERROR: {text}\n"), "");
    all(
        &root,
        [
            case("top", "top", fine("delete top 04000 = 0\n")),
            case("d-x.ko", "d_x", fine("delete d_x 04000 = 0\n")),
            case("mid", "mid", error("Module mid is in use by: top")),
            case("base", "base", error("Module base is in use by: mid soft")),
            case("pre", "pre", error("Module pre is in use")),
            case("plain", "plain", error("Module unloading is not supported")),
            case("soft", "soft", not_loaded("soft")),
            case("nosuch", "nosuch", not_loaded("nosuch")),
        ],
    );
    let forced = |name: &str| {
        Case::same(
            &Shim::new(),
            Run::new("rmmod").args(["-f", name]),
            fine(&format!("delete {name} 05000 = 0\n")),
        )
    };
    all(&root, [forced("mid"), forced("nosuch")]);
}

#[test]
fn modprobe_removes_what_is_in_the_table() {
    let root = root();
    root.file("proc/modules", TABLE.to_owned() + "zstd 1 0 - Live 0x0\ngone 1 0 - Live 0x0\n");
    let case = |args: &[&str], ours, theirs| Case(Shim::new(), modprobe(args), ours, theirs);
    let message = |text: &str| failed(&format!("modprobe: FATAL: Module {text}\n"), "");
    all(
        &root,
        [
            case(&["-r", "zstd"], fine("delete zstd 04000 = 0\n"), fine("")),
            case(
                &["-r", "--first-time", "zstd"],
                fine("delete zstd 04000 = 0\n"),
                message("zstd is not in kernel."),
            ),
            case(&["-r", "mid"], message("mid is in use."), fine("")),
            case(&["-r", "gone"], fine("delete gone 04000 = 0\n"), message("gone not found.")),
            case(
                &["-r", "--remove-holders", "mid"],
                failed("modprobe: FATAL: Module mid is in use.\n", "delete top 04000 = 0\n"),
                fine(""),
            ),
        ],
    );
    let same = [
        (vec!["-r", "gzip"], fine("")),
        (vec!["-r", "--first-time", "gzip"], message("gzip is not in kernel.")),
        (vec!["-r", "nosuch"], message("nosuch not found.")),
        (vec!["-r", "inside"], message("inside is builtin.")),
    ];
    all(&root, Case::of_modprobe(&Shim::new(), same.into()));
}

/// The kernel says so too, so the result is the same.
#[test]
fn modprobe_does_not_load_again_what_is_in_the_table() {
    let root = root();
    let loaded = |names: &[&str]| {
        names.iter().flat_map(|name| ["finit ", name, ".ko \"\" 0 = 0\n"]).collect::<String>()
    };
    let case = |args: &[&str], ours, theirs| Case(Shim::new(), modprobe(args), ours, theirs);
    let words = strerror(libc::EEXIST);
    assert_eq!(words, "File exists");
    let already = failed("modprobe: ERROR: could not insert 'top': Module already in kernel\n", "");
    let all_three = loaded(&["base", "mid", "top"]);
    all(
        &root,
        [
            case(&["top"], fine(""), fine(&all_three)),
            case(&["--first-time", "top"], already, fine(&all_three)),
            // It is still being loaded.
            case(&["post"], fine(&loaded(&["post"])), fine(&loaded(&["post"]))),
            case(
                &["soft"],
                fine(&loaded(&["soft", "post"])),
                fine(&loaded(&["base", "pre", "soft", "post"])),
            ),
        ],
    );
}
