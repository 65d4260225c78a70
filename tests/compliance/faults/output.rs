//! Standard output that cannot be written to: the work is done as if it could, and the failure is reported afterwards.

use std::fs;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Shimmed, Side, Stream, sides};

use super::{modprobe, tree};
use crate::{coldplug, firmware};

/// What standard output can be, with the exit code of our tools, and with what they report.
const OUTPUTS: [(Stream, bool, i32, &str); 4] = [
    (Stream::Full, false, 1, "ERROR: could not write to standard output: No space left on device\n"),
    // The death by SIGPIPE, once everything is done.
    (Stream::Broken, false, 128 + 13, ""),
    (Stream::Broken, true, 0, ""),
    (Stream::Closed, false, 0, ""),
];

fn to(run: &Run, output: Stream, sigpipe_is_ignored: bool) -> Run {
    let run = run.clone().stdout(output);
    if sigpipe_is_ignored { run.ignore_sigpipe() } else { run }
}

/// The kernel's calls, in their order unless threads share them.
fn calls<'s>(run: &Run, shimmed: &'s Shimmed) -> Vec<&'s str> {
    let mut calls: Vec<&str> = shimmed.calls.lines().collect();
    if format!("{run:?}").contains("--jobs=2") {
        calls.sort_unstable();
    }
    calls
}

/// Runs a command line with each kind of output. `build` makes the tree, which the command may change.
#[track_caller]
fn the_work_is_done(build: impl Fn() -> Root, run: &Run, both: bool) {
    let shim = || Shim::new().living(0);
    let sides: &[Side] = if both { sides() } else { &[Side::Ours] };
    for &side in sides {
        let whole = shim().run(&build(), run, side);
        assert!(!whole.calls.is_empty(), "{side:?} {run:?}: {:?}", whole.answer);
        assert!(!whole.answer.stdout.is_empty(), "{side:?} {run:?}: nothing is printed");
        for (output, ignored, code, words) in OUTPUTS {
            let blind = shim().run(&build(), &to(run, output, ignored), side);
            let what = format!("{side:?} {run:?} {output:?}");
            // kmod may be killed by SIGPIPE before all is done.
            if side == Side::Ours || output != Stream::Broken {
                assert_eq!(calls(run, &blind), calls(run, &whole), "{what}: {:?}", blind.answer);
            }
            if side == Side::Ours {
                // A failure of the work itself keeps its exit code.
                let code = if code == 0 { whole.answer.code } else { code };
                assert_eq!(blind.answer.code, code, "{what}: {:?}", blind.answer);
                // The shell of a command complains about the same output.
                let lines = blind.answer.stderr_text();
                let stderr: String =
                    lines.split_inclusive('\n').filter(|line| !line.starts_with("sh: ")).collect();
                let tail = stderr
                    .strip_prefix(&whole.answer.stderr_text())
                    .unwrap_or_else(|| panic!("{what}: {stderr}"));
                assert!(
                    tail.ends_with(words) && tail.lines().count() == words.lines().count(),
                    "{what}: {tail}"
                );
            }
        }
    }
}

/// A tree with commands. A command that prints is killed by SIGPIPE itself; these do not.
fn commands() -> Root {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "install pre true\nremove pre true\ninstall post exit 3\n");
    root
}

/// A tree in which everything is loaded.
fn loaded() -> Root {
    let root = commands();
    root.loaded("base", 1, 0, &["mid", "soft"]);
    root.loaded("mid", 1, 0, &["top"]);
    root.loaded("top", 1, 0, &[]);
    root.loaded("soft", 1, 0, &[]);
    root
}

#[test]
fn modules_are_loaded() {
    for args in [
        &["-v", "top"][..],
        &["-va", "top", "soft", "zstd", "xz", "gzip"],
        &["-va", "nosuch", "top"],
        &["-v", "soft"],
        &["-vi", "soft"],
    ] {
        the_work_is_done(commands, &modprobe(args), true);
    }
    for args in [
        &["--json", "top"][..],
        &["--json", "-a", "soft", "nosuch", "zstd"],
        &["-v", "--jobs=2", "-a", "top", "soft"],
        &["--json", "--jobs=1", "-a", "top", "soft"],
    ] {
        the_work_is_done(commands, &modprobe(args), false);
    }
}

#[test]
fn modules_are_removed() {
    for args in [&["-rv", "top"][..], &["-rv", "soft", "top"], &["-rv", "--remove-holders", "mid"]] {
        the_work_is_done(loaded, &modprobe(args), true);
    }
    the_work_is_done(loaded, &modprobe(&["-r", "--json", "top", "soft"]), false);
}

#[test]
fn devices_get_their_drivers() {
    let run = Run::new("kmod").args(["coldplug", "--json", "-k", RELEASE]);
    the_work_is_done(coldplug::tree, &run, false);
}

/// The files are copied although the list of them cannot be printed.
#[test]
fn firmware_is_copied() {
    for (output, ignored, code, _) in OUTPUTS {
        let root = firmware::image::packed();
        root.dir("image");
        let run = firmware::run(&root, &["prune", "--json"]).arg("--copy-to").arg(root.path("image"));
        let answer = to(&run, output, ignored).on(Side::Ours);
        assert_eq!(answer.code, code, "{answer:?}");
        let copied = fs::read(root.path("image/lib/firmware/real.bin.zst")).unwrap_or_default();
        assert!(!copied.is_empty(), "{output:?}: {answer:?}");
    }
}

/// depmod writes its files although what `-v` prints cannot be.
#[test]
fn indexes_are_written() {
    for &side in sides() {
        for (output, ignored, ..) in OUTPUTS {
            let root = tree();
            let whole = fs::read(root.path(root.in_modules("modules.dep.bin"))).unwrap();
            fs::remove_file(root.path(root.in_modules("modules.dep.bin"))).unwrap();
            let run = Run::new("depmod").args(["-v", RELEASE]).inside(&root);
            to(&run, output, ignored).on(side);
            // kmod prints as it reads the modules, and dies of it.
            let written = fs::read(root.path(root.in_modules("modules.dep.bin"))).ok();
            assert!(written.as_ref() == Some(&whole) || side == Side::Theirs, "{output:?}");
        }
    }
}

/// A command inherits how its caller treats SIGPIPE.
#[test]
fn commands_inherit_the_treatment_of_sigpipe() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "install pre kill -PIPE $$; echo alive\n");
    for &side in sides() {
        let stdout = |run: Run| Shim::new().run(&root, &run, side).answer.stdout_text();
        assert_eq!(stdout(modprobe(&["pre"])), "", "{side:?}");
        assert_eq!(stdout(modprobe(&["pre"]).ignore_sigpipe()), "alive\n", "{side:?}");
    }
}
