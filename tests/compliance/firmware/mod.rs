//! `kmod firmware` on small trees: which files are found, in which order, under which names, and what is reported
//! about the others. kmod has no counterpart.

mod choice;
mod conflict;
mod fwprune;
pub(crate) mod image;
mod links;
mod names;
mod real;

use oxmod_test_support::{Answer, Root, Run, Side};

/// Writes the indexes of a tree.
pub(crate) fn indexed(root: &Root) {
    let run = Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release());
    let answer = run.on(Side::Ours);
    assert_eq!((answer.code, answer.stderr_text()), (0, String::new()));
}

/// Builds a tree with the lists that depmod expects.
pub(crate) fn empty_tree() -> Root {
    let root = Root::new();
    root.file("etc/modprobe.d/empty.conf", "");
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo", "modules.oxmod.bin"] {
        root.file(root.in_modules(list), "");
    }
    root
}

/// Runs `kmod firmware` on a tree, whose paths are printed as `@`.
pub(crate) fn firmware(root: &Root, args: &[&str]) -> (i32, String, String) {
    let answer = run(root, args).on(Side::Ours);
    let top = root.path("").display().to_string();
    let text = |text: String| text.replace(top.trim_end_matches('/'), "@").replace("@//", "@/");
    (answer.code, text(answer.stdout_text()), text(answer.stderr_text()))
}

pub(crate) fn run(root: &Root, args: &[&str]) -> Run {
    let run = Run::new("kmod").arg("firmware").args(args).arg("-b").arg(root.path("").join(""));
    let run = run.args(["-k", root.release(), "-C"]).arg(root.path("etc/modprobe.d"));
    run.arg("--sysfs").arg(root.path("sys"))
}

fn ok(text: &str) -> (i32, String, String) {
    (0, text.into(), String::new())
}

/// Builds a tree in which names are found in every possible way.
pub(crate) fn tree() -> Root {
    let root = empty_tree();
    root.module("kernel/plain.ko", |m| m.info("firmware", "plain.bin").info("firmware", "nothing.bin"));
    root.module("kernel/packed.ko.xz", |m| {
        m.info("firmware", "v/packed.bin").info("firmware", "v/both.bin").info("firmware", "v/link.bin")
    });
    root.module("kernel/many.ko", |m| m.info("firmware", "many/f*-[ab].bin").info("firmware", "plain.bin"));
    root.file(root.in_modules("modules.builtin"), "kernel/built-in.ko\n");
    root.file(
        root.in_modules("modules.builtin.modinfo"),
        b"built_in.license=GPL\0built_in.firmware=reg.db\0",
    );
    root.file("lib/firmware/plain.bin", "plain")
        .file("lib/firmware/reg.db", "db")
        .file("lib/firmware/v/packed.bin.zst", "zst")
        .file("lib/firmware/v/packed.bin.xz", "xz")
        .file("lib/firmware/v/both.bin", "both")
        .file("lib/firmware/v/both.bin.zst", "both.zst")
        .link("lib/firmware/v/link.bin.xz", "../w/real.bin.xz")
        .link("lib/firmware/w", "x")
        .file("lib/firmware/x/real.bin.xz", "real")
        .file("lib/firmware/many/f1-a.bin", "1a")
        .file("lib/firmware/many/f2-b.bin.xz", "2b")
        .file("lib/firmware/many/f3-c.bin", "3c")
        .file("lib/firmware/many/.f4-a.bin", "4a")
        .file("lib/firmware/unused", "unused");
    indexed(&root);
    root
}

const MUCH: &str = "kmod: WARNING: could not find firmware for 1 name ('kmod firmware missing' lists them)\n";

