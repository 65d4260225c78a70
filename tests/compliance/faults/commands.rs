//! Install and remove commands that call modprobe: for other modules, for their own module, in endless recursion.

use std::fs;

use oxmod_test_support::{Root, Shim, Side, sides};

use super::{Case, all, failed, fine, modprobe, seen, tree};

fn configured(conf: &str) -> Root {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", conf);
    root
}

/// No environment variable makes modprobe load or remove a module without running its command.
#[test]
fn the_environment_cannot_bypass_commands() {
    let root = configured("install base exit 1\nremove pre exit 1\n");
    root.loaded("pre", 1, 0, &[]);
    for (name, value) in [
        ("MODPROBE_MODULE", "base"),
        ("MODPROBE_MODULE", "pre"),
        ("MODPROBE_NESTING", "base"),
        ("MODPROBE_NESTING", "pre base pre base pre base"),
        ("MODPROBE_NESTING", "  "),
    ] {
        let install = "modprobe: ERROR: Error running install command 'exit 1' for module base: retcode 1\n\
                       modprobe: ERROR: could not insert 'base': Invalid argument\n";
        let remove = "modprobe: FATAL: Error running remove command for pre\n";
        let run = |args: &[&str]| modprobe(args).env(name, value);
        all(
            &root,
            [
                Case::same(&Shim::new(), run(&["base"]), failed(install, "")),
                Case::same(&Shim::new(), run(&["-r", "pre"]), failed(remove, "")),
                Case::same(&Shim::new(), run(&["-i", "base"]), fine("finit base.ko \"\" 0 = 0\n")),
            ],
        );
    }
}

/// Each command calls modprobe for its own module once, and then ends by itself.
#[test]
fn commands_that_end_their_recursion() {
    let root = configured(
        "install base if test \"$AGAIN\"; then modprobe -S 6.1.0-test -i base; else AGAIN=1 modprobe -S 6.1.0-test base; fi\n\
         remove pre if test \"$AGAIN\"; then modprobe -S 6.1.0-test -r -i pre; else AGAIN=1 modprobe -S 6.1.0-test -r pre; fi\n",
    );
    root.loaded("pre", 1, 0, &[]);
    let base = fine("finit base.ko \"\" 0 = 0\n");
    all(
        &root,
        [
            Case::same(&Shim::new(), modprobe(&["base"]), base),
            Case::same(&Shim::new(), modprobe(&["-r", "pre"]), fine("delete pre 04000 = 0\n")),
        ],
    );
}

/// The recursion of the reference is ended by the command itself, on the fortieth run.
#[test]
fn endless_recursion_of_a_command() {
    for (conf, args) in [
        (
            "install base echo >>/ran; test $(wc -l </ran) -lt 40 && modprobe -S 6.1.0-test base\n",
            &["base"][..],
        ),
        (
            "remove pre echo >>/ran; test $(wc -l </ran) -lt 40 && modprobe -S 6.1.0-test -r pre\n",
            &["-r", "pre"],
        ),
    ] {
        let root = configured(conf);
        root.loaded("pre", 1, 0, &[]);
        let (word, verb) = if args.len() == 1 { ("install", "base") } else { ("remove", "pre") };
        for &side in sides() {
            root.file("ran", "");
            let (code, _, stderr, calls) = seen(&Shim::new().run(&root, &modprobe(args), side));
            let ran = fs::read_to_string(root.path("ran")).unwrap().lines().count();
            assert_eq!((code, calls.as_str()), (1, ""), "{side:?}");
            assert_eq!(ran, if side == Side::Ours { 4 } else { 40 }, "{side:?}");
            let command = conf.split_once(' ').unwrap().1.split_once(' ').unwrap().1.trim_end();
            let message = format!(
                "modprobe: ERROR: Error running {word} command '{command}' for module {verb}: \
                 it calls modprobe for {verb} again (use modprobe -i in it)\n"
            );
            assert_eq!(stderr.matches(&message).count(), usize::from(side == Side::Ours), "{stderr}");
        }
    }
}

/// Two commands that call each other, each twice: the limit on nesting must also bound the total number of runs.
#[test]
fn recursion_of_two_commands() {
    let root = configured(
        "install pre echo >>/ran; modprobe -S 6.1.0-test post; modprobe -S 6.1.0-test post\n\
         install post modprobe -S 6.1.0-test pre\n",
    );
    root.file("ran", "");
    let (code, _, stderr, calls) = seen(&Shim::new().run(&root, &modprobe(&["pre"]), Side::Ours));
    let ran = fs::read_to_string(root.path("ran")).unwrap().lines().count();
    assert_eq!((code, calls.as_str(), ran), (1, "", 15), "{stderr}");
}

/// In a JSON document, the reason replaces the command's exit code.
#[test]
fn recursion_in_documents() {
    let root = configured("install base true\nremove pre true\n");
    root.loaded("pre", 1, 0, &[]);
    for (args, module) in [(&["--json", "base"][..], "base"), (&["--json", "-r", "pre"], "pre")] {
        let run = modprobe(args).env("MODPROBE_NESTING", [module; 4].join(" "));
        let (code, stdout, _, calls) = seen(&Shim::new().run(&root, &run, Side::Ours));
        assert_eq!((code, calls.as_str()), (1, ""));
        assert!(stdout.contains("\"text\":\"The command runs inside itself\""), "{stdout}");
        assert!(!stdout.contains("\"status\""), "{stdout}");
    }
}
