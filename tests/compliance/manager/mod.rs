//! The library's module manager, run inside a tree with the shim standing in for the kernel: modules appear in and
//! disappear from /sys/module, and each call is logged. kmod has no counterpart.

mod concurrent;
mod meta;
mod worker;

use std::fs;

use oxmod_test_support::{Root, Run, Shim, Side, running_release};

use worker::{ANSWERS, SCRIPT};

/// Builds a tree for the running kernel, whose modules the manager uses. `c` needs `b`, which needs `a`; `d-x` and
/// `e` are drivers of one device; `f` is a driver of another one, for which the built-in `inside` is another driver; `g`
/// and `h` are soft dependencies of each other.
fn tree() -> Root {
    let root = Root::for_release(&running_release());
    root.module("kernel/a.ko", |m| m.export("sa", 1));
    root.module("kernel/b.ko.xz", |m| m.export("sb", 2).need("sa"));
    root.module("kernel/c.ko", |m| m.need("sb").alias("dev:c*"));
    root.module("kernel/d-x.ko", |m| m.alias("dev:two*").alias("dev:tw*"));
    root.module("kernel/e.ko", |m| m.need("sa").alias("dev:two*"));
    root.module("kernel/f.ko", |m| m.alias("dev:f*"));
    root.module("kernel/g.ko", |m| m.info("softdep", "pre: h"));
    root.module("kernel/h.ko", |m| m.info("softdep", "pre: a post: g"));
    root.file(root.in_modules("modules.builtin"), "kernel/inside.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), "inside.alias=dev:f*\0inside.alias=dev:in*\0");
    let order: String =
        ["a.ko", "b.ko", "c.ko", "d-x.ko", "e.ko"].map(|file| format!("kernel/{file}\n")).concat();
    root.file(root.in_modules("modules.order"), order);
    let answer = Run::new("depmod").inside(&root).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
    root.file("proc/cmdline", "quiet\n").file("proc/modules", "");
    root
}

/// Returns the manager's answers to the lines of a script, and the module calls: `insert NAME PARAMETERS` or
/// `remove NAME`, each with the errno if it failed.
fn asked(root: &Root, shim: &Shim, script: &str) -> (Vec<String>, Vec<String>) {
    asked_with_meta(root, shim, script, None)
}

/// Does the same with a manager that uses this meta.pb.
fn asked_with_meta(root: &Root, shim: &Shim, script: &str, meta: Option<&str>) -> (Vec<String>, Vec<String>) {
    root.file(SCRIPT, script).file(ANSWERS, "");
    let program = std::env::current_exe().expect("this program");
    let line = format!("exec '{}' --exact {} --nocapture >/dev/null", program.display(), worker::NAME);
    let run = Run::shell(&line).env("OXMOD_MANAGER", format!("/{SCRIPT}"));
    let run = match meta {
        Some(meta) => run.env("OXMOD_MANAGER_META", meta),
        None => run,
    };
    let shimmed = shim.run(root, &run, Side::Ours);
    assert_eq!(shimmed.answer.triple(), (0, String::new(), String::new()));
    let answers = fs::read_to_string(root.path(ANSWERS)).expect("answers");
    (answers.lines().map(str::to_owned).collect(), shimmed.calls.lines().map(shortened).collect())
}

/// Returns a call without the details that do not matter here.
fn shortened(call: &str) -> String {
    let (call, errno) = call.rsplit_once(" = ").expect("an errno");
    let mut words = call.split(' ');
    let verb = if words.next() == Some("delete") { "remove" } else { "insert" };
    let file = words.next().unwrap_or_default().trim_start_matches("<kernel/").trim_start_matches("kernel/");
    let name = file.split('.').next().unwrap_or_default();
    let quoted = call.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"'));
    let parameters = quoted.map_or("", |(parameters, _)| parameters);
    let text = format!("{verb} {name} {parameters}").trim_end().to_owned();
    if errno == "0" { text } else { format!("{text} = {errno}") }
}

/// Returns the answers to a script on a kernel for which every call succeeds.
fn answers(root: &Root, script: &str) -> Vec<String> {
    asked(root, &Shim::new().living(1000), script).0
}

#[track_caller]
fn expect(root: &Root, script: &str, expected: &[&str], calls: &[&str]) {
    expect_of(root, &Shim::new().living(1000), script, expected, calls);
}

#[track_caller]
fn expect_of(root: &Root, shim: &Shim, script: &str, expected: &[&str], calls: &[&str]) {
    let (answered, called) = asked(root, shim, script);
    assert_eq!((&answered[..], &called[..]), (&own(expected)[..], &own(calls)[..]), "{script}");
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn dependencies_are_loaded_and_removed() {
    expect(
        &tree(),
        "load c\nload c\nload inside\nload nosuch\nstate c\nunload c\nunload c\nstate c\nunload inside",
        &[
            "loaded a b c",
            "already c",
            "builtin inside",
            "module nosuch not found [2]",
            "Live",
            "removed c b",
            "removed",
            "absent",
            "module inside is built in [16]",
        ],
        &["insert a", "insert b", "insert c", "remove c", "remove b"],
    );
}

/// `-` and `_` are equivalent, also in dependencies and when modules are removed.
#[test]
fn names_are_normalised() {
    expect(
        &tree(),
        "load d-x\nload d_x\nstate d-x\nunload d-x",
        &["loaded d_x", "already d_x", "Live", "removed d_x"],
        &["insert d-x", "remove d_x"],
    );
}

/// A module that is already loaded is not a failure; every other error is one.
#[test]
fn only_eexist_is_not_an_error() {
    let script = "load a\nload a\nunload a\nload a";
    // Another process inserts the module between the check and the call: its state is first "coming", then "live".
    let overtaken = "sh mkdir /sys/module/a; echo coming >/sys/module/a/initstate\n\
                     later echo live >/sys/module/a/initstate\nload a\nload c";
    expect(&tree(), overtaken, &["already a", "loaded b c"], &["insert b", "insert c"]);
    for errno in [libc::EEXIST, libc::EBUSY, libc::ENOENT, libc::EINVAL, libc::ENODEV, libc::EPERM] {
        let shim = Shim::new().answer("finit", "#1", errno).living(1000);
        let refused = format!("module a: {} [{errno}]", worker::words(errno));
        let first = format!("insert a = {errno}");
        // The first attempt fails, even if the module's own init function returns EEXIST; the next one succeeds.
        let expected = [&refused, "loaded a", "removed a", "loaded a"];
        expect_of(&tree(), &shim, script, &expected, &[&first, "insert a", "remove a", "insert a"]);
    }
}

/// A kernel whose /sys is not mounted returns EEXIST, too.
#[test]
fn eexist_without_sysfs() {
    let shim = Shim::new().answer("finit", "*", libc::EEXIST);
    expect_of(&tree(), &shim, "load a", &["already a"], &["insert a = 17"]);
}

/// The configuration in modprobe.d applies.
#[test]
fn the_configuration_is_honoured() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "options a x=1\noptions c y=\"2 3\"\nblacklist e\nsoftdep f pre: d-x post: nosuch c\n\
         forbid h not here\ninstall run-me echo ran >>/ran; exec true\ninstall fails false\nalias dev:off off\nalias dev:gone gone\n",
    );
    expect(
        &root,
        "load c\ndevice dev:two\nload e\nload f\nload h\nload g\nload run_me\nload fails\ndevice dev:off\ndevice dev:gone",
        &[
            "loaded a b c",
            "loaded d_x; blacklisted e",
            "loaded e",
            "loaded f",
            "module h: forbidden by /etc/modprobe.d/x.conf line 5: not here [1]",
            "loaded g",
            "commands run_me",
            "module fails: command false failed with status 1 [22]",
            "nothing",
            "failed gone: module gone not found",
        ],
        &["insert a x=1", "insert b", "insert c y=\"2 3\"", "insert d-x", "insert e", "insert f", "insert g"],
    );
    assert_eq!(fs::read_to_string(root.path("ran")).unwrap(), "ran\n");
}

