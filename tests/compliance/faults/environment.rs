//! Unusual contents of /proc and /sys, files that cannot be read, full and read-only file systems.

use std::fs;

use oxmod_test_support::{Root, Run, Shim, Side, differs_because, same};

use super::{Case, all, failed, fine, modprobe, seen, tree};

/// Builds a tree in which `base` is loaded and one file is replaced.
fn loaded_with(path: &str, bytes: &[u8]) -> Root {
    let root = tree();
    root.loaded("base", 16384, 0, &[]);
    root.file(path, bytes);
    root
}

fn removals() -> [Run; 2] {
    [modprobe(&["-r", "base"]), Run::new("rmmod").arg("base")]
}

/// Kernel command lines without valid settings.
#[test]
fn kernel_command_lines() {
    let endless = vec![b'x'; 1 << 20];
    let lines: [Option<&[u8]>; 5] = [
        None,
        Some(b""),
        Some(&endless),
        Some(b"a\0base.x=\xff\xfe \"base.y=1 \n\n modprobe.blacklist=,,, = .=\n"),
        Some(b"\""),
    ];
    for line in lines {
        let root = tree();
        fs::remove_file(root.path("proc/cmdline")).unwrap();
        if let Some(line) = line {
            root.file("proc/cmdline", line);
        }
        let base = fine("finit base.ko \"\" 0 = 0\n");
        all(&root, [Case::same(&Shim::new(), modprobe(&["base"]), base)]);
    }
}

/// Removal relies on /sys, not on /proc/modules.
#[test]
fn lists_of_loaded_modules() {
    let long = [&vec![b'b'; 100_000][..], b" 1 0 - Live 0x0\nbase 16384 0 - Live 0x0\n"].concat();
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for list in
        [&b""[..], b"\n\n", b"one two\nbase\nmid x y z\n", b"../../etc 1 0 - Live 0x0\n", &long, &binary]
    {
        let root = loaded_with("proc/modules", list);
        let gone = fine("delete base 04000 = 0\n");
        all(&root, removals().map(|run| Case::same(&Shim::new(), run, gone.clone())));
        let (code, stdout, _, _) = seen(&Shim::new().run(&root, &Run::new("lsmod"), Side::Ours));
        assert_eq!(code, 0);
        assert!(stdout.starts_with("Module                  Size  Used by\n"));
    }
    let root = loaded_with("proc/modules", b"base");
    let answer = same(|side| seen(&Shim::new().run(&root, &Run::new("lsmod"), side)));
    assert_eq!(answer.1.lines().nth(1), Some("base                   16384  0"));
}

/// A count that is not a number is reported; whether the kernel is called depends on the tool.
#[test]
fn use_counts() {
    let odd = "could not read integer from '/sys/module/base/refcnt': 'Invalid argument'\n";
    for count in [&b""[..], b"abc\n", b"\xff\0\n", b"1", b"0x1\n"] {
        let root = loaded_with("sys/module/base/refcnt", count);
        all(
            &root,
            [Case::same(
                &Shim::new(),
                Run::new("rmmod").arg("base"),
                failed(&format!("rmmod: ERROR: {odd}"), ""),
            )],
        );
        let answer = same(|side| seen(&Shim::new().run(&root, &Run::new("lsmod"), side)));
        assert_eq!(answer.2, format!("lsmod: ERROR: {odd}"));
    }
    for (count, holders) in [(&b"1 \n"[..], "Module base is in use"), (b"7\n", "Module base is in use")] {
        let root = loaded_with("sys/module/base/refcnt", count);
        let [modprobe, rmmod] = removals();
        all(
            &root,
            [
                Case::same(&Shim::new(), modprobe, failed(&format!("modprobe: FATAL: {holders}.\n"), "")),
                Case::same(&Shim::new(), rmmod, failed(&format!("rmmod: ERROR: {holders}\n"), "")),
            ],
        );
    }
}

