//! Ambiguous names: which meaning is used, and what is reported.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use oxmod_test_support::Root;

use super::fwprune::{fwprune, input, spec};
use super::{empty_tree, firmware, indexed, ok};

/// The kernel uses the directory, whatever WHENCE contains.
#[test]
fn directories_take_precedence_over_whence() {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| m.info("firmware", "d/x.bin"));
    indexed(&root);
    root.file("lib/firmware/d/x.bin", "d").file("lib/firmware/e/x.bin", "e").file("WHENCE", "Link: d -> e\n");
    let whence = root.path("WHENCE").display().to_string();
    assert_eq!(firmware(&root, &["list", "--whence", &whence]), ok("@/lib/firmware/d/x.bin\n"));
    let root = asking(&["wd/x.bin"], "f/wd/x.bin\nf/we/x.bin\n", "Link: wd -> we\n");
    assert_eq!(fwprune(&root, &[]), ok(""));
    assert_eq!(firmware_of(&root), ["file /lib/firmware/wd/x.bin f/wd/x.bin 292"]);
}

/// Builds a tree for fwprune with one module that requests these names.
fn asking(names: &[&str], list: &str, whence: &str) -> Root {
    let root = input();
    fs::remove_dir_all(root.path(root.in_modules("kernel"))).unwrap();
    root.module("kernel/a.ko", |m| names.iter().fold(m, |m, name| m.info("firmware", name)));
    root.file("in/list", list).file("in/WHENCE", whence);
    root
}

fn firmware_of(root: &Root) -> Vec<String> {
    spec(root).into_iter().filter(|line| line.contains(" /lib/firmware/")).collect()
}

/// A path that ends in the name is only a guess; a link in WHENCE is certain.
#[test]
fn whence_takes_precedence_over_an_ending() {
    let list = "/f/LICENSE\n/f/fw/real.bin\n/f/fw/sub/link.bin\n";
    let root = asking(&["link.bin"], list, "Link: link.bin -> real.bin\n");
    assert_eq!(fwprune(&root, &[]), ok(""));
    let linked = ["file /lib/firmware/real.bin /f/fw/real.bin 292", "link /lib/firmware/link.bin real.bin"];
    assert_eq!(firmware_of(&root), linked);
    // The link takes precedence even if its target is compressed and would be tried later.
    root.file("in/list", list.replace("real.bin", "real.bin.xz"));
    assert_eq!(fwprune(&root, &[]), ok(""));
    assert_eq!(
        firmware_of(&root),
        linked.map(|line| line
            .replace(".bin ", ".bin.xz ")
            .replace("k.bin r", "k.bin.xz r")
            .replace("k.bin.xz real.bin", "k.bin.xz real.bin.xz"))
    );
    // A link without a target is ignored.
    root.file("in/list", list).file("in/WHENCE", "Link: link.bin -> gone.bin\n");
    assert_eq!(fwprune(&root, &[]), ok(""));
    assert_eq!(firmware_of(&root), ["file /lib/firmware/link.bin /f/fw/sub/link.bin 292"]);
}

#[test]
fn an_ending_of_a_file_and_of_a_directory() {
    let root = asking(&["b/c"], "/f/a/b\n/f/x/b/c\n", "");
    assert_eq!(fwprune(&root, &[]), ok(""));
    assert_eq!(firmware_of(&root), ["file /lib/firmware/b/c /f/x/b/c 292"]);
    // If both are requested, they cannot both be in the image.
    let root = asking(&["b", "b/c"], "/f/a/b\n/f/x/b/c\n", "");
    let text = "firmware name /lib/firmware/b is ambiguous: /f/a/b, but also /f/x/b/c\n";
    let (code, _, err) = fwprune(&root, &["-ambiguous=error"]);
    assert_eq!((code, err), (1, format!("kmod: ERROR: {text}")));
    let lost = "kmod: ERROR: could not add firmware b/c for a: another file has its place in the image\n";
    let (code, _, err) = fwprune(&root, &["-strict"]);
    assert_eq!((code, err), (1, format!("kmod: WARNING: {text}{lost}")));
}