/// Cycles of soft dependencies and of dependencies end, and the order is the same each time.
#[test]
fn cycles_end_and_the_order_is_deterministic() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "softdep a pre: h\nsoftdep d_x pre: d-x post: e\nsoftdep e post: d_x\n",
    );
    for _ in 0..3 {
        let order = answers(&root, "load g\nload d-x\nunload d-x\nunload g\nunload h\nunload e\nunload a");
        assert_eq!(order[..2], ["loaded a h g", "loaded d_x e"]);
    }
    // depmod never writes such a file.
    expect(
        &tree(),
        "sh cd /lib/modules/*/kernel && rm ../modules.dep.bin && \
         printf '%s\\n' 'kernel/a.ko: kernel/f.ko kernel/a.ko' 'kernel/f.ko: kernel/a.ko kernel/f.ko' >../modules.dep\n\
         refresh\nload a\ndevice dev:f",
        &["refreshed", "loaded a f", "already f; builtin inside"],
        &["insert a", "insert f"],
    );
}

/// A driver that fails does not hide the other drivers, or the modules that were loaded for it.
#[test]
fn the_other_drivers_are_loaded_after_a_failure() {
    for (failing, expected) in [
        ("kernel/d-x.ko", "loaded a e; failed d_x: module d_x: No such device"),
        ("kernel/e.ko", "loaded d_x a; failed e: module e: No such device"),
        ("kernel/a.ko", "loaded d_x; failed e: module a: No such device"),
    ] {
        let shim = Shim::new().answer("finit", failing, libc::ENODEV).living(1000);
        assert_eq!(asked(&tree(), &shim, "device dev:two").0, [expected]);
    }
    // No driver exists for this device.
    assert_eq!(answers(&tree(), "device dev:none\ndevice dev:[x\nload dev:[x").len(), 3);
    assert_eq!(answers(&tree(), "device dev:none\ndevice dev:[x"), ["nothing", "nothing"]);
}

