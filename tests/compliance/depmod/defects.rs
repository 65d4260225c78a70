//! Defects of kmod's depmod that ours does not have. Each test shows both behaviours.

use oxmod_test_support::{Crcs, Module, Root, Run, Side, each, same, sides};

use super::{depmod, lines, root};

/// Runs `depmod -n` with resource limits, since the reference may loop and allocate memory until it is killed.
fn limited(root: &Root, side: Side) -> (i32, String) {
    let answer = Run::shell("ulimit -v 1000000; ulimit -t 3; depmod -n -b \"$ROOT\" \"$RELEASE\"")
        .env("ROOT", root.path(""))
        .env("RELEASE", root.release())
        .on(side);
    (answer.code, answer.stderr_text())
}

/// Builds a tree from `(module, needs)` pairs; each module exports a symbol with its own name.
fn connected(plan: &[(&str, &[&str])]) -> Root {
    let root = root();
    for (name, needs) in plan {
        root.module(&format!("kernel/{name}.ko"), |module| {
            needs.iter().fold(module.export(&format!("sym_{name}"), 1), |m, on| m.need(&format!("sym_{on}")))
        });
    }
    root
}

#[test]
fn simple_cycles_are_reported_equally() {
    for plan in [
        &[("a", &["b"][..]), ("b", &["a"])][..],
        &[("a", &["b"]), ("b", &["c"]), ("c", &["a"])],
        &[("a", &["b"]), ("b", &["a", "z"]), ("z", &[]), ("q", &["a"])],
        &[("x", &["a"]), ("a", &["b"]), ("b", &["a"]), ("y", &["x"])],
    ] {
        let root = connected(plan);
        let (answer, files) = same(|side| depmod(&root, &[], side));
        assert_eq!((answer.code, files.0.len()), (1, 0), "{answer:?}");
        assert!(answer.stderr_text().contains("Cycle detected: "), "{answer:?}");
    }
}

#[test]
fn connected_cycles_are_reported() {
    let root = connected(&[("a", &["b"]), ("b", &["a", "c"]), ("c", &["d"]), ("d", &["c"])]);
    for (side, (code, stderr)) in each(|side| limited(&root, side)) {
        match side {
            Side::Ours => {
                assert_eq!((code, stderr.lines().count()), (1, 3), "{stderr}");
                assert!(stderr.ends_with("Found 4 modules in dependency cycles!\n"), "{stderr}");
            }
            // Killed by a limit or out of memory, without counting the cycles.
            Side::Theirs => assert!(!stderr.contains("Found 4"), "{code} {stderr}"),
        }
    }
}

#[test]
fn a_clique_is_reported() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let plan: Vec<(&str, Vec<&str>)> =
        names.iter().map(|name| (*name, names.iter().filter(|on| *on != name).copied().collect())).collect();
    let plan: Vec<(&str, &[&str])> = plan.iter().map(|(name, needs)| (*name, needs.as_slice())).collect();
    let root = connected(&plan);
    for (side, (code, stderr)) in each(|side| limited(&root, side)) {
        match side {
            Side::Ours => assert!(code == 1 && stderr.ends_with("Found 6 modules in dependency cycles!\n")),
            Side::Theirs => assert!(code > 128 || stderr.lines().count() > 100, "{code} {stderr}"),
        }
    }
}

#[test]
fn only_the_entry_with_an_unsupported_byte_is_left_out() {
    let root = root();
    root.module("kernel/a.ko", |m| m.alias("caf\u{e9}:*").alias("good:*"))
        .module("kernel/b.ko", |m| m.alias("other"));
    for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
        match side {
            Side::Ours => {
                assert_eq!((answer.code, files.0.len()), (0, 11), "{answer:?}");
                let stderr = answer.stderr_text();
                assert!(
                    stderr.starts_with("depmod: WARNING: modules.alias.bin: leaving out 'caf\u{e9}:*' of a"),
                    "{stderr}"
                );
                assert_eq!(lines(&files, "modules.alias").len(), 3);
            }
            Side::Theirs => {
                assert_eq!(answer.code, 1);
                assert!(files.0.len() < 11, "{files:?}");
            }
        }
    }
}

/// Without CRCs, kmod treats each string in the string table as a symbol, including the namespaces.
#[test]
fn a_record_without_a_value_does_not_end_the_list() {
    for (side, (answer, files)) in each(|side| {
        let root = root();
        root.file(root.in_modules("modules.builtin.modinfo"), "a.alias=x\0a.flag\0b.alias=y\0");
        depmod(&root, &[], side)
    }) {
        assert_eq!(answer.triple(), (0, String::new(), String::new()));
        let has_second = files["modules.builtin.alias.bin"].contains(&b'b');
        assert_eq!(has_second, side == Side::Ours);
    }
}