#[test]
fn names_are_found_as_the_kernel_finds_them() {
    let root = tree();
    let list = "@/lib/firmware/many/f1-a.bin\n@/lib/firmware/many/f2-b.bin.xz\n@/lib/firmware/plain.bin\n\
        @/lib/firmware/reg.db\n@/lib/firmware/v/both.bin\n@/lib/firmware/v/link.bin.xz\n\
        @/lib/firmware/v/packed.bin.zst\n@/lib/firmware/w\n@/lib/firmware/x/real.bin.xz\n";
    assert_eq!(firmware(&root, &["list"]), (0, list.into(), MUCH.into()));
    assert_eq!(firmware(&root, &["list", "-f", "null", "built-in"]), ok("@/lib/firmware/reg.db\0"));
    let named = "kmod: NOTICE: could not find firmware nothing.bin for plain\n";
    let plain = "@/lib/firmware/plain.bin\n";
    assert_eq!(firmware(&root, &["list", "-v", "plain"]), (0, plain.into(), named.into()));
}

/// The order of the kernel's search: all directories with one suffix, then all directories with the next suffix.
#[test]
fn the_directories_of_the_search() {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| m.info("firmware", "f").info("firmware", "g"));
    indexed(&root);
    let release = root.release().to_owned();
    let places =
        ["", &release, "updates", &format!("updates/{release}")].map(|place| format!("lib/firmware/{place}"));
    for (at, place) in places.iter().enumerate() {
        root.file(format!("{place}/f"), "f");
        root.file(format!("{place}/g.xz"), "g");
        let place = place.trim_end_matches('/');
        let expected = format!("@/{place}/f\n@/{place}/g.xz\n");
        assert_eq!(firmware(&root, &["list"]), ok(&expected), "{at}");
    }
    // An earlier suffix takes precedence over an earlier directory.
    root.file("lib/firmware/g.zst", "g");
    assert!(firmware(&root, &["list"]).1.contains("@/lib/firmware/g.zst\n"));
    root.file("lib/firmware/g", "g");
    assert!(firmware(&root, &["list"]).1.contains("@/lib/firmware/g\n"));
    // Directories given on the command line replace all the default ones, and are searched in their order.
    let (one, other) = (root.path("one").display().to_string(), root.path("other").display().to_string());
    root.file("other/f", "f").file("one/g.zst", "g").file("other/g.xz", "g");
    let dirs = ["list", "--firmware-dir", &one, "--firmware-dir", &other];
    assert_eq!(firmware(&root, &dirs), ok("@/one/g.zst\n@/other/f\n"));
    let missing = format!("kmod: ERROR: could not read {one}/x: No such file or directory\n");
    let answer = run(&root, &["list", "--firmware-dir", &format!("{one}/x")]).on(Side::Ours);
    assert_eq!(answer.triple(), (1, String::new(), missing));
}

/// The directory in the kernel's path parameter is searched first, but only on the running system.
#[test]
fn the_parameter_of_the_running_kernel() {
    let root = Root::for_release(&oxmod_test_support::running_release());
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), "");
    }
    root.module("kernel/a.ko", |m| m.info("firmware", "f"));
    indexed(&root);
    root.file("lib/firmware/f", "f").file("run/fw/f", "f");
    let list = |args: &[&str]| {
        Run::new("kmod").args(["firmware", "list"]).args(args).inside(&root).on(Side::Ours).triple()
    };
    assert_eq!(list(&[]), ok("/lib/firmware/f\n"));
    for (text, path) in
        [("/run/fw\n", "/run/fw/f\n"), ("\n", "/lib/firmware/f\n"), ("/no", "/lib/firmware/f\n")]
    {
        root.file("sys/module/firmware_class/parameters/path", text);
        assert_eq!(list(&[]), ok(path), "{text:?}");
        assert_eq!(list(&["-k", root.release()]), ok("/lib/firmware/f\n"));
    }
}