/// Changes to modules by other processes are noticed immediately; files that the manager has read are read again on
/// request.
#[test]
fn changes_by_other_processes_are_noticed() {
    let root = tree();
    expect(
        &root,
        "load a\nsh rm -r /sys/module/a\nload a\nunload a\n\
         sh mkdir /sys/module/a; echo live >/sys/module/a/initstate\nload b",
        &["loaded a", "loaded a", "removed a", "loaded b"],
        &["insert a", "insert a", "remove a", "insert b"],
    );
    let root = tree();
    expect(
        &root,
        "load new\nsh cd /lib/modules/*/ && echo kernel/f.ko: >modules.dep && rm modules.dep.bin && \
         mkdir -p /etc/modprobe.d && echo options f z=9 >/etc/modprobe.d/y.conf\n\
         refresh\nload b\nload f\nsh rm -r /lib/modules/*\nrefresh\nload f",
        &[
            "module new not found [2]",
            "refreshed",
            "module b not found [2]",
            "loaded f",
            "no directory [2]",
            "already f",
        ],
        &["insert f z=9"],
    );
}

/// The manager waits for a module that another process is removing, and inserts it afterwards.
#[test]
fn modules_being_removed_are_waited_for() {
    let going = "sh mkdir /sys/module/a; echo going >/sys/module/a/initstate\n\
                 state a\nlater rm -r /sys/module/a\nload b\nstate a";
    expect(&tree(), going, &["Going", "loaded a b", "Live"], &["insert a", "insert b"]);
}

/// Built-in drivers of a device are reported, too.
#[test]
fn built_in_drivers_are_reported() {
    expect(
        &tree(),
        "device dev:in1\ndevice dev:f",
        &["builtin inside", "loaded f; builtin inside"],
        &["insert f"],
    );
}

/// Errors of a module file are distinguished from errors that the kernel returns.
#[test]
fn missing_and_damaged_files() {
    let root = tree();
    fs::remove_file(root.path(root.in_modules("kernel/a.ko"))).unwrap();
    root.file(root.in_modules("kernel/f.ko.xz"), b"\xfd7zXZ\0damaged");
    let dep = fs::read_to_string(root.path(root.in_modules("modules.dep"))).unwrap();
    root.file(root.in_modules("modules.dep"), dep.replace("f.ko", "f.ko.xz"));
    fs::remove_file(root.path(root.in_modules("modules.dep.bin"))).unwrap();
    let answered = answers(&root, "load b\nload f\ndevice dev:two");
    let dir = format!("/lib/modules/{}/kernel", root.release());
    assert_eq!(answered[0], format!("module a: {dir}/a.ko: No such file or directory [2]"));
    assert!(answered[1].starts_with(&format!("module f: {dir}/f.ko.xz: ")), "{answered:?}");
    assert!(answered[2].starts_with("loaded d_x; failed e: module a: "), "{answered:?}");
}

