//! `MODPROBE_OPTIONS` and the command line.

use oxmod_test_support::{RELEASE, Side, Stream, same};

use super::{modprobe, tree};

#[test]
fn words_of_the_variable_come_first() {
    let root = tree();
    for (variable, words) in [
        ("x y", &["x", "y"][..]),
        ("x  y", &["x", "", "y"]),
        (" x", &["", "x"]),
        ("x ", &["x"]),
        (" ", &[""]),
        ("  ", &["", ""]),
        ("\"x y\" z", &["x y", "", "z"]),
        ("x\"y z\"w q", &["xy zw", "q"]),
        ("x'y z'", &["xy z"]),
        ("x \"y\" z", &["x", "y", "", "z"]),
        ("'x\"y'", &["x\"y"]),
        ("x\ty", &["x\ty"]),
        ("\"x y", &["\"x y"]),
        ("x \"y z", &["x", "\"y z"]),
        ("\"x\"y", &["x", "y"]),
        ("\"x\"\"y\"", &["x", "y"]),
        ("x\\ y", &["x\\", "y"]),
        ("\"\"", &[""]),
        ("\"\" x", &["", "", "x"]),
        ("x \"\"", &["x", ""]),
        ("x\"y z", &["x\"y z"]),
        ("-C /dev/null x", &["x"]),
        ("-i --use-blacklist x", &["x"]),
    ] {
        let run = modprobe(&root).args(["-a", "-D", "a"]).env("MODPROBE_OPTIONS", variable);
        let answer = same(|side| run.on(side));
        let line = |word: &&str| {
            format!("modprobe: WARNING: Module {word} not found in directory /lib/modules/{RELEASE}\n")
        };
        assert_eq!(answer.stderr_text(), words.iter().map(line).collect::<String>(), "{variable}");
        assert_eq!(answer.stdout_text(), format!("insmod /lib/modules/{RELEASE}/kernel/a.ko \n"));
    }
}

#[test]
fn options_of_the_variable_take_effect() {
    let root = tree();
    root.file("etc/modprobe.d/t.conf", "blacklist a\n").file("etc/q.conf", "options a x=1\n");
    let with = |variable: &str, args: &[&str]| {
        let run = modprobe(&root).args(args).env("MODPROBE_OPTIONS", variable);
        same(|side| run.on(side)).triple()
    };
    assert_eq!(with("-b -D", &["a"]), (0, String::new(), String::new()));
    assert_eq!(with("-q", &["-D", "zz"]), (1, String::new(), String::new()));
    let expected = format!("insmod /lib/modules/{RELEASE}/kernel/a.ko x=1 \n");
    assert_eq!(with("-C /etc/q.conf", &["-D", "a"]), (0, expected, String::new()));
    assert_eq!(
        with("", &["-D"]),
        (1, String::new(), "modprobe: ERROR: missing parameters. See -h.\n".into())
    );
}

#[test]
fn missing_operands() {
    let root = tree();
    for args in
        [&[][..], &["-a"], &["-r"], &["-D"], &["-R"], &["-n"], &["--show-exports"], &["--show-modversions"]]
    {
        let answer = same(|side| modprobe(&root).args(args).on(side));
        let expected = "modprobe: ERROR: missing parameters. See -h.\n";
        assert_eq!(answer.triple(), (1, String::new(), expected.into()), "{args:?}");
    }
}

#[test]
fn quiet_does_not_hide_usage_errors() {
    let root = tree();
    let missing = "modprobe: ERROR: missing parameters. See -h.\n";
    let wait = "modprobe: ERROR: unexpected wait value 'x'.\n";
    for (args, expected) in [
        (&["-q"][..], missing),
        (&["-qa"], missing),
        (&["-q", "--"], missing),
        (&["-q", "--show-exports"], missing),
        (&["-q", "-w", "x", "a"], wait),
    ] {
        let answer = same(|side| modprobe(&root).args(args).on(side));
        assert_eq!(answer.triple(), (1, String::new(), expected.into()), "{args:?}");
    }
}

#[test]
fn values_of_wait() {
    let root = tree();
    for value in ["0", "10", "0x10", "010", "-1", " 5", "+5", "x", "", "10z", "0x", "08", "5 "] {
        let answer = same(|side| modprobe(&root).args(["-D", "-w", value, "a"]).on(side));
        assert_eq!(answer.stdout.is_empty(), answer.code == 1, "{value}: {answer:?}");
    }
}

/// The name that later versions of kmod prefer for `--resolve-alias`.
#[test]
fn show_alias() {
    let root = tree();
    for name in ["a", "d-x", "nosuch"] {
        same(|side| {
            let option = if side == Side::Ours { "--show-alias" } else { "--resolve-alias" };
            modprobe(&root).args([option, name]).on(side)
        });
    }
}

#[test]
fn quiet_and_verbose_take_effect_in_order() {
    let root = tree();
    for args in [
        &["-q", "-v", "-n", "zz"][..],
        &["-v", "-q", "-n", "zz"],
        &["-q", "-v", "-v", "-n", "zz"],
        &["-v", "-q", "-n", "a"],
        &["-q", "-v", "-n", "a"],
        &["-qvvvv", "-n", "a"],
        &["-qvvvvv", "-n", "a"],
    ] {
        same(|side| modprobe(&root).args(args).on(side));
    }
}

#[test]
fn precedence_of_tasks() {
    let root = tree();
    for args in [
        &["-c", "-D", "a"][..],
        &["-c", "--show-exports", "-r", "zz"],
        &["--show-modversions", "--show-exports", "/dev/null"],
        &["--show-exports", "-D", "/dev/null"],
        &["-R", "-D", "a"],
        &["-R", "-n", "-v", "a"],
        &["-R", "-D", "zz"],
        &["--showconfig"],
        &["--show-config", "a"],
        &["--resolve-al", "a"],
        &["--show-dep", "--all", "a", "b"],
        &["--dump-modversions", "/nosuch"],
    ] {
        same(|side| {
            let answer = super::with_softdep_blank(side, modprobe(&root).args(args).on(side));
            super::without_repetitions(side, answer).0
        });
    }
}

#[test]
fn closed_and_full_streams() {
    let root = tree();
    same(|side| modprobe(&root).args(["-D", "zz"]).stderr(Stream::Closed).on(side));
    same(|side| modprobe(&root).args(["-D", "a"]).stdout(Stream::Broken).on(side).stderr);
}
