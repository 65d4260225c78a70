//! The names and paths that identify a firmware file, and which files count as present.

use oxmod_test_support::{Root, Run, Side};

use super::{empty_tree, firmware, indexed, ok, run};

fn asking(names: &[&str]) -> Root {
    let root = empty_tree();
    root.module("kernel/a.ko", |m| names.iter().fold(m, |m, name| m.info("firmware", name)));
    indexed(&root);
    root
}

/// The kernel treats an empty file as missing and looks in the next directory, but does not try the next suffix if
/// the file is in the last directory. The same applies to a directory and to a link to itself.
#[test]
fn files_that_cannot_be_used() {
    let root = asking(&["x.bin", "y.bin"]);
    root.file("lib/firmware/updates/x.bin", "")
        .file("lib/firmware/x.bin", "x")
        .file("lib/firmware/y.bin", "");
    let list = |expected: &str, why: &str| {
        let warning = format!("kmod: WARNING: could not use firmware y.bin for a: y.bin {why}\n");
        let warning = if why.is_empty() { String::new() } else { warning };
        assert_eq!(firmware(&root, &["list"]), (0, expected.into(), warning), "{expected}");
    };
    let (x, y) = ("@/lib/firmware/x.bin\n", "@/lib/firmware/x.bin\n@/lib/firmware/y.bin.xz\n");
    list(x, "is empty");
    root.file("lib/firmware/y.bin.xz", "y");
    list(x, "is empty");
    let remove = |path: &str| std::fs::remove_file(root.path(path)).unwrap();
    remove("lib/firmware/y.bin");
    root.link("lib/firmware/y.bin", "y.bin");
    list(x, "leads through too many symbolic links");
    remove("lib/firmware/y.bin");
    root.dir("lib/firmware/y.bin").file("lib/firmware/y.bin/z", "z");
    list(x, "is a directory");
    std::fs::remove_dir_all(root.path("lib/firmware/y.bin")).unwrap();
    root.file("lib/firmware/updates/y.bin", "");
    list(y, "");
}

/// A file can be given by the name that modules request, by its path in an image, or by its path on disk in any
/// spelling.
#[test]
fn owners_of_a_file_by_each_of_its_names() {
    let root = asking(&["u.bin", "said.bin"]);
    root.file("lib/firmware/updates/u.bin.xz", "u");
    root.file("WHENCE", "Driver: drv\nLink: said.bin -> updates/u.bin\n----\nDriver: old\nFile: u.bin\n");
    let updates = "@/lib/firmware/updates/u.bin.xz: a\n";
    let path = root.path("lib/./firmware//updates/u.bin.xz").display().to_string();
    for name in [
        "u.bin",
        "u.bin.xz",
        "updates/u.bin",
        "/lib/firmware/updates/u.bin.xz",
        &path,
        "//lib/./firmware/updates/u.bin.xz",
    ] {
        assert_eq!(firmware(&root, &["owners", name]), ok(updates), "{name}");
    }
    let whence = root.path("WHENCE").display().to_string();
    let owners = |name: &str| firmware(&root, &["owners", name, "--whence", &whence]);
    assert_eq!(owners("said.bin"), ok("@/lib/firmware/said.bin.xz: a [drv]\n"));
    assert_eq!(owners("u.bin"), ok("@/lib/firmware/updates/u.bin.xz: a [old]\n"));
    // A path relative to the working directory.
    let release = root.release();
    let here =
        Run::new("kmod").cwd(root.path("lib/firmware")).args(["firmware", "owners", "updates/./u.bin.xz"]);
    let here = here.args(["-b", "../..", "-k", release]).on(Side::Ours);
    let (code, out) = (here.code, here.stdout_text());
    assert!(
        code == 0 && out.ends_with("/lib/firmware/updates/u.bin.xz: a\n") && out.lines().count() == 1,
        "{out}"
    );
}

/// Paths are printed in their shortest form, however they were given.
#[test]
fn paths_are_normalized() {
    let root = asking(&["x.bin"]);
    root.file("fw/x.bin", "x").file("lib/firmware/x.bin", "x");
    let dir = format!("{}//./fw/", root.path("").display());
    assert_eq!(firmware(&root, &["list", "--firmware-dir", &dir]), ok("@/fw/x.bin\n"));
    let here = |args: &[&str]| {
        let run =
            Run::new("kmod").cwd(root.path("")).args(["firmware", "list", "-k", root.release(), "-C", "etc"]);
        run.args(args).on(Side::Ours).triple()
    };
    assert_eq!(here(&["-b", ".", "--firmware-dir", "fw/"]), ok("fw/x.bin\n"));
    let path = root.path("lib/firmware/x.bin").display().to_string().replace("//", "/");
    assert_eq!(here(&["-b", "."]), ok(&format!("{path}\n")));
    assert_eq!(here(&["-b", "./"]), ok(&format!("{path}\n")));
    let prune = firmware(&root, &["prune", "--modules", "-b", ".", "-f", "cpio"]);
    assert!(!prune.1.contains("/./"), "{}", prune.1);
}

/// A directory can be given by several paths; a file that is found through two search directories counts once.
#[test]
fn directories_with_several_paths() {
    let root = asking(&["x.bin"]);
    root.file("fw/x.bin", "x").file("fw/y.bin", "yy").link("again", "fw");
    let dirs = ["fw", "fw/", "again"].map(|dir| root.path("").join(dir).display().to_string());
    let mut args = vec!["prune", "--summary"];
    for dir in &dirs {
        args.extend(["--firmware-dir", dir]);
    }
    let sizes = "all: 2 files, 3 bytes\ntaken: 1 files, 1 bytes\nsaved: 1 files, 2 bytes\n";
    assert_eq!(firmware(&root, &args), (0, "/lib/firmware/x.bin\n".into(), sizes.into()));
    let nested = ["fw", "."].map(|dir| root.path("lib").join(dir).display().to_string());
    root.file("lib/fw/x.bin", "x");
    let args = ["prune", "--summary", "--firmware-dir", &nested[0], "--firmware-dir", &nested[1]];
    let (code, _, err) = firmware(&root, &args);
    let files =
        std::process::Command::new("find").arg(root.path("lib")).args(["-type", "f"]).output().unwrap();
    let files = files.stdout.split(|&byte| byte == b'\n').count() - 1;
    assert!(code == 0 && err.starts_with(&format!("all: {files} files, ")), "{err}");
}

/// A line is a complete name, even if it ends in a backslash.
#[test]
fn lines_of_lists_are_not_continued() {
    let root = asking(&["x\\", "y.bin"]);
    root.file("allowed", "x\\\ny.bin\n").file("modules", "a\\\n").file("both", "# all\\\na\n");
    let path = |path: &str| root.path(path).display().to_string();
    assert_eq!(firmware(&root, &["missing", "--strict", "--allow-missing", &path("allowed")]).0, 0);
    let names = |file: &str| run(&root, &["missing", &format!("@{}", path(file))]).on(Side::Ours);
    assert_eq!(names("modules").stderr_text(), "kmod: ERROR: could not find module a\\\n");
    assert_eq!(names("both").stdout_text(), "x\\: a\ny.bin: a\n");
}
