//! Defects that other implementations have with this file, one test each: dependency lists that are not split,
//! unknown dependencies that become the first module, name normalization, patterns with character sets, built-in
//! modules that no device finds, two files with the same name, patterns that take exponential time. The manager's
//! tests cover defects in loading.

use oxmod_test_support::{RELEASE, Root, Run, Side};

use super::{decoded, meta, modules_in};

/// Builds a tree with the lists that depmod expects.
fn listed() -> Root {
    let root = Root::new();
    for (list, text) in [
        ("modules.order", ""),
        ("modules.builtin", "kernel/in-it.ko\n"),
        ("modules.builtin.modinfo", "in_it.alias=of:N*Tfirst\0"),
    ] {
        root.file(root.in_modules(list), text);
    }
    root
}

/// Builds meta.pb and returns a module's path and dependencies from it, as decoded by an independent reader.
fn built(root: &Root, name: &str) -> (String, Vec<String>) {
    assert_eq!(meta(root, &["build"]), (0, String::new(), String::new()));
    let file = root.path(root.in_modules("meta.pb"));
    modules_in(&decoded(&std::fs::read(file).unwrap())).remove(name).expect(name)
}

fn found(root: &Root, modalias: &str) -> String {
    meta(root, &["lookup", modalias]).1
}

#[test]
fn every_dependency_of_a_list_counts() {
    let root = listed();
    for name in ["a", "b", "c"] {
        root.module(&format!("kernel/{name}.ko"), |m| m.export(&format!("{name}_symbol"), 1));
    }
    root.module("kernel/top.ko", |m| {
        m.need("a_symbol").need("b_symbol").need("c_symbol").info("depends", "a,b,c")
    });
    assert_eq!(built(&root, "top").1, ["a", "b", "c"]);
}

#[test]
fn unknown_dependencies_are_left_out() {
    let root = listed();
    root.module("kernel/top.ko", |m| m.need("of_nobody").info("depends", "nobody"));
    assert_eq!(built(&root, "top").1, [""; 0]);
    let answer = Run::new("modprobe").args(["-S", RELEASE, "-D", "top"]).inside(&root).on(Side::Ours);
    assert_eq!(answer.stdout_text(), format!("insmod /lib/modules/{RELEASE}/kernel/top.ko \n"));
}

#[test]
fn names_are_normalized() {
    let root = listed();
    root.module("kernel/camellia-x86_64.ko", |m| m.export("camellia", 1));
    root.module("kernel/user.ko", |m| m.need("camellia").info("depends", "camellia-x86_64"));
    assert_eq!(built(&root, "user").1, ["camellia_x86_64"]);
    for name in ["camellia-x86_64", "camellia_x86_64", "camellia-x86-64"] {
        let answer = Run::new("modprobe").args(["-S", RELEASE, "-D", name]).inside(&root).on(Side::Ours);
        let expected = format!("insmod /lib/modules/{RELEASE}/kernel/camellia-x86_64.ko \n");
        assert_eq!(answer.triple(), (0, expected, String::new()), "{name}");
    }
}

#[test]
fn all_kinds_of_sets_are_supported() {
    let root = listed();
    root.module("kernel/some.ko", |m| {
        m.alias("one:[0-9A-E]x").alias("two:[bs]*").alias("three:[Dd]").alias("four:[!a-c]")
    });
    built(&root, "some");
    for device in ["one:0x", "one:9x", "one:Ex", "two:b", "two:sx", "three:D", "three:d", "four:d", "four:-"]
    {
        assert_eq!(found(&root, device), "some\n", "{device}");
    }
    for device in ["one:Fx", "one:ax", "two:a", "two:", "three:", "three:e", "four:b", "four:"] {
        assert_eq!(found(&root, device), "", "{device}");
    }
}

#[test]
fn built_in_modules_are_found_for_devices() {
    let root = listed();
    root.module("kernel/other.ko", |m| m.alias("of:N*Tsecond"));
    built(&root, "other");
    assert_eq!(found(&root, "of:NaTfirst"), "in_it\n");
}