#[test]
fn links_from_whence() {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| {
        m.info("firmware", "old name.bin").info("firmware", "dir/x.bin").info("firmware", "there.bin")
    });
    indexed(&root);
    root.file("lib/firmware/new.bin.xz", "new").file("lib/firmware/real/x.bin", "x");
    root.link("lib/firmware/there.bin", "new.bin.xz");
    root.file(
        "WHENCE",
        "Driver: drv -- text\nFile: real/x.bin\nLink: \"old name.bin\" -> new.bin\nLink: dir -> real\n\
         Link: broken\n----\nDriver: other\nLink: there.bin -> old\\ name.bin\n",
    );
    let whence = root.path("WHENCE").display().to_string();
    let bad = "kmod: WARNING: @/WHENCE line 5: ignoring malformed line\n";
    let ambiguous = "link there.bin is ambiguous: it leads to new.bin.xz, but to old name.bin in WHENCE\n";
    let list = "@/lib/firmware/dir\n@/lib/firmware/new.bin.xz\n@/lib/firmware/old name.bin.xz\n\
        @/lib/firmware/real/x.bin\n@/lib/firmware/there.bin\n";
    let answer = firmware(&root, &["list", "--whence", &whence]);
    assert_eq!(answer, (0, list.into(), format!("{bad}kmod: WARNING: {ambiguous}")));
    let first = firmware(&root, &["list", "--whence", &whence, "--ambiguous", "first"]);
    assert_eq!(first, (0, list.into(), bad.into()));
    let error = firmware(&root, &["list", "--whence", &whence, "--ambiguous", "error"]);
    assert_eq!(error, (1, String::new(), format!("{bad}kmod: ERROR: {ambiguous}")));
    let owners =
        firmware(&root, &["owners", "--ambiguous=first", "--whence", &whence, "real/*", "new.bin.xz"]);
    let text = "@/lib/firmware/new.bin.xz: a [-]\n@/lib/firmware/real/x.bin: a [drv]\n";
    assert_eq!(owners, (0, text.into(), bad.into()));
}

#[test]
fn missing_firmware_is_listed_with_devices() {
    let root = empty_tree();
    root.module("kernel/used.ko", |m| m.alias("pci:v1*").need("dep_symbol"));
    root.module("kernel/dep.ko", |m| m.export("dep_symbol", 1).info("firmware", "needed.bin"));
    root.module("kernel/other.ko", |m| m.info("firmware", "other.bin").info("firmware", "pat*"));
    root.file(root.in_modules("modules.builtin.modinfo"), b"in_it.firmware=built.bin\0");
    root.file(root.in_modules("modules.builtin"), "kernel/in_it.ko\n");
    indexed(&root);
    let names = "built.bin: in_it\nneeded.bin: dep\nother.bin: other\npat*: other\n";
    let lost = "kmod: WARNING: could not look for devices in @/sys/devices: No such file or directory\n";
    assert_eq!(firmware(&root, &["missing"]), (0, names.into(), lost.into()));
    root.file("sys/devices/pci0000:00/0000:00:01.0/modalias", "pci:v1d2\n");
    let names = "built.bin: in_it (no device)\nneeded.bin: dep (device present)\nother.bin: other (no device)\n\
        pat*: other (no device)\n";
    assert_eq!(firmware(&root, &["missing"]), ok(names));
    assert_eq!(firmware(&root, &["missing", "-f", "null", "dep"]), ok("needed.bin\0"));
    root.file("allowed", "# known\npat\\*\n other.* \n\nbuilt.bin\n");
    let allowed = root.path("allowed").display().to_string();
    let strict = ["missing", "--strict", "--allow-missing", &allowed];
    assert_eq!(firmware(&root, &strict), (1, "needed.bin: dep (device present)\n".into(), String::new()));
    root.file("lib/firmware/needed.bin", "x");
    assert_eq!(firmware(&root, &strict), ok(""));
    assert_eq!(
        firmware(&root, &["list", "--strict", "--allow-missing", &allowed]),
        ok("@/lib/firmware/needed.bin\n")
    );
    let (code, out, err) = firmware(&root, &["list", "--strict", "other"]);
    let each = "kmod: ERROR: could not find firmware other.bin for other\nkmod: ERROR: could not find firmware pat* for other\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", each));
}

