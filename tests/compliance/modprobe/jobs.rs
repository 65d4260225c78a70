//! --jobs and --load-list as far as they can be tested without a kernel: the lists that they read and the errors
//! that they report. The reference is run with the names as operands.

use oxmod_test_support::{Run, Side, differs_because, same};

use super::{modprobe, tree, without_repetitions};

/// The item of oxmod-differences(7).
const OWN: &str = "Options that kmod 34 does not have";

/// Returns the plan for the names, which our modprobe reads from a list.
fn plans(side: Side, list: &str, names: &[&str]) -> (i32, String, String) {
    let root = tree();
    root.file("etc/list", list);
    let run = modprobe(&root).arg("-nv");
    let run = match side {
        Side::Ours => run.args(["--load-list", "/etc/list"]),
        Side::Theirs => run.arg("-a").args(names),
    };
    without_repetitions(side, run.on(side)).0.triple()
}

#[test]
fn a_list_replaces_operands() {
    for (list, names, code) in [
        ("a\n d-x\t\r\n# b\n\n;b\nh", &["a", "d-x", "h"][..], 0),
        ("c\nnosuch\ng\n", &["c", "nosuch", "g"], 1),
        ("h opt=1\n", &["h opt=1"], 1),
    ] {
        assert_eq!(same(|side| plans(side, list, names)).0, code, "{list:?}");
    }
}

/// Several lists can be combined with operands, which are all module names.
#[test]
fn lists_and_operands_are_combined() {
    let root = tree();
    root.file("etc/one", "f\n");
    root.file("etc/two", "a\n");
    let run = |side| match side {
        Side::Ours => {
            modprobe(&root).args(["-nv", "b", "--load-list=/etc/two", "--load-list", "/etc/one", "--jobs=7"])
        }
        Side::Theirs => modprobe(&root).args(["-nv", "-a", "a", "f", "b"]),
    };
    assert_eq!(same(|side| without_repetitions(side, run(side).on(side)).0.triple()).0, 0);
}

fn ours_only(args: &[&str], code: i32, stderr: &str) {
    let root = tree();
    root.file("etc/dir/x", "");
    let name = args[0].split('=').next().unwrap_or_default();
    let unknown = (1, String::new(), format!("/sbin/modprobe: unrecognized option '{}'\n", args[0]));
    assert!(name.starts_with("--"));
    let run: Run = modprobe(&root).args(args);
    differs_because(OWN, &(code, String::new(), stderr.to_owned()), &unknown, |side| run.on(side).triple());
}

#[test]
fn invalid_lists_and_options() {
    ours_only(&["--load-list=/dev/null"], 0, "");
    ours_only(
        &["--load-list=/nosuch"],
        1,
        "modprobe: ERROR: could not read /nosuch: No such file or directory\n",
    );
    ours_only(&["--load-list=/etc/dir"], 1, "modprobe: ERROR: could not read /etc/dir: Is a directory\n");
    for word in ["", "x", "-1", "1.5", "99999999999999999999999"] {
        let message = format!("modprobe: ERROR: invalid value '{word}' for --jobs (expected a number)\n");
        ours_only(&[&format!("--jobs={word}"), "a"], 1, &message);
    }
    ours_only(&["--jobs=2"], 1, "modprobe: ERROR: missing parameters. See -h.\n");
    // --jobs cannot be abbreviated, so that no abbreviation of kmod's options becomes ambiguous.
    let root = tree();
    let short = same(|side| modprobe(&root).args(["--job=2", "a"]).on(side).triple());
    assert_eq!(short.0, 1);
}
