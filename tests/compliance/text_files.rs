//! Text files from other systems: carriage returns, byte order marks, and files that are not what they are taken for.
//! Listed differences, except where nothing is said about it.

use oxmod_test_support::{RELEASE, Root, Run, Shim, Side, differs_because, each, same, sides};

use crate::modprobe::{config_of, depmod, modprobe, plain_messages, tree};

const WHY: &str = "Lines that end in CR LF";

/// Replaces each newline.
fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn modprobe_d() {
    let text = "options a x=1\n\n# comment\\\n of two lines\nblacklist b\nalias foo c\ninstall d-x \\\n echo hi\n\
                softdep e pre: a post: b\nweakdep f a\nremove g true";
    let root = tree();
    let config = |bytes: &str| {
        root.file("etc/modprobe.d/x.conf", bytes);
        config_of(Side::Ours, &modprobe(&root).arg("-c"))
    };
    let plain = config(text);
    assert_eq!((plain.code, plain.stderr.len()), (0, 0), "{plain:?}");
    assert_eq!(config(&crlf(text)), plain);
    assert_eq!(config(&(crlf(text) + "\r")), plain);
    if sides().contains(&Side::Theirs) {
        root.file("etc/modprobe.d/x.conf", crlf(text));
        let theirs = config_of(Side::Theirs, &modprobe(&root).arg("-c"));
        assert!(theirs.stdout_text().starts_with("blacklist b\r\n"), "{theirs:?}");
        assert!(theirs.stderr_text().contains("line 2: ignoring bad line starting with '\r'"), "{theirs:?}");
    }
}

/// The kernel gets the parameter as it was meant.
#[test]
fn parameters_for_the_kernel() {
    let root = tree();
    root.file("etc/modprobe.d/x.conf", "options a x=1\r\nblacklist b\r\n");
    let call = |end: &str| format!("finit kernel/a.ko \"x=1{end} \" 0 = 0\n");
    for (args, theirs) in
        [(&["a"][..], call("\r")), (&["-b", "b"], call("\r") + "finit kernel/b.ko \"\" 0 = 0\n")]
    {
        let ours = if args.len() == 1 { call("") } else { String::new() };
        differs_because(WHY, &ours, &theirs, |side| {
            Shim::new().run(&root, &modprobe(&root).args(args), side).calls
        });
    }
}

/// Only what precedes a newline, or the end of the file, is part of it.
#[test]
fn other_carriage_returns() {
    let root = Root::new();
    root.file("proc/cmdline", "").dir(root.in_modules(""));
    root.file("etc/modprobe.d/x.conf", "options a x=1\ry=2\noptions b \\\rx\n");
    let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
    assert_eq!(answer.stdout_text(), "options a x=1\ry=2\noptions b \rx\n");
}

#[test]
fn depmod_d_and_the_lists_of_a_kernel() {
    let root = tree();
    let run = |side| Run::new("depmod").args(["-n", RELEASE]).inside(&root).on(side);
    root.file("etc/depmod.d/x.conf", "search updates built-in\nexclude i.ko h.ko\n");
    root.file(root.in_modules("modules.order"), "kernel/b.ko\nkernel/a.ko\n");
    root.file(root.in_modules("modules.builtin"), "kernel/bi.ko\n");
    let plain = same(run);
    assert_eq!((plain.code, plain.stderr.len()), (0, 0), "{plain:?}");
    assert!(!plain.stdout_text().contains("kernel/i.ko"));
    for (path, text) in [
        ("etc/depmod.d/x.conf".into(), "search updates built-in\r\n\r\nexclude i.ko h.ko\r\n"),
        (root.in_modules("modules.order"), "kernel/b.ko\r\nkernel/a.ko\r\n"),
    ] {
        root.file(path, text);
        for (side, answer) in each(run) {
            assert_eq!(answer == plain, side == Side::Ours, "{text:?} {side:?} {answer:?}");
        }
    }
    root.file(root.in_modules("modules.builtin"), "kernel/bi.ko\r\nkernel/b-j.ko\r\n");
    depmod(&root);
    let builtin = same(|side| modprobe(&root).args(["-a", "-D", "bi", "b-j"]).on(side));
    assert_eq!(builtin.stdout_text(), "builtin bi\nbuiltin b_j\n");
}

/// The text files that are used where an index is missing.
#[test]
fn text_files_of_the_module_directory() {
    let root = tree();
    for name in ["modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.builtin"] {
        let path = root.path(root.in_modules(name));
        let text = std::fs::read_to_string(&path).unwrap();
        root.file(root.in_modules(name), crlf(&text));
        let _ =
            std::fs::remove_file(path.with_extension(format!("{}.bin", name.trim_start_matches("modules."))));
    }
    let plan = |root: &Root| {
        let answer =
            modprobe(root).args(["-q", "-a", "-D", "e", "g", "pci:v9d1", "symbol:sb", "bi"]).on(Side::Ours);
        assert_eq!(answer.code, 0, "{answer:?}");
        answer.stdout_text()
    };
    assert_eq!(plan(&root), plan(&tree()));
}

