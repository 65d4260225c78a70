//! `kmod firmware prune`: the image in each format, and as a copy.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use oxmod_test_support::{Compression, Root, Run, Side, compress};

use super::{MUCH, empty_tree, firmware, indexed, ok, tree};

#[test]
fn paths_in_an_image() {
    let root = tree();
    let places = "/lib/firmware/v/both.bin\n/lib/firmware/v/link.bin.xz\n/lib/firmware/v/packed.bin.zst\n\
        /lib/firmware/w\n/lib/firmware/x/real.bin.xz\n";
    assert_eq!(firmware(&root, &["prune", "packed"]), ok(places));
    assert_eq!(firmware(&root, &["prune", "packed", "-f", "null"]), ok(&places.replace('\n', "\0")));
    let sizes = "all: 12 files, 42 bytes\ntaken: 3 files, 11 bytes\nsaved: 9 files, 31 bytes\n";
    assert_eq!(firmware(&root, &["prune", "packed", "--summary"]), (0, places.into(), sizes.into()));
    assert_eq!(firmware(&root, &["prune"]).2, MUCH);
    let (code, out, err) = firmware(&root, &["prune", "--strict"]);
    let strict = "kmod: ERROR: could not find firmware nothing.bin for plain\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", strict));
}

#[test]
fn a_list_for_gen_init_cpio() {
    let root = tree();
    let list = "dir /lib 755 0 0\ndir /lib/firmware 755 0 0\ndir /lib/firmware/v 755 0 0\n\
        file /lib/firmware/v/both.bin @/lib/firmware/v/both.bin 444 0 0\n\
        slink /lib/firmware/v/link.bin.xz ../w/real.bin.xz 777 0 0\n\
        file /lib/firmware/v/packed.bin.zst @/lib/firmware/v/packed.bin.zst 444 0 0\n\
        slink /lib/firmware/w x 777 0 0\ndir /lib/firmware/x 755 0 0\n\
        file /lib/firmware/x/real.bin.xz @/lib/firmware/x/real.bin.xz 444 0 0\n";
    assert_eq!(firmware(&root, &["prune", "packed", "-f", "cpio"]), ok(list));
    // The lines of this format do not support quoting.
    root.module("kernel/blank.ko", |m| m.info("firmware", "a b.bin")).file("lib/firmware/a b.bin", "x");
    indexed(&root);
    let refused = "kmod: ERROR: could not describe the image: '/lib/firmware/a b.bin' cannot be written to a list for gen_init_cpio\n";
    assert_eq!(firmware(&root, &["prune", "blank", "-f", "cpio"]), (1, String::new(), refused.into()));
}