#[test]
fn owners_of_files() {
    let root = tree();
    let (code, out, err) = firmware(&root, &["owners"]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in [
        "plain.bin: many plain",
        "unused: -",
        "v/both.bin.zst: -",
        "v/link.bin.xz: packed",
        "w: packed",
        "x/real.bin.xz: packed",
        "many/f2-b.bin.xz: many",
        "many/.f4-a.bin: -",
        "reg.db: built_in",
    ] {
        assert!(out.lines().any(|found| found == format!("@/lib/firmware/{line}")), "{line}\n{out}");
    }
    let one = "@/lib/firmware/v/packed.bin.xz: -\n@/lib/firmware/v/packed.bin.zst: packed\n";
    assert_eq!(firmware(&root, &["owners", "v/packed.bin"]), ok(one));
    let by_path = root.path("lib/firmware/reg.db").display().to_string();
    assert_eq!(firmware(&root, &["owners", "-f", "null", &by_path]), ok("@/lib/firmware/reg.db\0"));
    let unknown = "kmod: ERROR: could not find firmware zip\n";
    assert_eq!(firmware(&root, &["owners", "reg.db", "zip"]), (1, String::new(), unknown.into()));
    // A name for which the kernel logs an error.
    let wanted = "kmod: ERROR: could not find firmware nothing.bin for plain\n";
    assert_eq!(firmware(&root, &["owners", "nothing.bin"]), (1, String::new(), wanted.into()));
}

#[test]
fn invalid_command_lines() {
    let root = tree();
    for (args, message) in [
        (
            &["list", "--format", "xml"][..],
            "invalid value 'xml' for --format (expected one of plain, null, fsspec, cpio, json)",
        ),
        (
            &["list", "--ambiguous", "x"],
            "invalid value 'x' for --ambiguous (expected one of error, warn, first)",
        ),
        (&["prune", "--compress", "x"], "invalid value 'x' for --compress (expected one of keep, none)"),
        (&["list", "--format", "cpio"], "--format cpio can only be used with prune"),
        (&["missing", "--copy-to", "/x"], "--copy-to can only be used with prune"),
        (&["prune", "--compress", "none"], "--compress none can only be used with --copy-to"),
        (&["list", ""], "invalid MODULE '': the name is empty"),
        (&["list", "@"], "invalid MODULE '@': the name is empty"),
        (&["owners", ""], "invalid FILE '': the name is empty"),
        (&["list", "--whence", ""], "--whence needs a value that is not empty"),
        (&["list", "--firmware-dir="], "--firmware-dir needs a value that is not empty"),
        (&["prune", "--copy-to", ""], "--copy-to needs a value that is not empty"),
        (&["list", "--allow-missing", ""], "--allow-missing needs a value that is not empty"),
        (&["list", "-k", ""], "--set-version needs a value that is not empty"),
        (&["list", "--sysfs", ""], "--sysfs needs a value that is not empty"),
        (&["list", "nosuch"], "could not find module nosuch"),
        (&["list", "no*such"], "could not find module no*such"),
        (&["list", "@/nosuch"], "could not read /nosuch: No such file or directory"),
        (&["list", "@/dev/null"], "/dev/null does not name any module"),
        (&["list", "--whence", "/nosuch"], "could not read /nosuch: No such file or directory"),
        (&["list", "--allow-missing", "/nosuch"], "could not read /nosuch: No such file or directory"),
        (&["list", "--for-devices"], "could not read @/sys/devices: No such file or directory"),
    ] {
        let expected = (1, String::new(), format!("kmod: ERROR: {message}\n"));
        assert_eq!(firmware(&root, args), expected, "{args:?}");
    }
    for args in [&[][..], &["lists"], &["-v"]] {
        let answer: Answer = run(&root, args).on(Side::Ours);
        assert_eq!((answer.code, answer.stderr_text().as_str()), (1, "missing or invalid command\n"));
        assert!(answer.stdout_text().contains("kmod firmware owners"));
    }
}

/// A module that cannot be read is reported, and the others are processed.
#[test]
fn modules_that_cannot_be_read() {
    let root = tree();
    root.file(root.in_modules("kernel/plain.ko"), "rubbish");
    let error =
        |why: &str| format!("kmod: ERROR: could not read @/lib/modules/6.1.0-test/kernel/plain.ko: {why}\n");
    let (code, out, err) = firmware(&root, &["list", "plain", "packed"]);
    assert_eq!((code, out.lines().count()), (1, 5), "{out}");
    assert!(err.starts_with(&error("")[..70]) && err.lines().count() == 1, "{err}");
    std::fs::remove_file(root.path(root.in_modules("kernel/plain.ko"))).unwrap();
    let gone = error("No such file or directory");
    let (code, out, err) = firmware(&root, &["list", "plain", "packed"]);
    assert_eq!((code, out.lines().count(), err.as_str()), (1, 5, gone.as_str()));
    let to = root.path("image").display().to_string();
    let prune = ["prune", "--modules", "--copy-to", &to, "--json", "plain", "packed"];
    let (code, out, err) = firmware(&root, &prune);
    assert_eq!((code, err), (1, gone));
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&document["exit"], document["messages"].as_array().unwrap().len()), (&1.into(), 1));
    assert_eq!(document["sizes"]["taken"]["files"], 3 + 1 + 3);
    assert!(root.path("image/lib/firmware/v/both.bin").exists());
    assert!(root.path("image/lib/modules/6.1.0-test/kernel/packed.ko.xz").exists());
}

