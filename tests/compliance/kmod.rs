//! The multi-call binary: dispatch, `kmod help`, `kmod static-nodes`, versions.

use oxmod_test_support::{Answer, Root, Run, Side, differs_because, each, running_release, same};

const TOOLS: [&str; 7] = ["kmod", "modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"];

/// Builds a root with a modules.devname for the running kernel, whose file is always the one that is read.
fn devname(text: &[u8]) -> Root {
    let root = Root::for_release(&running_release());
    root.file(root.in_modules("modules.devname"), text);
    root
}

#[test]
fn unknown_names_fail_silently() {
    for name in ["foo", "/usr/sbin/kmod2", "", "modprobe.old", "-modprobe", "kmod/"] {
        let answer = same(|side| Run::new("kmod").argv0(name).args(["-V"]).on(side));
        assert_eq!(answer.triple(), (1, String::new(), String::new()), "{name:?}");
    }
    let login = each(|side| Run::new("lsmod").argv0("lsmod").arg("x").on(side));
    assert!(login.iter().all(|(_, answer)| answer.stderr_text().starts_with("lsmod: ERROR")), "{login:?}");
}

/// Scripts read the first two lines, so ours prints the version of kmod that it replaces.
#[test]
fn version() {
    for (tool, option) in TOOLS.into_iter().flat_map(|tool| [(tool, "-V"), (tool, "--vers")]) {
        let why = "gzip is always there, and a third line of --version names oxmod";
        let text = |text: &str| Answer { code: 0, stdout: text.into(), stderr: Vec::new() };
        let ours = "kmod version 34.2\n+ZSTD +XZ +ZLIB +OPENSSL\n";
        let ours = text(&format!("{ours}oxmod {}\n", env!("CARGO_PKG_VERSION")));
        let theirs = text("kmod version 34.2\n+ZSTD +XZ -ZLIB +OPENSSL\n");
        differs_because(why, &ours, &theirs, |side| Run::new(tool).arg(option).on(side));
    }
}

/// The texts of the two sides differ. Only their existence, the stream and the exit code are compared.
#[test]
fn help() {
    for args in [&["-h"][..], &["--help"], &["-h", "--bogus"]] {
        for tool in TOOLS {
            let look = |side| Run::new(tool).args(args).on(side);
            let (code, empty) = same(|side| (look(side).code, look(side).stderr.is_empty()));
            assert!(code == 0 && empty, "{tool} {args:?}");
            assert!(each(look).iter().all(|(_, answer)| answer.stdout_text().contains("--version")));
        }
    }
    let run = Run::new("kmod").arg("help");
    for (_, answer) in each(|side| run.clone().args(["x", "--bogus"]).on(side)) {
        assert_eq!((answer.code, answer.stderr_text()), (0, String::new()));
        assert!(answer.stdout_text().contains("static-nodes"), "{answer:?}");
    }
}

#[test]
fn unknown_commands() {
    let both = |args: &[&str]| {
        same(|side| {
            let answer = Run::new("kmod").args(args).on(side);
            assert!(answer.stdout_text().contains("static-nodes"), "{side:?} {answer:?}");
            (answer.code, answer.stderr_text())
        })
    };
    assert_eq!(both(&[]), (1, "missing command\n".into()));
    assert_eq!(both(&["modprobe", "x"]), (1, "invalid command 'modprobe'\n".into()));
    assert_eq!(both(&["--", "-V"]), (1, "invalid command '-V'\n".into()));
    assert_eq!(both(&[""]), (1, "invalid command ''\n".into()));
}

const NODES: &[u8] = b"# Device nodes to trigger on-demand module loading.\n\
    fuse fuse c10:229\nsnd_timer snd/timer c116:33\nloop loop-control c10:237\nbrd ram0 b1:0\n\
    deep a/b/c c1:2\n  lead node c1:2 trailing\ntab\tnode\tc3:4\n\xff \xfe c5:6\nlast last b1:2";