#[test]
fn duplicate_names_are_resolved_as_by_depmod() {
    let root = listed();
    root.module("kernel/twice.ko", |m| m.alias("old:*"));
    root.module("updates/twice.ko", |m| m.alias("new:*"));
    assert_eq!(built(&root, "twice").0, "updates/twice.ko");
    assert_eq!((found(&root, "new:1"), found(&root, "old:1")), ("twice\n".to_owned(), String::new()));
}

/// Matching with backtracking for each star would practically never finish.
#[test]
fn many_stars_are_matched_quickly() {
    let root = listed();
    let hostile = "*a".repeat(40) + "b";
    root.module("kernel/hostile.ko", |m| m.alias(&hostile).alias("x:*"));
    built(&root, "hostile");
    assert_eq!(found(&root, &"a".repeat(4000)), "");
    assert_eq!(found(&root, &("a".repeat(4000) + "b")), "hostile\n");
}

/// meta.pb and indexes agree on names that are both built in and a file, and on names that are not modules.
#[test]
fn modules_that_are_built_in_and_have_a_file() {
    let root = listed();
    root.module("kernel/both.ko", |m| m.alias("of:Nboth"));
    root.file(root.in_modules("modules.builtin"), "kernel/both.ko\nkernel/silent.ko\n");
    root.file(
        root.in_modules("modules.builtin.modinfo"),
        b"both.alias=of:Nin\0part.license=GPL\0part.alias=of:Npart\0",
    );
    assert_eq!(built(&root, "both").0, "kernel/both.ko");
    assert_eq!(meta(&root, &["verify"]), (0, String::new(), String::new()));
    let insmod = format!("insmod /lib/modules/{RELEASE}/kernel/both.ko \n");
    for indexed in [false, true] {
        if indexed {
            assert_eq!(Run::new("depmod").arg(RELEASE).inside(&root).on(Side::Ours).code, 0);
        }
        for (name, expected) in [
            ("both", &*insmod),
            ("of:Nboth", &insmod),
            ("silent", "builtin silent\n"),
            ("of:Npart", "builtin part\n"),
            ("part", ""),
        ] {
            let answer = Run::new("modprobe").args(["-S", RELEASE, "-D", name]).inside(&root).on(Side::Ours);
            assert_eq!(answer.stdout_text(), expected, "{name}, indexed: {indexed}");
        }
    }
}

/// A single unusual file name must not prevent the file from being written.
#[test]
fn names_that_are_not_utf_8_are_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let root = listed();
    root.module("kernel/good.ko", |m| m.alias("x:*"));
    let good = root.path(root.in_modules("kernel/good.ko"));
    for odd in [&b"b\xff.ko"[..], b"a b.ko"] {
        std::fs::copy(&good, good.with_file_name(std::ffi::OsStr::from_bytes(odd))).unwrap();
    }
    let answer = Run::new("depmod").args(["--meta", RELEASE]).inside(&root).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
    for why in ["b\u{fffd}.ko: path is not valid UTF-8", "a b.ko: path contains a blank or a colon"] {
        assert!(answer.stderr_text().contains(&format!("meta.pb: leaving out kernel/{why}\n")), "{answer:?}");
    }
    assert_eq!(found(&root, "x:1"), "good\n");
}

#[test]
fn relative_paths_of_the_file() {
    let root = listed();
    root.module("kernel/good.ko", |m| m);
    let dir = root.path("lib/modules");
    let build = Run::new("kmod").args(["meta", "build", "-o", "meta.pb", "--dir", "."]).cwd(&dir);
    assert_eq!(build.on(Side::Ours).code, 0);
    for file in ["meta.pb", "./meta.pb", "../modules/meta.pb", dir.join("meta.pb").to_str().unwrap()] {
        let run = Run::new("modprobe")
            .args(["--meta", file, "-S", RELEASE, "-D", "good", "-d"])
            .arg(root.path(""))
            .cwd(&dir);
        let answer = run.on(Side::Ours).stdout_text();
        assert!(answer.ends_with(&format!("/lib/modules/{RELEASE}/kernel/good.ko \n")), "{file}: {answer}");
    }
}