/// A tree without indexes: one error, and no output.
#[test]
fn a_tree_without_indexes() {
    let bare = Root::new();
    bare.dir(bare.in_modules(""));
    let (code, out, err) = firmware(&bare, &["list"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.ends_with(
            "kmod: ERROR: no index of modules in @/lib/modules/6.1.0-test (run depmod to create it)\n"
        ),
        "{err}"
    );
}

/// The fields of the message that Monogon's build tools read.
const FSSPEC: &str = r#"syntax = "proto3";
package osbase.build.fsspec;
message FSSpec {
  repeated File file = 1; repeated Directory directory = 2; repeated SymbolicLink symbolic_link = 3;
  repeated SpecialFile special_file = 4;
}
message File { string path = 1; string source_path = 2; uint32 mode = 3; uint32 uid = 4; uint32 gid = 5; }
message Directory { string path = 1; uint32 mode = 2; uint32 uid = 3; uint32 gid = 4; }
message SymbolicLink { string path = 1; string target_path = 2; }
message SpecialFile {
  enum Type { UNSPECIFIED = 0; CHARACTER_DEV = 1; BLOCK_DEV = 2; FIFO = 3; }
  string path = 1; Type type = 2; uint32 major = 3; uint32 minor = 4; uint32 mode = 5; uint32 uid = 6; uint32 gid = 7;
}
"#;

/// Encodes and decodes prototext with protoc, an independent implementation, and returns one line per entry.
pub(crate) fn fsspec(text: &str) -> Vec<String> {
    fsspec_fields(text).into_iter().map(|fields| fields.join(" ")).collect()
}

/// Does the same, but returns the kind and the fields of each entry separately.
pub(crate) fn fsspec_fields(text: &str) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("fsspec.proto"), FSSPEC).unwrap();
    std::fs::write(dir.path().join("in"), text).unwrap();
    let script = "protoc --encode=osbase.build.fsspec.FSSpec fsspec.proto <in >message &&
        protoc --decode=osbase.build.fsspec.FSSpec fsspec.proto <message";
    let output = std::process::Command::new("/bin/sh").args(["-c", script]).current_dir(dir.path()).output();
    let output = output.expect("protoc, of the package protobuf-compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut entries: Vec<Vec<String>> = Vec::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match (line.trim().split_once(": "), line) {
            (Some((_, value)), _) => {
                entries.last_mut().expect("a field stands in an entry").push(value.trim_matches('"').into());
            }
            (None, "file {") => entries.push(vec!["file".into()]),
            (None, "symbolic_link {") => entries.push(vec!["link".into()]),
            (None, other) => assert_eq!(other, "}"),
        }
    }
    entries
}
