//! `-A`: decides whether there is anything to do.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use oxmod_test_support::{Answer, Root, Run, Side, each, sides};

use super::root;

fn depmod(root: &Root, args: &[&str], side: Side) -> Answer {
    let run = Run::new("depmod").args(args).arg(root.release());
    let answer = run.inside(root).on(side);
    assert_eq!(answer.code, 0, "{side:?} {answer:?}");
    answer
}

/// Returns whether `depmod -A` produced the same files as a full run after `change`, in a tree whose files are ten
/// minutes old and whose indexes were just written.
fn noticed(side: Side, change: impl Fn(&Root)) -> bool {
    let root = indexed(side);
    change(&root);
    depmod(&root, &["-A"], side);
    depmod(&root, &["-o", "/fresh"], side);
    let made = |path: PathBuf| {
        let mut files = root.snapshot(path);
        files.retain(|name, _| name.to_string_lossy().starts_with("modules."));
        for other in ["modules.order", "modules.builtin", "modules.builtin.modinfo", "modules.oxmod.bin"] {
            files.remove(Path::new(other));
        }
        assert!(!files.is_empty());
        files
    };
    made(root.in_modules("")) == made(Path::new("fresh").join(root.in_modules("")))
}

/// Builds a tree whose files are ten minutes old and whose indexes were just written.
fn indexed(side: Side) -> Root {
    let root = root();
    root.module("kernel/a.ko", |m| m).module("kernel/b.ko", |m| m);
    root.file("etc/depmod.d/x.conf", "search updates\n");
    for path in ["kernel/a.ko", "kernel/b.ko", "modules.order"] {
        age(&root, path);
    }
    tick(side);
    depmod(&root, &[], side);
    tick(side);
    root
}

/// `-A` makes files given by hand have no effect, whether or not there is anything to do; not even their names are
/// checked.
#[test]
fn files_given_by_hand_have_no_effect() {
    for &side in sides() {
        for files in [&["/lib/modules/6.1.0-test/kernel/a.ko"][..], &["9"], &["/nope.ko", "x"]] {
            let root = indexed(side);
            let listed = || {
                let run = Run::new("depmod").args(["-A", root.release()]).args(files);
                let answer = run.inside(&root).on(side);
                assert_eq!(answer.triple(), (0, String::new(), String::new()), "{side:?} {files:?}");
                let dep = fs::read_to_string(root.path(root.in_modules("modules.dep"))).unwrap();
                dep.lines().count()
            };
            assert_eq!(listed(), 2, "{side:?} {files:?}");
            root.module("kernel/c.ko", |m| m);
            assert_eq!(listed(), 3, "{side:?} {files:?}");
        }
    }
}

/// Waits until newly written files have later timestamps than existing ones: our depmod trusts a file that has not
/// changed for 50 milliseconds; the reference compares seconds.
fn tick(side: Side) {
    std::thread::sleep(Duration::from_millis(if side == Side::Ours { 80 } else { 1010 }));
}

/// Sets the modification time of a file in the module directory to ten minutes ago.
fn age(root: &Root, path: &str) {
    let file = File::options().write(true).open(root.path(root.in_modules(path))).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
}

/// The name of a change, whether the reference notices it, and the function that makes it.
type Case<'a> = (&'a str, bool, &'a dyn Fn(&Root));

/// Our depmod notices all changes, the reference only some.
#[test]
fn changes_are_noticed() {
    let remove =
        |path: &'static str| move |root: &Root| fs::remove_file(root.path(root.in_modules(path))).unwrap();
    let cases: [Case<'_>; 12] = [
        ("a new module", true, &|root| _ = root.module("kernel/c.ko", |m| m)),
        ("a changed module", true, &|root| _ = root.module("kernel/a.ko", |m| m.alias("x"))),
        ("modules.dep gone", true, &remove("modules.dep")),
        ("an index gone", false, &remove("modules.alias.bin")),
        ("a damaged index", false, &|root| _ = root.file(root.in_modules("modules.symbols.bin"), "x")),
        ("a module gone", false, &remove("kernel/a.ko")),
        ("a module with an old time", false, &|root| {
            root.module("kernel/c.ko", |m| m);
            age(root, "kernel/c.ko");
        }),
        ("a module of the same size and time with other contents", false, &|root| {
            let path = root.path(root.in_modules("kernel/a.ko"));
            let before = fs::metadata(&path).unwrap();
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.windows(8).position(|window| window == b"license=").unwrap();
            bytes[at..at + 8].copy_from_slice(b"alias=x ");
            // The file is overwritten in place, so that its inode number stays the same.
            fs::write(&path, bytes).unwrap();
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(before.modified().unwrap())
                .unwrap();
            let after = fs::metadata(&path).unwrap();
            assert_eq!(
                (before.ino(), before.len(), before.mtime_nsec()),
                (after.ino(), after.len(), after.mtime_nsec())
            );
        }),
        ("a module moved", false, &|root| {
            fs::create_dir(root.path(root.in_modules("updates"))).unwrap();
            let [from, to] = ["kernel/a.ko", "updates/a.ko"].map(|path| root.path(root.in_modules(path)));
            fs::rename(from, to).unwrap();
        }),
        ("another modules.order", false, &|root| {
            root.file(root.in_modules("modules.order"), "kernel/a.ko\n");
        }),
        ("another modules.builtin", false, &|root| {
            root.file(root.in_modules("modules.builtin"), "kernel/c.ko\n");
        }),
        ("another configuration", false, &|root| _ = root.file("etc/depmod.d/x.conf", "exclude a.ko\n")),
    ];
    for (what, theirs, change) in cases {
        for (side, noticed) in each(|side| noticed(side, change)) {
            assert_eq!(noticed, side == Side::Ours || theirs, "{what}, {side:?}");
        }
    }
}

#[test]
fn unchanged_trees_are_not_written() {
    for (side, [before, after]) in each(|side| {
        let root = indexed(side);
        let inodes = || ["modules.dep", "modules.alias.bin"].map(|name| inode(&root, name));
        let before = inodes();
        depmod(&root, &["-A"], side);
        [before, inodes()]
    }) {
        assert_eq!(before, after, "{side:?}");
    }
}

fn inode(root: &Root, name: &str) -> u64 {
    fs::metadata(root.path(root.in_modules(name))).unwrap().ino()
}

/// kmod looks at the index files of the input directory, even if the output directory is different and empty.
#[test]
fn the_output_directory_decides() {
    for (side, written) in each(|side| {
        let root = root();
        root.module("kernel/a.ko", |m| m);
        age(&root, "kernel/a.ko");
        depmod(&root, &[], side);
        depmod(&root, &["-A", "-o", "/out"], side);
        root.path("out").join(root.in_modules("modules.dep.bin")).exists()
    }) {
        assert_eq!(written, side == Side::Ours, "{side:?}");
    }
}

#[test]
fn a_dry_run_prints_only_changed_files() {
    for (side, (fresh, stale)) in each(|side| {
        let root = root();
        root.module("kernel/a.ko", |m| m);
        age(&root, "kernel/a.ko");
        tick(side);
        depmod(&root, &[], side);
        tick(side);
        let fresh = depmod(&root, &["-A", "-n"], side).stdout_text();
        tick(side);
        root.module("kernel/b.ko", |m| m);
        (fresh, depmod(&root, &["-A", "-n"], side).stdout_text())
    }) {
        assert_eq!(fresh, "", "{side:?}");
        // The reference prints nothing in this case, either.
        assert_eq!(stale.contains("kernel/b.ko:"), side == Side::Ours, "{side:?}: {stale}");
    }
}
