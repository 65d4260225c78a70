//! Selecting the modules that `kmod firmware` considers.

use oxmod_test_support::{Root, Run, Side};

use super::{empty_tree, firmware, indexed, ok, tree};

/// Builds modules that each request a firmware file with the module's own name.
fn modules() -> Root {
    let root = empty_tree();
    let asks = |name: &'static str| move |m: oxmod_test_support::Module| m.info("firmware", name);
    root.module("kernel/top-one.ko", |m| {
        asks("top")(m).need("mid_symbol").alias("usb:v7*").info("softdep", "pre: soft post: later-on")
    });
    root.module("kernel/mid.ko", |m| asks("mid")(m).need("base_symbol").export("mid_symbol", 1));
    root.module("kernel/base.ko", |m| asks("base")(m).export("base_symbol", 2).info("weakdep", "weak"));
    root.module("kernel/soft.ko", |m| asks("soft")(m).info("softdep", "pre: top-one"));
    root.module("kernel/later-on.ko", asks("later"));
    root.module("kernel/weak.ko", asks("weak"));
    root.module("kernel/alone.ko", |m| asks("alone")(m).alias("pci:v1*"));
    root.module("kernel/shunned.ko", |m| asks("shunned")(m).alias("pci:v1*"));
    for name in ["top", "mid", "base", "soft", "later", "weak", "alone", "shunned"] {
        root.file(format!("lib/firmware/{name}"), name);
    }
    indexed(&root);
    root
}

/// Returns the file names of the selected modules' firmware.
fn chosen(root: &Root, args: &[&str]) -> String {
    let (code, out, err) = firmware(root, &[&["list"], args].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out.lines().map(|line| line.rsplit('/').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[test]
fn names_aliases_patterns_and_files_of_them() {
    let root = modules();
    let whole = "base later mid soft top weak";
    assert_eq!(chosen(&root, &["top-one"]), whole);
    assert_eq!(chosen(&root, &["top_one"]), whole);
    assert_eq!(chosen(&root, &["usb:v7d1"]), whole);
    assert_eq!(chosen(&root, &["top-?ne"]), whole);
    assert_eq!(chosen(&root, &["mid"]), "base mid weak");
    assert_eq!(chosen(&root, &["*a[kl]*"]), "alone weak");
    assert_eq!(chosen(&root, &["weak", "alone"]), "alone weak");
    root.file("names", "# some\n\n weak\nal*ne\n");
    let file = format!("@{}", root.path("names").display());
    assert_eq!(chosen(&root, &[&file]), "alone weak");
    assert_eq!(chosen(&root, &[]), "alone base later mid shunned soft top weak");
}

#[test]
fn the_devices_of_a_machine() {
    let root = modules();
    root.dir("sys/devices");
    assert_eq!(chosen(&root, &["--for-devices"]), "");
    root.file("sys/devices/a/b/modalias", "pci:v1d2\n");
    assert_eq!(chosen(&root, &["--for-devices"]), "alone shunned");
    // A module that would not be loaded for a device is not needed for one, either.
    root.file("etc/modprobe.d/x.conf", "blacklist shunned\n");
    assert_eq!(chosen(&root, &["--for-devices"]), "alone");
    assert_eq!(chosen(&root, &["--for-devices", "shunned"]), "alone shunned");
    root.file("etc/modprobe.d/x.conf", "forbid shun*\n").file("sys/devices/a/modalias", "nobody:x\n");
    assert_eq!(chosen(&root, &["--for-devices"]), "alone");
}

#[test]
fn loaded_modules() {
    let root = modules();
    root.loaded("later_on", 1, 0, &[]).loaded("gone", 1, 0, &[]);
    let run = |args: &[&str]| {
        let run = Run::new("kmod").args(["firmware", "list", "-k", root.release()]).args(args);
        run.inside(&root).on(Side::Ours).triple()
    };
    assert_eq!(run(&["--loaded"]), ok("/lib/firmware/later\n"));
    assert_eq!(run(&["--loaded", "weak"]), ok("/lib/firmware/later\n/lib/firmware/weak\n"));
}

/// The results with and without depmod's cache are the same.
#[test]
fn with_and_without_the_cache() {
    let root = tree();
    let expected = firmware(&root, &["list"]);
    std::fs::remove_file(root.path(root.in_modules("modules.oxmod.bin"))).unwrap();
    assert_eq!(firmware(&root, &["list"]), expected);
}

/// Modules are found by their directory itself, or by a meta.pb, as they are by root and release.
#[test]
fn a_module_directory_and_a_meta() {
    let root = tree();
    let (dir, own) = (root.path(root.in_modules("")), root.path("own.pb"));
    let made = Run::new("kmod").args(["meta", "build", "--dir"]).arg(&dir).arg("-o").arg(&own);
    assert_eq!(made.on(Side::Ours).triple(), (0, String::new(), String::new()));
    let expected = firmware(&root, &["list", "packed"]);
    assert_eq!(firmware(&root, &["list", "packed", "--meta", own.to_str().unwrap()]), expected);
    let run = |options: &[&str]| {
        let run = Run::new("kmod").args(["firmware", "list", "packed", "-C", "/dev/null", "-b"]);
        run.arg(root.path("")).args(options).on(Side::Ours)
    };
    let by_dir = run(&["--dir", dir.to_str().unwrap()]);
    assert_eq!((by_dir.code, by_dir.stdout_text().lines().count()), (0, expected.1.lines().count()));
    assert_eq!(run(&["-k", "9.9"]).code, 1);
}