/// A path in an image is either a file, a link or a directory.
#[test]
fn a_file_in_place_of_a_directory() {
    for (link, names, taken, other) in [
        (false, ["f", "f/z.bin"], "@/A/f", "@/B/f/z.bin"),
        // The first one in the order of the names is used.
        (false, ["g", "f/z.bin"], "@/B/f/z.bin", "@/A/f"),
        (true, ["f/y.bin", "f/z.bin"], "e", "@/B/f/z.bin"),
    ] {
        let root = empty_tree();
        root.module("kernel/a.ko", |m| names.iter().fold(m, |m, name| m.info("firmware", name)));
        indexed(&root);
        root.file("B/f/z.bin", "z").file("A/e/y.bin", "y");
        if link {
            root.link("A/f", "e");
        } else {
            root.file("A/f", "f").link("A/g", "f");
        }
        let dirs = ["A", "B"].map(|dir| root.path(dir).display().to_string());
        let to = root.path("image").display().to_string();
        let prune = |more: &[&str]| {
            let args = ["prune", "--firmware-dir", &dirs[0], "--firmware-dir", &dirs[1], "--copy-to", &to];
            firmware(&root, &[&args[..], more].concat())
        };
        let text = format!("firmware name /lib/firmware/f is ambiguous: {taken}, but also {other}\n");
        let error = (1, String::new(), format!("kmod: ERROR: {text}"));
        assert_eq!(prune(&["--ambiguous=error"]), error, "{names:?}");
        assert!(!root.path("image").exists());
        assert_eq!(prune(&[]), (0, String::new(), format!("kmod: WARNING: {text}")), "{names:?}");
        // A file that cannot be placed counts as missing.
        let (code, _, err) = prune(&["--strict", "--ambiguous=first"]);
        let lost = if taken == "@/B/f/z.bin" { names[0] } else { "f/z.bin" };
        let lost = format!(
            "kmod: ERROR: could not add firmware {lost} for a: another file has its place in the image\n"
        );
        assert_eq!((code, err), (1, lost), "{names:?}");
    }
}

/// Each of the two lists takes almost a minute if each line is compared with every other line.
#[test]
fn long_lists_take_linear_time() {
    let root = asking(&["7/x.bin", "a"], "", "");
    let (mut list, mut whence) = (String::new(), String::new());
    for number in 0..120_000 {
        writeln!(list, "/f/{number}/x.bin").unwrap();
        writeln!(whence, "Link: a -> t{number}").unwrap();
    }
    root.file("in/list", list).file("in/WHENCE", whence);
    let start = Instant::now();
    let (code, _, err) = fwprune(&root, &["-ambiguous=first"]);
    assert_eq!((code, err.as_str()), (0, "kmod: WARNING: could not find firmware a for a\n"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // A line that is too long for a path is rejected without being split.
    root.file("in/list", format!("/f/x\n{}\n", "/a".repeat(2048)));
    let long = "kmod: ERROR: could not read @/in/list: line 2: path too long\n";
    assert_eq!(fwprune(&root, &[]), (1, String::new(), long.into()));
}

/// Neither output is written if one of them cannot be written, or if both are the same file.
#[test]
fn both_outputs_are_written_or_none() {
    let root = input();
    root.dir("out");
    let path = |path: &str| root.path(path).display().to_string();
    for (fsspec, reason) in [
        (path("out/../meta.pb"), "@/out/../meta.pb: another output has the same path"),
        (path("out"), "@/out: not a regular file"),
        ("/nosuch/x".into(), "/nosuch/x: No such file or directory"),
    ] {
        let expected = (1, String::new(), format!("kmod: ERROR: could not write {reason}\n"));
        assert_eq!(fwprune(&root, &["-out-fsspec", &fsspec]), expected);
        assert!(!root.path("meta.pb").exists(), "{fsspec}");
    }
}

/// The message contains the name in the directory, not one that was only tried.
#[test]
fn messages_contain_the_name_of_the_link() {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| m.info("firmware", "up.bin"));
    indexed(&root);
    root.file("lib/firmware/x", "x").file("WHENCE", "Link: up.bin -> ../up\n");
    let whence = root.path("WHENCE").display().to_string();
    let text =
        "kmod: WARNING: could not use firmware up.bin for a: up.bin leads out of the firmware directory\n";
    assert_eq!(firmware(&root, &["list", "--whence", &whence]), (0, String::new(), text.into()));
}