#[test]
fn unknown_initstates() {
    let why = "a module in an odd state is for the kernel to judge";
    for state in [&b""[..], b"abc\n", b"live", b"\xff\n"] {
        let root = loaded_with("sys/module/base/initstate", state);
        let gone = (0, "delete base 04000 = 0\n".to_owned());
        let stays = |code| (code, String::new());
        for (run, theirs) in removals().into_iter().zip([stays(0), stays(1)]) {
            differs_because(why, &gone, &theirs, |side| {
                let (code, _, _, calls) = seen(&Shim::new().run(&root, &run, side));
                (code, calls)
            });
        }
        let refused = Shim::new().answer("delete", "*", libc::EBUSY);
        let (code, _, stderr, _) = seen(&refused.run(&root, &modprobe(&["-r", "base"]), Side::Ours));
        assert_eq!(
            (code, stderr.as_str()),
            (1, "modprobe: ERROR: could not remove 'base': Device or resource busy\n")
        );
    }
}

/// A configuration file, an index and its text file, a module: each failure is reported, and the command continues
/// if possible.
#[test]
fn files_that_cannot_be_read() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "options base x=1\n");
    let dir = "/lib/modules/6.1.0-test";
    let run = |shim: Shim, args: &[&str]| seen(&shim.run(&root, &modprobe(args), Side::Ours));
    for (errno, words) in [
        (libc::EACCES, "Permission denied"),
        (libc::EIO, "Input/output error"),
        (libc::ENFILE, "Too many open files in system"),
    ] {
        let (code, _, stderr, calls) = run(Shim::new().open("/etc/modprobe.d/x.conf", errno), &["base"]);
        assert_eq!((code, calls.as_str()), (0, "finit base.ko \"\" 0 = 0\n"), "{stderr}");
        assert_eq!(stderr, format!("modprobe: ERROR: could not read /etc/modprobe.d/x.conf: {words}\n"));
        let index = format!("{dir}/modules.dep.bin");
        let (code, _, stderr, calls) = run(Shim::new().open(&index, errno), &["base"]);
        assert_eq!((code, calls.as_str()), (0, "finit base.ko \"x=1 \" 0 = 0\n"), "{stderr}");
        assert_eq!(
            stderr,
            format!(
                "modprobe: WARNING: could not use M/modules.dep.bin: {words}; reading M/modules.dep instead\n"
            )
        );
        let neither = Shim::new().open(&index, errno).open(format!("{dir}/modules.dep"), errno);
        let (code, _, stderr, calls) = run(neither, &["base"]);
        assert_eq!((code, calls.as_str()), (1, ""), "{stderr}");
        assert!(stderr.ends_with("modprobe: FATAL: Module base not found in directory M\n"), "{stderr}");
        assert!(stderr.contains(&format!("could not read M/modules.dep: {words}\n")), "{stderr}");
        let (code, _, stderr, calls) = run(Shim::new().open(format!("{dir}/base.ko"), errno), &["top"]);
        assert_eq!((code, calls.as_str()), (1, ""));
        assert_eq!(stderr, format!("modprobe: ERROR: could not insert 'top': {words}\n"));
    }
}

/// `kmod static-nodes` on a full and on a read-only file system.
#[test]
fn full_and_read_only_file_systems() {
    let release = oxmod_test_support::running_release();
    let root = Root::for_release(&release);
    let nodes: String =
        (0..2000).fold(String::new(), |nodes, n| nodes + &format!("m{n} node{n} c{}:{n}\n", n % 500));
    root.file(root.in_modules("modules.devname"), nodes);
    root.dir("run/small").dir("run/fixed");
    let tool = "kmod static-nodes -f tmpfiles -o";
    let why = "kmod does not notice that a file system is full";
    for (output, mount, words, theirs) in [
        (
            "/run/small/nodes",
            "mount -t tmpfs -o size=4k none /run/small",
            "/run/small/nodes - No space left on device",
            0,
        ),
        (
            "/run/fixed/a/nodes",
            "mount -t tmpfs -o ro none /run/fixed",
            "/run/fixed/a/nodes - Read-only file system",
            1,
        ),
    ] {
        let run = Run::shell(&format!("{mount} && {tool} {output}")).inside(&root);
        let ours = run.on(Side::Ours);
        let stderr = ours.stderr_text();
        assert_eq!((ours.stdout_text().as_str(), stderr.lines().count()), ("", 1), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        if theirs == 0 {
            differs_because(why, &1, &0, |side| run.on(side).code);
        } else {
            assert_eq!(same(|side| run.on(side).code), theirs);
        }
    }
}
