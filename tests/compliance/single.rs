//! insmod and rmmod, as far as operands are checked before the kernel is called.

use oxmod_test_support::{Root, Run, differs_because, same};

fn check(tool: &str, root: &Root, args: &[&str], messages: &[&str]) {
    let answer = same(|side| Run::new(tool).args(args).inside(root).on(side));
    let lines: Vec<String> = messages.iter().map(|text| format!("{tool}: ERROR: {text}\n")).collect();
    assert_eq!(answer.triple(), (1, String::new(), lines.concat()), "{args:?}");
}

#[test]
fn insmod_operands() {
    let root = Root::new();
    check("insmod", &root, &[], &["missing filename."]);
    check("insmod", &root, &["-f"], &["missing filename."]);
    check("insmod", &root, &["-", "a=1"], &["this tool does not support loading from stdin!"]);
    check(
        "insmod",
        &root,
        &["/nowhere.ko"],
        &["could not load module /nowhere.ko: No such file or directory"],
    );
    check("insmod", &root, &[""], &["could not load module : No such file or directory"]);
    // The message goes to syslog, which does not exist here.
    check("insmod", &root, &["-s"], &[]);
}

#[test]
fn rmmod_operands() {
    let root = Root::new();
    root.loaded("held", 100, 2, &["snd"]).loaded("used", 200, 1, &[]).loaded("odd-name", 1, 1, &[]);
    root.file("tmp-modules/used.ko.xz", "");
    check("rmmod", &root, &[], &["missing module name."]);
    check("rmmod", &root, &["-s"], &[]);
    check(
        "rmmod",
        &root,
        &["absent", "absent-too"],
        &["Module absent is not currently loaded", "Module absent_too is not currently loaded"],
    );
    check("rmmod", &root, &["held.ko", "held"], &["Module held is in use by: snd"; 2]);
    check("rmmod", &root, &["used", "/tmp-modules/used.ko.xz"], &["Module used is in use"; 2]);
    root.file("sys/module/nounload/initstate", "live\n").dir("sys/module/nounload/holders");
    check("rmmod", &root, &["nounload"], &["Module unloading is not supported"]);
    check("rmmod", &root, &["/"], &["could not use module /: No such file or directory"]);
    let broken = [
        "could not open '/sys/module/coming/holders': No such file or directory",
        "Module unloading is not supported",
    ];
    root.dir("sys/module/coming");
    check("rmmod", &root, &["coming"], &broken);
}

#[test]
fn rmmod_of_operands_without_a_name() {
    let root = Root::new();
    root.dir("sys/module");
    let nothing = "rmmod: ERROR: could not open '/sys/module//holders': No such file or directory\n\
                   rmmod: ERROR: Module unloading is not supported\n";
    for operand in ["./nosuch.ko", ".ko", ""] {
        let ours = format!("rmmod: ERROR: could not use module {operand}: No such file or directory\n");
        differs_because(
            "the operand is named; kmod takes /sys/module itself for a module",
            &(1, String::new(), ours),
            &(1, String::new(), nothing.to_owned()),
            |side| Run::new("rmmod").arg(operand).inside(&root).on(side).triple(),
        );
    }
}