#[test]
fn a_byte_order_mark_is_named() {
    let root = tree();
    let message = |tool: &str, place: &str, mark: &str, word: &str| {
        format!(
            "{tool}: ERROR: {place}: ignoring bad line starting with a byte order mark ({mark}) and '{word}': \
             save the file without one\n"
        )
    };
    for (start, mark, word) in [
        (&b"\xef\xbb\xbfoptions a x=1"[..], "UTF-8", "options"),
        (b"\xef\xbb\xbf# comment", "UTF-8", "#"),
        (b"\xff\xfeo\0p\0", "UTF-16", "o"),
        (b"\xfe\xff", "UTF-16", ""),
    ] {
        root.file("etc/modprobe.d/x.conf", [start, b"\noptions a y=1\n"].concat());
        root.file("etc/depmod.d/x.conf", [start, b"\nexclude i.ko\n"].concat());
        let config = modprobe(&root).arg("-c");
        let run = Run::new("depmod").args(["-n", RELEASE]).inside(&root);
        for (side, (first, second)) in each(|side| (plain_messages(side, config.on(side)), run.on(side))) {
            // The rest of the file counts.
            assert!(first.stdout_text().starts_with("options a y=1\n"), "{side:?} {first:?}");
            assert!(!second.stdout_text().contains("kernel/i.ko:"), "{side:?} {second:?}");
            if side == Side::Ours {
                let expected = message("modprobe", "/etc/modprobe.d/x.conf line 1", mark, word);
                assert_eq!(first.stderr_text(), expected);
                assert_eq!(second.stderr_text(), message("depmod", "/etc/depmod.d/x.conf:1", mark, word));
            } else {
                let seen = start.split(|byte| b" \0".contains(byte)).next().unwrap();
                let quoted = [b"'", seen, b"'"].concat();
                assert!(first.stderr.windows(quoted.len()).any(|part| part == quoted), "{first:?}");
            }
        }
    }
}

/// Our own lists.
#[test]
fn lists_of_ours() {
    let root = tree();
    root.file("list", "\u{feff}# comment\r\na\r\n\r\nf\r\n");
    let answer = modprobe(&root).args(["--load-list", "/list", "-D"]).on(Side::Ours);
    let line = |name: &str| format!("insmod /lib/modules/{RELEASE}/kernel/{name}.ko \n");
    assert_eq!(answer.triple(), (0, line("a") + &line("f"), String::new()));
}

/// The words after `--` are for init.
#[test]
fn the_end_of_the_kernels_command_line() {
    let root = Root::new();
    root.dir(root.in_modules(""));
    for (line, ours, theirs) in [
        ("a.x=1 -- a.y=2", "options a x=1\n", "options a x=1\noptions a y=2\n"),
        ("a.x=1 --\tmodprobe.blacklist=b", "options a x=1\n", "blacklist b\noptions a x=1\n"),
        ("-- a.y=2", "", "options a y=2\n"),
        ("a.x=1 \"--\" a.y=2", "options a x=1\n", "options a x=1\noptions a y=2\n"),
    ] {
        root.file("proc/cmdline", line);
        let config = |side| config_of(side, &modprobe(&root).arg("-c")).stdout_text();
        differs_because("Words for init", &ours.to_owned(), &theirs.to_owned(), config);
    }
    for line in ["a.x=1 --y a.y=2", "a.x=1 --=z a.y=2", "a.x=1 - a.y=2", "a.x=1 --- a.y=2", "a.x=1 a.y=2 --"]
    {
        root.file("proc/cmdline", line);
        let answer = same(|side| config_of(side, &modprobe(&root).arg("-c")));
        assert_eq!(answer.stdout_text(), "options a x=1\noptions a y=2\n", "{line}");
    }
}

/// A file without a symbol of the kernel, as Debian installs one in place of System.map, and an object.
#[test]
fn a_system_map_of_no_kernel() {
    let root = tree();
    let object = std::fs::read(root.path(root.in_modules("kernel/a.ko"))).unwrap();
    let stub = b"ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
    let plain = same(|side| Run::new("depmod").args(["-n", RELEASE]).inside(&root).on(side));
    for bytes in [&stub[..], b"", b"text\n\n", &object, &b"0\n".repeat(10_000)] {
        root.file("map", bytes);
        for (option, kind) in [("-F", "System.map"), ("-E", "Module.symvers")] {
            let run = Run::new("depmod").args(["-n", "-e", option, "/map", RELEASE]).inside(&root);
            let ours = run.on(Side::Ours);
            assert_eq!((ours.code, &ours.stdout), (0, &plain.stdout));
            let message =
                format!("depmod: WARNING: /map is not the {kind} of a kernel: symbols are not checked\n");
            assert_eq!(ours.stderr_text(), message, "{option}");
            let strict =
                Run::new("depmod").args(["--errexit", option, "/map", RELEASE]).inside(&root).on(Side::Ours);
            assert_eq!(strict.triple(), (1, String::new(), message));
        }
        if sides().contains(&Side::Theirs) {
            root.module("kernel/needy.ko", |m| m.need("printk").need("kfree"));
            let run = Run::new("depmod").args(["-n", "-e", "-F", "/map", RELEASE]).inside(&root);
            assert!(run.on(Side::Theirs).stderr_text().lines().count() > 1);
            std::fs::remove_file(root.path(root.in_modules("kernel/needy.ko"))).unwrap();
        }
    }
    // Bad lines of a System.map are reported one by one.
    root.file("map", "0 T __ksymtab_printk\r\nbad\n0 T\n");
    root.module("kernel/needy.ko", |m| m.need("printk").need("kfree"));
    let run = Run::new("depmod").args(["-n", "-e", "-F", "/map", RELEASE]).inside(&root);
    let stderr = run.on(Side::Ours).stderr_text();
    let unknown =
        format!("depmod: WARNING: /lib/modules/{RELEASE}/kernel/needy.ko needs unknown symbol kfree\n");
    assert!(stderr.contains("/map:2: invalid line: bad\n") && stderr.ends_with(&unknown), "{stderr}");
    assert_eq!(stderr.matches("unknown symbol").count(), 1, "{stderr}");
}
