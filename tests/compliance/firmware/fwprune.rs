//! `kmod fwprune`: the flags and outputs of Monogon's tool of the same name, without its defects.

use std::fs;

use oxmod_test_support::{Root, Run, Side};

use super::fsspec;

/// Builds a tree with modules without indexes, a list of firmware files, and a WHENCE.
pub(super) fn input() -> Root {
    let root = Root::new();
    root.file("in/builtin.modinfo", b"in_it.alias=pci:v9*\0in_it.license=GPL\0");
    root.file(
        "in/list",
        "fw/plain.bin\nfw/v/packed.bin.xz\nfw/many/f1-a.bin\nfw/many/f2-b.bin\nfw/many/g.bin\nfw/real/x\n",
    );
    root.file(
        "in/WHENCE",
        "Link: l.bin -> plain.bin\nLink: \"v/old name.bin\" -> packed.bin\nLink: d -> real\n",
    );
    root.module("kernel/base-x.ko", |m| m.export("base", 1).info("firmware", "plain.bin"));
    root.module("kernel/sub/top.ko.xz", |m| {
        let m = m.need("base").alias("pci:v1d[0-9A-E]*").alias("usb:[bs]x").alias("acpi:[!D]d");
        ["v/packed.bin", "v/old name.bin", "many/f*.bin", "d/x", "l.bin"]
            .into_iter()
            .fold(m, |m, f| m.info("firmware", f))
    });
    root.module("kernel/snd-hda-y.ko.zst", |m| m.info("depends", "gone,base-x").need("base"));
    root
}

/// Runs the command on that tree, whose paths are printed as `@`.
pub(super) fn fwprune(root: &Root, args: &[&str]) -> (i32, String, String) {
    let path = |path: &str| root.path(path).display().to_string();
    let modules = path(&root.in_modules("").display().to_string());
    let run = Run::new("kmod")
        .args(["fwprune", "-modinfo", &path("in/builtin.modinfo")])
        .args(["-modules", &modules]);
    let run = run.arg(format!("-firmware-file-list={}", path("in/list")));
    let run =
        run.args(["--firmware-whence", &path("in/WHENCE")]).arg(format!("--out-meta={}", path("meta.pb")));
    let answer = run.args(["-out-fsspec", &path("out.prototxt")]).args(args).on(Side::Ours);
    let top = path("");
    let text = |text: String| text.replace(top.trim_end_matches('/'), "@");
    (answer.code, text(answer.stdout_text()), text(answer.stderr_text()))
}

pub(super) fn spec(root: &Root) -> Vec<String> {
    let text = fs::read_to_string(root.path("out.prototxt")).unwrap();
    let top = root.path("").display().to_string();
    fsspec(&text)
        .into_iter()
        .map(|line| line.replace(top.trim_end_matches('/'), "@").replace("//", "/"))
        .collect()
}

fn meta(root: &Root, args: &[&str]) -> String {
    let run = Run::new("kmod").arg("meta").args(args).arg("--meta").arg(root.path("meta.pb"));
    let answer = run.on(Side::Ours);
    assert_eq!((answer.code, answer.stderr_text()), (0, String::new()));
    answer.stdout_text()
}

