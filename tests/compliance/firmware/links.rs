//! Links that lead out of the firmware directory: the kernel follows them, so `kmod firmware` must do so as well.

use std::fs;

use oxmod_test_support::Root;

use super::{empty_tree, firmware, indexed, ok};

/// Builds a tree with a module that requests these names.
fn asking(names: &[&str]) -> Root {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| names.iter().fold(m, |m, name| m.info("firmware", name)));
    indexed(&root);
    root
}

fn read(root: &Root, path: &str) -> String {
    fs::read_to_string(root.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn links_that_lead_out_of_the_directory() {
    let root = asking(&["out", "abs", "circle", "../secret", "far", "here", "dead", "pipe", "dir"]);
    root.file("lib/secret", "s").file("lib/firmware/real", "r").link("lib/firmware/out", "../secret");
    root.link("lib/firmware/abs", "/lib/firmware/real").link("lib/firmware/circle", "/lib/firmware/circle");
    root.link("lib/firmware/far", "d/../../lib/secret")
        .link("lib/firmware/d", ".")
        .link("lib/firmware/here", "d/real")
        .link("lib/firmware/dead", "/lib/nothing")
        .link("lib/firmware/pipe", "../pipe")
        .link("lib/firmware/dir", "../other");
    root.dir("lib/other");
    nix::unistd::mkfifo(&root.path("lib/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let list = "@/lib/firmware/abs\n@/lib/firmware/d\n@/lib/firmware/far\n@/lib/firmware/here\n@/lib/firmware/out\n\
        @/lib/firmware/real\n@/lib/secret\n";
    let much = "kmod: WARNING: could not find firmware for 3 names ('kmod firmware missing' lists them)\n";
    let lines = [
        "../secret for a: ../secret leads out of the firmware directory",
        "circle for a: circle leads through too many symbolic links",
    ];
    let warnings = lines.map(|line| format!("kmod: WARNING: could not use firmware {line}\n")).concat();
    assert_eq!(firmware(&root, &["list"]), (0, list.into(), warnings.clone() + much));
    // No link leads out of the base directory.
    fs::remove_file(root.path("lib/firmware/out")).unwrap();
    root.link("lib/firmware/out", "../../../../../../../../lib/secret");
    assert_eq!(firmware(&root, &["list"]), (0, list.into(), warnings + much));
}

/// A link through /etc/alternatives, as Debian has for regulatory.db.
#[test]
fn links_through_alternatives() {
    let root = asking(&["reg.db"]);
    root.link("lib/firmware/reg.db", "/etc/alternatives/reg.db")
        .link("etc/alternatives/reg.db", "/lib/firmware/reg.db-debian")
        .file("lib/firmware/reg.db-debian", "debian")
        .file("lib/firmware/reg.db-upstream", "upstream");
    let list = "@/etc/alternatives/reg.db\n@/lib/firmware/reg.db\n@/lib/firmware/reg.db-debian\n";
    assert_eq!(firmware(&root, &["list"]), ok(list));
    // The image has no alternatives.
    let to = root.path("image").display().to_string();
    assert_eq!(firmware(&root, &["prune"]), ok("/lib/firmware/reg.db\n/lib/firmware/reg.db-debian\n"));
    assert_eq!(firmware(&root, &["prune", "--copy-to", &to]), ok(""));
    assert_eq!(read(&root, "image/lib/firmware/reg.db"), "debian");
    let link = fs::read_link(root.path("image/lib/firmware/reg.db")).unwrap();
    assert_eq!(link.display().to_string(), "reg.db-debian");
    let asked = firmware(&root, &["owners", "reg.db*"]);
    let owners = "reg.db: a\n@/lib/firmware/reg.db-debian: a\n@/lib/firmware/reg.db-upstream: -\n";
    assert_eq!(asked, ok(&format!("@/lib/firmware/{owners}")));
    let json = firmware(&root, &["list", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.1).unwrap();
    let places = document["firmware"][0]["places"].as_array().unwrap();
    let targets: Vec<&str> = places.iter().filter_map(|place| place["target"].as_str()).collect();
    assert_eq!(targets, ["/etc/alternatives/reg.db", "/lib/firmware/reg.db-debian"], "as they are written");
}

/// As on NixOS: the directory itself, its subdirectories and the files in them are links to other directories.
#[test]
fn a_store_of_links() {
    let root = asking(&[
        "one.bin",
        "d/two.bin",
        "d/sub/three.bin",
        "d/back.bin",
        "d/up.bin",
        "d/g*.bin",
        "d/self/two.bin",
    ]);
    root.link("lib/firmware", "/run/system/firmware").link("run/system/firmware", "/store/all/fw");
    root.link("store/all/fw/one.bin.zst", "/store/one/fw/one.bin.zst")
        .link("store/all/fw/d", "/store/two/fw/d");
    root.file("store/one/fw/one.bin.zst", "1")
        .file("store/two/fw/d/two.bin", "2")
        .file("store/two/fw/top.bin", "top");
    root.link("store/two/fw/d/sub", "/store/three/fw").file("store/three/fw/three.bin", "3");
    root.link("store/two/fw/d/back.bin", "/lib/firmware/one.bin.zst")
        .link("store/two/fw/d/up.bin", "../top.bin");
    root.link("store/two/fw/d/self", "/store/two/fw/d")
        .file("store/two/fw/d/g1.bin", "g")
        .link("store/two/fw/d/g2.bin", "g1.bin");
    let places =
        "d/back.bin\nd/g1.bin\nd/g2.bin\nd/self\nd/sub/three.bin\nd/two.bin\nd/up.bin\none.bin.zst\n";
    let places: String = places.split_inclusive('\n').flat_map(|line| ["/lib/firmware/", line]).collect();
    assert_eq!(firmware(&root, &["prune", "--strict"]), ok(&places));
    let to = root.path("image").display().to_string();
    assert_eq!(firmware(&root, &["prune", "--copy-to", &to]), ok(""));
    for (name, text) in [
        ("one.bin.zst", "1"),
        ("d/two.bin", "2"),
        ("d/sub/three.bin", "3"),
        ("d/back.bin", "1"),
        ("d/up.bin", "top"),
        ("d/g1.bin", "g"),
        ("d/g2.bin", "g"),
        ("d/self/two.bin", "2"),
    ] {
        assert_eq!(read(&root, &format!("image/lib/firmware/{name}")), text, "{name}");
    }
    // The list contains each path that must exist for a program that opens the files by these names.
    let (code, out, err) = firmware(&root, &["list"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in
        ["store/all/fw/d", "store/two/fw/d/sub", "store/three/fw/three.bin", "store/one/fw/one.bin.zst"]
    {
        assert!(out.lines().any(|found| found == format!("@/{line}")), "{line}\n{out}");
        assert!(root.path(line).symlink_metadata().is_ok());
    }
    let owner = ok("@/store/all/fw/d/sub/three.bin: a\n");
    for asked in ["d/sub/three.bin", "/store/three/fw/three.bin", "/store/all/fw/d/sub/three.bin"] {
        assert_eq!(firmware(&root, &["owners", asked]), owner, "{asked}");
    }
    let sizes = "all: 5 files, 7 bytes\ntaken: 5 files, 7 bytes\nsaved: 0 files, 0 bytes\n";
    assert_eq!(firmware(&root, &["prune", "--summary"]).2, sizes);
}