#[test]
fn static_nodes_in_every_form() {
    let root = devname(NODES);
    for format in
        [&[][..], &["-f", "human"], &["--format=tmpfiles"], &["-fdevname"], &["-f", "human", "-f", "devname"]]
    {
        let answer = same(|side| Run::new("kmod").arg("static-nodes").args(format).inside(&root).on(side));
        assert_eq!((answer.code, answer.stderr_text()), (0, String::new()), "{format:?}");
        assert!(answer.stdout_text().contains("snd/timer"), "{answer:?}");
    }
    let answer = same(|side| Run::new("kmod").args(["static-nodes", "-ftmpfiles"]).inside(&root).on(side));
    let text = answer.stdout_text();
    assert!(text.contains("d /dev/a/b 0755 - - -\nc! /dev/a/b/c 0600 - - - 1:2\n"), "{text}");
}

#[test]
fn static_nodes_skips_what_it_cannot_read() {
    let root = devname(b"x y c1:2\nbad line\nx y c1\nx y z1:2\n\n # d\nx y c1:2\n#\n");
    for format in ["human", "tmpfiles", "devname"] {
        let run = Run::new("kmod").args(["static-nodes", "-f", format]).inside(&root);
        let answer = same(|side| run.on(side));
        let lines: Vec<String> = ["bad line", "x y c1", "x y z1:2", "", " # d"]
            .iter()
            .map(|line| format!("Error: invalid devname entry: {line}\n"))
            .collect();
        assert_eq!((answer.code, answer.stderr_text()), (1, lines.concat()));
    }
}

#[test]
fn static_nodes_without_its_file() {
    let root = Root::for_release(&running_release());
    root.dir("lib/modules");
    let run = Run::new("kmod").args(["static-nodes", "-o", "/run/x/nodes.conf"]).inside(&root);
    let answer = same(|side| run.on(side));
    let warning = format!("Warning: /lib/modules/{}/modules.devname not found - ignoring\n", root.release());
    assert_eq!(answer.triple(), (0, String::new(), warning));
    assert!(!root.path("run/x").exists());
}

#[test]
fn static_nodes_into_a_file() {
    let (answers, files) = same(|side| {
        let root = devname(NODES);
        root.file("run/old/file", vec![b'x'; 4096]);
        let run = |path: &&str| {
            Run::new("kmod").args(["static-nodes", "-f", "tmpfiles", "--output", path]).inside(&root).on(side)
        };
        let paths = ["/run/new/deep/file", "/run/old/file", "/run/old", ""];
        (paths.iter().map(run).collect::<Vec<Answer>>(), root.snapshot("run"))
    });
    assert_eq!(answers.iter().map(|answer| answer.code).collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert_eq!(answers[2].stderr_text(), "Error: could not create /run/old - Is a directory\n");
    assert_eq!(files.len(), 2);
    assert!(files.values().all(|bytes| bytes.starts_with(b"c! /dev/fuse 0600 - - - 10:229\nd /dev/snd")));
}

#[test]
fn static_nodes_below_a_file() {
    let root = devname(NODES);
    root.file("run/file", "");
    let answer = |why| {
        (1, String::new(), format!("Error: could not create parent directory for /run/file/x - {why}.\n"))
    };
    differs_because(
        "a parent directory that cannot be made: the reason, where kmod says Success",
        &answer("File exists"),
        &answer("Success"),
        |side| Run::new("kmod").args(["static-nodes", "-o", "/run/file/x"]).inside(&root).on(side).triple(),
    );
}

#[test]
fn static_nodes_to_a_full_device() {
    let root = devname(b"x y c1:2\n");
    let run = Run::new("kmod").args(["static-nodes", "-o", "/dev/full"]).inside(&root);
    let answer = |code, stderr: &str| (code, String::new(), stderr.to_owned());
    differs_because(
        "an output that cannot be written is an error",
        &answer(1, "Error: could not write to /dev/full - No space left on device\n"),
        &answer(0, ""),
        |side| run.on(side).triple(),
    );
}

#[test]
fn static_nodes_rejects_other_formats() {
    let (code, message) = same(|side: Side| {
        let answer = Run::new("kmod").args(["static-nodes", "-f", "devnames", "-h"]).on(side);
        assert!(answer.stdout_text().contains("tmpfiles"), "{side:?} {answer:?}");
        (answer.code, answer.stderr_text())
    });
    assert_eq!((code, message.as_str()), (1, "Unknown format: 'devnames'.\n"));
}