#[test]
fn modules_that_cannot_be_removed() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "remove f exit 3\n");
    expect(
        &root,
        "load c\nunload a\nload f\nunload f\nunload nosuch\nsh mkdir /sys/module/else; echo live >/sys/module/else/initstate\n\
         unload else",
        &[
            "loaded a b c",
            "module a is in use [16]",
            "loaded f",
            "module f: command exit 3 failed with status 3 [22]",
            "module nosuch not found [2]",
            "removed else",
        ],
        &["insert a", "insert b", "insert c", "insert f", "remove else"],
    );
}

/// An error includes what was done before the failure.
#[test]
fn errors_include_the_completed_steps() {
    let shim = Shim::new().answer("finit", "kernel/d-x.ko", libc::EIO).living(1000);
    expect_of(
        &tree(),
        &shim,
        "load dev:two",
        &["module d_x: Input/output error, but loaded a e"],
        &["insert d-x = 5", "insert a", "insert e"],
    );
    let shim = Shim::new().answer("finit", "kernel/c.ko", libc::EIO).living(1000);
    expect_of(
        &tree(),
        &shim,
        "load c\nstate b",
        &["module c: Input/output error, but loaded a b", "Live"],
        &["insert a", "insert b", "insert c = 5"],
    );
    let shim = Shim::new().answer("delete", "b", libc::EIO).living(1000);
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "alias both c\nalias both d-x\nremove d_x exit 3\n");
    expect_of(
        &root,
        &shim,
        "load both\nunload both",
        &["loaded a b c d_x", "module d_x: command exit 3 failed with status 3, but removed c"],
        &["insert a", "insert b", "insert c", "insert d-x", "remove c", "remove b = 5"],
    );
}

#[test]
fn invalid_names() {
    for name in ["dev:[x", "dev:x]", "["] {
        let refused = format!("invalid module name '{name}': unmatched bracket [22]");
        let script = format!("load {name}\nunload {name}\ndevice {name}");
        expect(&tree(), &script, &[&refused, &refused, "nothing"], &[]);
    }
}

/// Threads that wait for an install command get its result.
#[test]
fn waiting_threads_get_the_result() {
    let root = tree();
    root.file(
        "etc/modprobe.d/x.conf",
        "install bad echo bad >>/ran; sleep 1; exit 3\ninstall good echo good >>/ran; sleep 1\n",
    );
    expect(
        &root,
        "at-once 4 bad\nat-once 4 good",
        &["module bad: command echo bad >>/ran; sleep 1; exit 3 failed with status 3 [22]", "commands good"],
        &[],
    );
    assert_eq!(fs::read_to_string(root.path("ran")).unwrap(), "bad\ngood\n");
}

/// Files that have changed are read again on request, and only then.
#[test]
fn changes_are_noticed() {
    let root = tree();
    let no_file =
        format!("module a: /lib/modules/{}/kernel/a.ko: No such file or directory [2]", root.release());
    expect(
        &root,
        "refresh\nrenew\nsh mkdir -p /etc/modprobe.d; echo options f z=9 >/etc/modprobe.d/y.conf\nrenew\nrenew\nload f\n\
         sh cd /lib/modules/*/ && rm modules.dep.bin && echo kernel/a.ko: >modules.dep\nrenew\nload e\n\
         sh mv /lib/modules /lib/away\nrenew\nrenew\nload a\nsh mv /lib/away /lib/modules\nrenew",
        &[
            "refreshed",
            "unchanged",
            "refreshed",
            "unchanged",
            "loaded f",
            "refreshed",
            "module e not found [2]",
            "no directory [2]",
            "unchanged",
            &no_file,
            "refreshed",
        ],
        &["insert f z=9"],
    );
}