#[test]
fn device_numbers_are_not_truncated() {
    for (side, (answer, files)) in each(|side| {
        let root = root();
        root.module("a.ko", |m| m.alias("devname:x").alias("char-major-4294967297-1"));
        depmod(&root, &[], side)
    }) {
        let expected: &[&str] = if side == Side::Ours { &[] } else { &["a x c1:1"] };
        assert_eq!(lines(&files, "modules.devname"), expected);
        assert_eq!(answer.stderr_text().contains("lacks major and minor"), side == Side::Ours);
    }
}

#[test]
fn namespaces_are_not_symbols() {
    let root = root();
    root.module("kernel/a.ko", |m| {
        m.crcs(Crcs::None).export_in("real_symbol", 0, "A_NAMESPACE").export("other_symbol", 0)
    });
    for (side, (_, files)) in each(|side| depmod(&root, &[], side)) {
        let listed = lines(&files, "modules.symbols").iter().any(|line| line.contains("A_NAMESPACE"));
        assert_eq!(listed, side == Side::Theirs, "{side:?} {files:?}");
        assert!(lines(&files, "modules.symbols").iter().any(|line| line.contains("real_symbol")));
    }
}

#[test]
fn a_corrupt_module_is_reported_once_and_the_others_are_indexed() {
    let sound = Module::new().info("license", "GPL").alias("lost").need("b_symbol").build();
    for (content, reason) in [
        (&b"this is not an object file"[..], "Exec format error"),
        (&b""[..], "Invalid argument"),
        (&sound[..sound.len() / 2], "Invalid argument"),
        (&sound[..70], "Invalid argument"),
    ] {
        let root = root();
        root.module("kernel/b.ko", |m| m.export("b_symbol", 1).alias("kept"))
            .module("kernel/c.ko", |m| m.need("b_symbol"));
        root.file(root.in_modules("kernel/bad.ko"), content);
        let answers = each(|side| depmod(&root, &[], side));
        for (side, (answer, files)) in &answers {
            assert_eq!((answer.code, files.0.len()), (0, 11), "{side:?}");
            let stderr = answer.stderr_text();
            assert_eq!(stderr.matches("kernel/bad.ko").count(), 1, "{side:?} {stderr}");
            assert!(stderr.contains(reason), "{side:?} {stderr}");
            assert!(lines(files, "modules.dep").contains(&"kernel/c.ko: kernel/b.ko".to_owned()));
        }
        assert!(answers.windows(2).all(|pair| pair[0].1.1 == pair[1].1.1), "{answers:?}");
    }
}

#[test]
fn a_damaged_compressed_module_is_reported_with_the_reason() {
    let root = root();
    root.module("kernel/good.ko.xz", |m| m.alias("kept")).module("kernel/bad.ko.xz", |m| m.alias("lost"));
    let path = root.path(root.in_modules("kernel/bad.ko.xz"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, bytes).unwrap();
    for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
        assert_eq!(answer.code, 0, "{side:?}");
        if side == Side::Ours {
            assert_eq!(answer.stderr_text().lines().count(), 1, "{answer:?}");
            assert!(answer.stderr_text().contains("kernel/bad.ko.xz: Invalid argument ("), "{answer:?}");
        }
        assert_eq!(lines(&files, "modules.alias"), ["alias kept good"], "{side:?}");
    }
}

#[test]
fn a_loop_of_links_is_followed_once() {
    let root = root();
    root.module("kernel/a.ko", |m| m).link(root.in_modules("kernel/loop"), ".");
    for (side, answer) in each(|side| {
        Run::shell("ulimit -n 200; depmod -n -b \"$ROOT\" 6.1.0-test").env("ROOT", root.path("")).on(side)
    }) {
        let (dep, stderr) = (answer.stdout_text(), answer.stderr_text());
        match side {
            Side::Ours => {
                assert_eq!((answer.code, stderr.lines().count()), (0, 1), "{stderr}");
                assert!(stderr.contains("kernel/loop: Too many levels of symbolic links"), "{stderr}");
                assert!(dep.starts_with("kernel/a.ko:\n"), "{dep}");
            }
            // kmod descends until it runs out of file descriptors.
            Side::Theirs => assert!(stderr.contains("loop/loop/loop/loop/"), "{stderr}"),
        }
    }
}

#[test]
fn dangling_links_and_odd_files_are_reported() {
    let root = root();
    root.module("kernel/a.ko", |m| m).link(root.in_modules("kernel/gone.ko"), "nowhere");
    nix::unistd::mkfifo(&root.path(root.in_modules("kernel/fifo.ko")), nix::sys::stat::Mode::S_IRUSR)
        .unwrap();
    for &side in sides() {
        let (answer, files) = depmod(&root, &[], side);
        let stderr = answer.stderr_text();
        assert_eq!((answer.code, stderr.lines().count()), (0, 2), "{side:?} {stderr}");
        assert!(
            stderr.contains("unsupported file type") && stderr.contains("kernel/fifo.ko: 10000"),
            "{stderr}"
        );
        // kmod prints the name of the link without its directory.
        assert_eq!(stderr.contains("kernel/gone.ko"), side == Side::Ours, "{stderr}");
        assert_eq!(lines(&files, "modules.dep"), ["kernel/a.ko:"]);
    }
}