#[test]
fn prototext_for_monogons_builders() {
    let root = tree();
    let (code, out, err) = firmware(&root, &["prune", "packed", "-f", "fsspec"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let spec = super::fsspec(&out);
    let file = |path: &str| format!("file /lib/firmware/{path} @/lib/firmware/{path} 292");
    assert_eq!(
        spec,
        [
            file("v/both.bin"),
            file("v/packed.bin.zst"),
            file("x/real.bin.xz"),
            "link /lib/firmware/v/link.bin.xz ../w/real.bin.xz".into(),
            "link /lib/firmware/w x".into(),
        ]
    );
}

#[test]
fn modules_are_included_on_request() {
    let root = tree();
    let places = "/lib/firmware/plain.bin\n/lib/modules/6.1.0-test/kernel/plain.ko\n\
        /lib/modules/6.1.0-test/modules.builtin\n/lib/modules/6.1.0-test/modules.builtin.modinfo\n\
        /lib/modules/6.1.0-test/modules.order\n";
    assert_eq!(firmware(&root, &["prune", "--modules", "plain"]), (0, places.into(), MUCH.into()));
    // depmod can process the copied tree.
    let to = root.path("image").display().to_string();
    assert_eq!(
        firmware(&root, &["prune", "--modules", "plain", "--copy-to", &to]),
        (0, String::new(), MUCH.into())
    );
    let run = oxmod_test_support::Run::new("depmod").args(["-b", &to, root.release()]);
    assert_eq!(run.on(oxmod_test_support::Side::Ours).triple(), ok(""));
    let text = fs::read_to_string(format!("{to}/lib/modules/{}/modules.dep", root.release())).unwrap();
    assert_eq!(text, "kernel/plain.ko:\n");
}

/// The path of a module in a list written by another program may be invalid.
#[test]
fn a_module_outside_of_the_module_directory() {
    let root = tree();
    root.module("../elsewhere.ko", |m| m);
    root.file(root.in_modules("modules.dep"), "../elsewhere.ko:\n")
        .file(root.in_modules("modules.dep.bin"), "");
    let (code, out, err) = firmware(&root, &["prune", "--modules", "elsewhere"]);
    assert_eq!((code, out.as_str()), (1, ""));
    let text = "elsewhere.ko: path contains '..'\n";
    assert!(err.contains("kmod: ERROR: could not read @/lib/modules/") && err.ends_with(text), "{err}");
}

/// Builds a tree whose files are really compressed.
pub(crate) fn packed() -> Root {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| {
        ["d/one.bin", "two.bin", "three.bin"].into_iter().fold(m, |m, name| m.info("firmware", name))
    });
    indexed(&root);
    root.file("lib/firmware/e/one.bin.xz", compress(b"one", Compression::Xz)).link("lib/firmware/d", "e");
    root.file("lib/firmware/real.bin.zst", compress(b"two", Compression::Zstd));
    root.link("lib/firmware/two.bin.zst", "./real.bin.zst").file("lib/firmware/three.bin", "three");
    root
}

fn read(root: &Root, path: &str) -> Vec<u8> {
    fs::read(root.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn copies_with_and_without_compression() {
    let root = packed();
    let to = root.path("image").display().to_string();
    assert_eq!(firmware(&root, &["prune", "--copy-to", &to]), ok(""));
    for path in ["d/one.bin.xz", "two.bin.zst", "three.bin"] {
        assert_eq!(
            read(&root, &format!("image/lib/firmware/{path}")),
            read(&root, &format!("lib/firmware/{path}"))
        );
    }
    let link = |path: &str| fs::read_link(root.path(path)).unwrap().display().to_string();
    assert_eq!(link("image/lib/firmware/two.bin.zst"), "./real.bin.zst");
    assert_eq!(link("image/lib/firmware/d"), "e");
    let mode = fs::metadata(root.path("image/lib/firmware/three.bin")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    let plain = root.path("plain").display().to_string();
    assert_eq!(firmware(&root, &["prune", "--compress", "none", "--copy-to", &plain]), ok(""));
    for (path, contents) in
        [("d/one.bin", "one"), ("two.bin", "two"), ("three.bin", "three"), ("real.bin", "two")]
    {
        assert_eq!(read(&root, &format!("plain/lib/firmware/{path}")), contents.as_bytes(), "{path}");
    }
    assert_eq!(link("plain/lib/firmware/two.bin"), "./real.bin");
    assert_eq!(root.snapshot("plain").len(), 3);
    // A second run replaces existing files.
    assert_eq!(firmware(&root, &["prune", "--compress", "none", "--copy-to", &plain]), ok(""));
    root.file("lib/firmware/three.bin.xz", "three");
    fs::remove_file(root.path("lib/firmware/three.bin")).unwrap();
    let damaged =
        "kmod: ERROR: could not copy @/lib/firmware/three.bin.xz: not compressed, despite its suffix\n";
    let answer = firmware(&root, &["prune", "--compress", "none", "--copy-to", &plain]);
    assert_eq!(answer, (1, String::new(), damaged.into()));
}

/// Only decompressed files are renamed; links to them are adjusted.
#[test]
fn names_of_decompressed_files() {
    let root = empty_tree();
    root.module("kernel/a.ko.gz", |m| {
        let names = ["l.bin", "x.bin", "m.bin", "d/z.bin", "dlink.xz/w.bin"];
        names.into_iter().fold(m, |m, name| m.info("firmware", name))
    });
    indexed(&root);
    for (name, text) in [("y", "y"), ("real/z", "z"), ("dreal/w", "w")] {
        root.file(format!("lib/firmware/{name}.bin.xz"), compress(text.as_bytes(), Compression::Xz));
    }
    root.link("lib/firmware/l.bin", "y.bin.xz").link("lib/firmware/m.bin.xz", "d/../y.bin.xz");
    root.link("lib/firmware/d", "real")
        .link("lib/firmware/dlink.xz", "dreal")
        .file("lib/firmware/x.bin", "plain");
    let to = root.path("image").display().to_string();
    let args = ["prune", "--modules", "--compress=none", "--copy-to", &to];
    let (code, out, err) = firmware(&root, &[&args[..], &["-f", "fsspec"]].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for (name, text) in [("l", "y"), ("m", "y"), ("x", "plain"), ("d/z", "z"), ("dlink.xz/w", "w")] {
        assert_eq!(read(&root, &format!("image/lib/firmware/{name}.bin")), text.as_bytes(), "{name}");
    }
    let module = format!("/lib/modules/{}/kernel/a.ko", root.release());
    assert!(read(&root, &format!("image{module}")).starts_with(b"\x7fELF"));
    // The description refers to the files that were written.
    let spec = super::fsspec(&out);
    for line in [
        "file /lib/firmware/y.bin @/image/lib/firmware/y.bin 292".to_owned(),
        "file /lib/firmware/x.bin @/lib/firmware/x.bin 292".into(),
        format!("file {module} @/image{module} 365"),
        "link /lib/firmware/l.bin y.bin".into(),
    ] {
        assert!(spec.contains(&line), "{line}\n{spec:#?}");
    }
    // If two files have the same name, the uncompressed one is used, or the command fails.
    root.file("lib/firmware/x.bin.xz", compress(b"other", Compression::Xz));
    fs::remove_file(root.path("lib/firmware/l.bin")).unwrap();
    root.link("lib/firmware/l.bin", "x.bin.xz");
    let text = "firmware name /lib/firmware/x.bin is ambiguous: @/lib/firmware/x.bin, but also @/lib/firmware/x.bin.xz\n";
    let expected = (1, String::new(), format!("kmod: ERROR: {text}"));
    assert_eq!(firmware(&root, &[&args[..], &["--ambiguous=error"]].concat()), expected);
    assert_eq!(firmware(&root, &args), (0, String::new(), format!("kmod: WARNING: {text}")));
    assert_eq!(read(&root, "image/lib/firmware/x.bin"), b"plain");
}

#[test]
fn nothing_is_written_outside_of_the_image() {
    let root = packed();
    let to = root.path("image").display().to_string();
    root.dir("outside").link("image/lib", "../outside");
    let (code, out, err) = firmware(&root, &["prune", "--copy-to", &to]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "kmod: ERROR: could not copy @/image/lib: dangling symbolic link in @/image\n");
    assert!(root.snapshot("outside").is_empty());
    // A file in place of a directory, and a directory in place of a file.
    for (in_the_way, what, why) in [
        ("two/lib/firmware", "", "Not a directory"),
        ("three/lib/firmware/three.bin/x", "/three.bin", "Is a directory"),
    ] {
        root.file(in_the_way, "x");
        let top = in_the_way.split('/').next().unwrap_or_default();
        let to = root.path(top).display().to_string();
        let expected = format!("kmod: ERROR: could not copy @/{top}/lib/firmware{what}: {why}\n");
        assert_eq!(firmware(&root, &["prune", "--copy-to", &to]), (1, String::new(), expected));
        assert_eq!(read(&root, in_the_way), b"x");
    }
}

/// If /lib is a link in the destination, as in most images, it is resolved relative to the destination.
#[test]
fn links_of_the_destination_are_followed() {
    let root = packed();
    for (top, target) in [("relative", "usr/lib"), ("absolute", "/usr/lib")] {
        root.dir(format!("{top}/usr/lib")).link(format!("{top}/lib"), target);
        let to = root.path(top).display().to_string();
        let args = ["prune", "--compress=none", "--copy-to", &to, "-f", "fsspec"];
        let (code, out, err) = firmware(&root, &args);
        assert_eq!((code, err.as_str()), (0, ""));
        assert_eq!(read(&root, &format!("{top}/usr/lib/firmware/d/one.bin")), b"one");
        // The path in the description does not depend on the link.
        let line = format!("file /lib/firmware/e/one.bin @/{top}/usr/lib/firmware/e/one.bin 292");
        assert!(super::fsspec(&out).contains(&line), "{out}");
    }
}

/// One run has been killed, another one is limited in file size: no partial file has the name of a firmware file,
/// and after a completed run no temporary file remains.
#[test]
fn interrupted_runs() {
    let root = packed();
    root.file("lib/firmware/three.bin", vec![b'x'; 300 << 10]);
    root.file("image/lib/firmware/.oxmod-new-77-0", "half")
        .file("image/lib/firmware/e/.oxmod-new-77-0", "half");
    let to = root.path("image").display().to_string();
    let script = format!(
        "ulimit -f 100; exec {} firmware prune -b {} -k {} --copy-to {to}",
        oxmod_test_support::ours().display(),
        root.path("").display(),
        root.release()
    );
    let output = Command::new("sh").args(["-c", &script]).env("LC_ALL", "C").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        err.ends_with("/image/lib/firmware/three.bin: File too large\n") && err.lines().count() == 1,
        "{err}"
    );
    let left = root.snapshot("image");
    assert!(
        !format!("{left:?}").contains("oxmod-new") && !root.path("image/lib/firmware/three.bin").exists()
    );
    assert_eq!(firmware(&root, &["prune", "--copy-to", &to]), ok(""));
    assert_eq!(read(&root, "image/lib/firmware/three.bin").len(), 300 << 10);
}

/// Files in two directories for the same path: it is unknown which is meant.
#[test]
fn two_files_for_one_path() {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| m.info("firmware", "one/f").info("firmware", "two/f"));
    indexed(&root);
    root.file("a/one/f", "1").link("b/two", "one").file("b/one/f", "2");
    let dirs = ["a", "b"].map(|dir| root.path(dir).display().to_string());
    let prune = |more: &[&str]| {
        let args = ["prune", "--firmware-dir", &dirs[0], "--firmware-dir", &dirs[1]];
        firmware(&root, &[&args[..], more].concat())
    };
    let places = "/lib/firmware/one/f\n/lib/firmware/two\n";
    let text = "firmware name /lib/firmware/one/f is ambiguous: @/a/one/f, but also @/b/one/f\n";
    assert_eq!(prune(&[]), (0, places.into(), format!("kmod: WARNING: {text}")));
    assert_eq!(prune(&["--ambiguous=first"]), ok(places));
    assert_eq!(prune(&["--ambiguous=error"]), (1, String::new(), format!("kmod: ERROR: {text}")));
}

/// A full disk results in one message, and no partial file remains.
#[test]
fn a_full_disk() {
    let root = packed();
    // A file system that is too small for the second file.
    root.file("lib/firmware/three.bin", vec![b'x'; 3 << 20]).dir("small");
    let script = format!(
        "mount -t tmpfs -o size=1m none /small && kmod firmware prune -k {} --copy-to /small; \
         code=$?; find /small -type f -printf '%P %s\\n' | sort; exit $code",
        root.release()
    );
    let (code, out, err) = Run::shell(&script).inside(&root).on(Side::Ours).triple();
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.ends_with("three.bin: No space left on device\n") && err.lines().count() == 1, "{err}");
    assert!(!out.contains("oxmod-new") && !out.contains("three.bin"), "{out}");
    assert!(out.contains("lib/firmware/real.bin.zst"), "{out}");
}