#[test]
fn output_files() {
    let root = input();
    assert_eq!(fwprune(&root, &[]), (0, String::new(), String::new()));
    let module = |path: &str| format!("file /lib/modules/{path} @/lib/modules/6.1.0-test/{path} 365");
    let expected = [
        "file /lib/firmware/many/f1-a.bin fw/many/f1-a.bin 292".to_owned(),
        "file /lib/firmware/many/f2-b.bin fw/many/f2-b.bin 292".to_owned(),
        "file /lib/firmware/plain.bin fw/plain.bin 292".to_owned(),
        "file /lib/firmware/real/x fw/real/x 292".to_owned(),
        "file /lib/firmware/v/packed.bin.xz fw/v/packed.bin.xz 292".to_owned(),
        module("kernel/base-x.ko"),
        module("kernel/snd-hda-y.ko.zst"),
        module("kernel/sub/top.ko.xz"),
        "file /lib/modules/meta.pb @/meta.pb 292".to_owned(),
        "link /lib/firmware/d real".to_owned(),
        "link /lib/firmware/l.bin plain.bin".to_owned(),
        "link /lib/firmware/v/old name.bin.xz packed.bin.xz".to_owned(),
    ];
    assert_eq!(spec(&root), expected);
    // Dependencies are split and never invented, dashes become underscores, and all kinds of character sets are
    // supported.
    let shown = meta(&root, &["show"]);
    for line in [
        "in_it (built in)",
        "base_x kernel/base-x.ko",
        "top kernel/sub/top.ko.xz: base_x",
        "snd_hda_y kernel/snd-hda-y.ko.zst: base_x",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    for modalias in ["pci:v1dC", "pci:v1d7x", "usb:sx", "acpi:xd"] {
        assert_eq!(meta(&root, &["lookup", modalias]), "top\n", "{modalias}");
    }
    assert_eq!(meta(&root, &["lookup", "pci:v9"]), "in_it\n");
    // A second run produces the same files.
    let before = (fs::read(root.path("meta.pb")).unwrap(), spec(&root));
    assert_eq!(fwprune(&root, &[]).0, 0);
    assert!((fs::read(root.path("meta.pb")).unwrap(), spec(&root)) == before);
}

#[test]
fn other_files_are_skipped() {
    let root = input();
    root.file(root.in_modules("modules.dep"), "").file(root.in_modules("kernel/README"), "x");
    root.link(root.in_modules("kernel/dead"), "nothing").link(root.in_modules("kernel/round"), "../kernel");
    // A link to the kernel's build tree, whose files do not count as modules.
    root.file("src/odd.ko", "x").link(root.in_modules("build"), "../../../src");
    let lines = ["kernel/README", "kernel/dead", "kernel/round", "modules.dep"]
        .map(|path| format!("kmod: WARNING: ignoring @/lib/modules/6.1.0-test/{path}: not a module\n"));
    let (code, out, err) = fwprune(&root, &[]);
    assert_eq!((code, out, err.replace("test//", "test/")), (0, String::new(), lines.concat()));
    assert!(!spec(&root).iter().any(|line| line.contains("README")));
    // A file that should be a module but is not one would cause a failure later, so nothing is written.
    fs::remove_file(root.path("meta.pb")).unwrap();
    root.file(root.in_modules("kernel/broken.ko"), "not a module at all");
    let (code, _, err) = fwprune(&root, &[]);
    assert_eq!((code, err.lines().count()), (1, 5));
    assert!(
        err.lines()
            .last()
            .is_some_and(|line| line.contains("could not read ") && line.contains("broken.ko: ")),
        "{err}"
    );
    assert!(!root.path("meta.pb").exists());
}

#[test]
fn missing_firmware_is_a_warning_or_an_error() {
    let root = input();
    root.module("kernel/more.ko", |m| m.info("firmware", "gone.bin").info("firmware", "ha*x"));
    let missing = |level: &str| {
        format!(
            "kmod: {level}: could not find firmware gone.bin for more\nkmod: {level}: could not find firmware ha*x for more\n"
        )
    };
    assert_eq!(fwprune(&root, &[]), (0, String::new(), missing("WARNING")));
    fs::remove_file(root.path("out.prototxt")).unwrap();
    assert_eq!(fwprune(&root, &["-strict"]), (1, String::new(), missing("ERROR")));
    assert!(!root.path("out.prototxt").exists());
    root.file("allowed", "gone.bin\nha*x\n");
    let allowed = root.path("allowed").display().to_string();
    assert_eq!(fwprune(&root, &["--strict", "-allow-missing", &allowed]), (0, String::new(), String::new()));
}

/// The original uses the last matching line and prints nothing.
#[test]
fn names_that_several_paths_end_in() {
    let root = input();
    let list = fs::read_to_string(root.path("in/list")).unwrap();
    root.file("in/list", list.clone() + "fw/deep/er/plain.bin\n");
    assert_eq!(fwprune(&root, &[]), (0, String::new(), String::new()), "the one at the top is meant");
    assert!(spec(&root)[2].contains(" fw/plain.bin "));
    root.file(
        "in/list",
        list.replace("fw/plain.bin\n", "fw/deep/er/plain.bin\nfw/b/plain.bin\nfw/a/plain.bin\n"),
    );
    let text = "firmware name plain.bin is ambiguous: fw/b/plain.bin, but also fw/a/plain.bin, fw/deep/er/plain.bin\n";
    assert_eq!(fwprune(&root, &[]), (0, String::new(), format!("kmod: WARNING: {text}")));
    assert!(spec(&root).contains(&"file /lib/firmware/plain.bin fw/b/plain.bin 292".to_owned()));
    assert_eq!(fwprune(&root, &["--ambiguous", "error"]), (1, String::new(), format!("kmod: ERROR: {text}")));
    assert_eq!(fwprune(&root, &["-ambiguous=first"]), (0, String::new(), String::new()));
    // Two lines in WHENCE for the same link.
    root.file("in/list", list).file("in/WHENCE", "Link: l.bin -> plain.bin\nLink: l.bin -> real/x\n");
    let (code, _, err) = fwprune(&root, &["--ambiguous=error", "--allow-missing", "/dev/null"]);
    let text = "kmod: ERROR: link l.bin is ambiguous: it leads to plain.bin, but to real/x in WHENCE\n";
    assert!(code == 1 && err.ends_with(text), "{err}");
}

/// The listed paths need not be below one directory, nor below a directory named firmware.
#[test]
fn names_in_lists_of_any_paths() {
    let root = input();
    root.file("in/list", "/nix/a/plain.bin\nsrc/many/f1-a.bin\n\nother/v/packed.bin.zst\n./src/real/x\n");
    let (code, _, err) = fwprune(&root, &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let spec = spec(&root);
    for line in [
        "file /lib/firmware/plain.bin /nix/a/plain.bin 292",
        "file /lib/firmware/many/f1-a.bin src/many/f1-a.bin 292",
        "file /lib/firmware/v/packed.bin.zst other/v/packed.bin.zst 292",
        "file /lib/firmware/real/x ./src/real/x 292",
        "link /lib/firmware/v/old name.bin.zst packed.bin.zst",
    ] {
        assert!(spec.contains(&line.to_owned()), "{line}\n{spec:#?}");
    }
}

#[test]
fn invalid_flags() {
    let root = input();
    for (args, message) in [
        (
            &["-ambiguous", "x"][..],
            "kmod: ERROR: invalid value 'x' for --ambiguous (expected one of error, warn, first)\n",
        ),
        (&["-out-meta="], ""),
        (&["more"], "kmod: ERROR: unexpected operand 'more'\n"),
        (&["-modinfo", "/nosuch"], "kmod: ERROR: could not read /nosuch: No such file or directory\n"),
        (&["-modules", "/nosuch"], "kmod: ERROR: could not read /nosuch: No such file or directory\n"),
        (
            &["-firmware-file-list", "/nosuch"],
            "kmod: ERROR: could not read /nosuch: No such file or directory\n",
        ),
        (
            &["-firmware-whence", "/nosuch"],
            "kmod: ERROR: could not read /nosuch: No such file or directory\n",
        ),
        (
            &["-out-fsspec", "/nosuch/x"],
            "kmod: ERROR: could not write /nosuch/x: No such file or directory\n",
        ),
        (&["-bogus"], "fwprune: unrecognized option '--bogus'\n"),
        (&["-b"], "fwprune: invalid option -- 'b'\n"),
        (&["-allow-missing="], "kmod: ERROR: --allow-missing needs a value that is not empty\n"),
        (&["--bogus"], "fwprune: unrecognized option '--bogus'\n"),
        (&["-modinfo"], "fwprune: option '--modinfo' requires an argument\n"),
    ] {
        // An empty value has no effect: the value of the earlier flag remains.
        let code = i32::from(!message.is_empty());
        assert_eq!(fwprune(&root, args), (code, String::new(), message.into()), "{args:?}");
    }
    let alone = Run::new("kmod").args(["fwprune", "-modinfo", "-x"]).on(Side::Ours).triple();
    assert_eq!(alone, (1, String::new(), "kmod: ERROR: missing flag -modules\n".into()));
    root.file("in/builtin.modinfo", b"in_it.firmware=early.bin\0");
    let built_in = "kmod: ERROR: module in_it is built in and needs firmware early.bin, possibly before the firmware can be loaded\n";
    assert_eq!(fwprune(&root, &[]), (1, String::new(), built_in.into()));
}
