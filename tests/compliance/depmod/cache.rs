//! The cache, modules.oxmod.bin: used where it can be trusted, harmless where it cannot.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use oxmod_test_support::{Answer, Root, Run, Side, Stream, differs_because, each, same};

use super::{lines, root};

pub(crate) const CACHE: &str = "modules.oxmod.bin";

/// Builds a tree of three modules that have not changed for a while, and an empty cache, which makes depmod write
/// one.
pub(crate) fn settled() -> Root {
    let root = unindexed();
    root.file(root.in_modules(CACHE), "");
    root
}

/// Builds the same tree without a cache.
pub(crate) fn unindexed() -> Root {
    let root = root();
    root.module("kernel/base.ko", |m| m.export("base_symbol", 7).alias("alias-of-base"));
    root.module("kernel/top.ko.xz", |m| m.need("base_symbol").alias("alias-of-top"));
    root.module("updates/other.ko.zst", |m| m.info("softdep", "pre: base"));
    sleep(Duration::from_millis(80));
    root
}

/// Runs depmod on the tree itself.
pub(crate) fn depmod(root: &Root, args: &[&str], side: Side) -> Answer {
    let run = Run::new("depmod").args(args).arg("-b").arg(root.path("")).arg(root.release());
    let answer = run.on(side);
    assert_eq!(answer.code, 0, "{answer:?}");
    answer
}

pub(crate) fn path(root: &Root, name: &str) -> PathBuf {
    root.path(root.in_modules(name))
}

/// Returns the name, inode number and change time of each file that depmod writes.
fn states(root: &Root) -> Vec<(String, u64, i64)> {
    let mut states: Vec<_> = fs::read_dir(path(root, "")).unwrap().flatten().collect();
    states.sort_by_key(fs::DirEntry::file_name);
    let state = |entry: &fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), metadata.ino(), metadata.ctime_nsec())
    };
    states.iter().filter(|entry| entry.file_type().unwrap().is_file()).map(state).collect()
}

/// Checks that the files in the tree are the same as those of a full run into another directory.
fn is_complete(root: &Root) {
    let fresh = Root::new();
    let run = Run::new("depmod").arg("--full").arg("-b").arg(root.path("")).arg("-o").arg(fresh.path(""));
    assert_eq!(run.arg(root.release()).on(Side::Ours).code, 0);
    let mut expected = fresh.snapshot(fresh.in_modules(""));
    expected.remove(Path::new(CACHE));
    assert_eq!(expected.len(), 11);
    for (name, bytes) in expected {
        assert!(fs::read(path(root, name.to_str().unwrap())).unwrap() == bytes, "{}", name.display());
    }
}

#[test]
fn unchanged_files_are_not_written() {
    differs_because("unchanged files stay", &true, &false, |side| {
        let root = settled();
        depmod(&root, &[], side);
        let before = states(&root);
        depmod(&root, &[], side);
        before == states(&root)
    });
}

#[test]
fn only_changed_files_are_written() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let before = states(&root);
    root.module("kernel/base.ko", |m| m.export("base_symbol", 7).alias("another-alias"));
    depmod(&root, &[], Side::Ours);
    let after = states(&root);
    let changed: Vec<&str> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|(before, _)| before.0.as_str())
        .collect();
    assert_eq!(changed, ["modules.alias", "modules.alias.bin", CACHE]);
    is_complete(&root);
}

/// Whatever is in place of the cache, the output is correct and the next run repairs the cache.
#[test]
fn damaged_and_foreign_caches_are_replaced() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let good = fs::read(path(&root, CACHE)).unwrap();
    let version = good.windows(5).position(|window| window == b"0.1.0").unwrap();
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), b"modules".to_vec(), vec![0; 5000], good.repeat(2)];
    cases.extend((0..good.len()).step_by(37).map(|len| good[..len].to_vec()));
    cases.extend((0..good.len()).step_by(13).map(|at| {
        let mut damaged = good.clone();
        damaged[at] ^= 0x41;
        damaged
    }));
    cases.push([&good[..version], b"9.9.9", &good[version + 5..]].concat());
    assert!(cases.len() > 100);
    for case in cases {
        root.file(root.in_modules(CACHE), &case);
        assert_eq!(depmod(&root, &[], Side::Ours).stderr_text(), "");
        is_complete(&root);
        assert!(
            fs::read(path(&root, CACHE)).unwrap() == good,
            "not repaired: {:?}",
            &case[..case.len().min(80)]
        );
    }
}

/// Replaces `from` by `to` in a module's cached record and fixes the checksum. Only a run that reads the module can
/// notice.
pub(crate) fn forge(root: &Root, from: &str, to: &str) {
    let mut bytes = fs::read(path(root, CACHE)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    // The list of files ends where the first record begins; the records are contiguous.
    let mut start = (64 + number(&bytes, 40)).next_multiple_of(8);
    while start + number(&bytes, start) <= at {
        start += number(&bytes, start);
    }
    let end = start + number(&bytes, start);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[start + 8..end]);
    bytes[start + 4..start + 8].copy_from_slice(&crc.sum().to_le_bytes());
    root.file(root.in_modules(CACHE), bytes);
}

#[test]
fn unchanged_modules_are_read_again_only_on_request() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    forge(&root, "alias-of-top", "alias-by-lie");
    for (args, expected) in [
        (&["-n"][..], "alias-by-lie"),
        (&["-n", "--full"], "alias-of-top"),
        (&[], ""),
        (&["-n"], "alias-by-lie"),
    ] {
        let text = depmod(&root, args, Side::Ours).stdout_text();
        assert!(text.contains(expected), "{args:?} {text}");
    }
    // `--full` works before and after -A.
    for args in [["--full", "-A"], ["-A", "--full"]] {
        depmod(&root, &args, Side::Ours);
        is_complete(&root);
        forge(&root, "alias-of-top", "alias-by-lie");
        depmod(&root, &[], Side::Ours);
    }
    depmod(&root, &["--full"], Side::Ours);
    // Moving the file away and back changes its change time, so the cached record is no longer valid.
    forge(&root, "alias-of-base", "alias-by-lie.");
    fs::rename(path(&root, "kernel/base.ko"), path(&root, "aside")).unwrap();
    fs::rename(path(&root, "aside"), path(&root, "kernel/base.ko")).unwrap();
    depmod(&root, &[], Side::Ours);
    is_complete(&root);
}

/// A file that was modified while depmod read it, or just before, could change again with the same timestamps.
#[test]
fn recently_changed_modules_are_read_again() {
    let root = settled();
    let cache = || String::from_utf8_lossy(&fs::read(path(&root, CACHE)).unwrap()).into_owned();
    // On a slow machine, depmod may start too late to see a recent change: try again.
    let caught = (0..20).any(|_| {
        root.module("kernel/fresh.ko", |m| m.alias("alias-of-fresh"));
        depmod(&root, &[], Side::Ours);
        assert!(cache().contains("alias-of-base"), "{}", cache());
        !cache().contains("alias-of-fresh")
    });
    assert!(caught);
    sleep(Duration::from_millis(80));
    depmod(&root, &[], Side::Ours);
    assert!(cache().contains("alias-of-fresh"));
}

/// A module that cannot be read is not cached, so that each run reports it.
#[test]
fn modules_with_errors_are_not_cached() {
    let root = settled();
    root.file(root.in_modules("kernel/broken.ko"), "no module");
    sleep(Duration::from_millis(80));
    for args in [&[][..], &[], &["-A"]] {
        let err = depmod(&root, args, Side::Ours).stderr_text();
        assert!(err.contains("broken.ko") && err.lines().count() == 1, "{args:?} {err}");
    }
    is_complete(&root);
}

/// With `-o`, the cache is in the output directory; its paths are relative to the tree that was read.
#[test]
fn the_cache_is_in_the_output_directory() {
    let root = unindexed();
    let out = root.path("out").display().to_string();
    depmod(&root, &["-o", &out], Side::Ours);
    assert!(!path(&root, CACHE).exists());
    let elsewhere = root.path("out").join(root.in_modules(CACHE));
    let before = fs::metadata(&elsewhere).unwrap().ino();
    depmod(&root, &["-o", &out], Side::Ours);
    depmod(&root, &["-A", "-o", &out], Side::Ours);
    assert_eq!(fs::metadata(&elsewhere).unwrap().ino(), before);
}

/// If only the cache cannot be written, the run succeeds. A read-only file system causes no message by default.
#[test]
fn a_cache_that_cannot_be_written_is_not_an_error() {
    for (side, (out, err)) in each(|side| {
        let root = settled();
        depmod(&root, &[], side);
        let _ = fs::remove_file(path(&root, CACHE));
        let script = "cd /; DIR=lib/modules/6.1.0-test
             mkdir out; mount -t tmpfs none out; mkdir -p out/$DIR; cp $DIR/modules.* out/$DIR
             mount -o remount,ro none out; depmod -o /out 6.1.0-test; echo rc $?; depmod -vv -o /out 6.1.0-test; echo rc $?
             mkdir full; mount -t tmpfs -o size=64k none full; mkdir -p full/$DIR; cp $DIR/modules.* full/$DIR
             head -c 70000 /dev/zero > full/filler 2> /dev/null; depmod -o /full 6.1.0-test; echo rc $?";
        let answer = Run::shell(script).stdout(Stream::Captured).inside(&root).on(side);
        (answer.stdout_text(), answer.stderr_text())
    }) {
        if side == Side::Ours {
            let lines: Vec<&str> = err.lines().collect();
            assert_eq!(lines.len(), 2, "{err}");
            assert!(lines[0].starts_with("depmod: INFO: could not write /out/"), "{err}");
            assert!(lines[1].starts_with("depmod: WARNING: could not write /full/"), "{err}");
            assert!(lines[1].ends_with(": No space left on device"), "{err}");
            assert_eq!(out.matches("rc 0\n").count(), 3, "{out}");
        } else {
            assert!(err.contains("openat(") && err.contains("Output is truncated"), "{err}");
        }
    }
}

#[test]
fn module_operands_use_the_cache_too() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let file = path(&root, "kernel/base.ko");
    let (answer, files) = super::depmod(&root, &[], Side::Ours);
    assert_eq!((answer.code, lines(&files, "modules.dep").len()), (0, 3));
    let run = Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release()).arg(&file);
    assert_eq!(run.on(Side::Ours).code, 0);
    let listed = fs::read_to_string(path(&root, "modules.dep")).unwrap();
    assert!(listed.lines().count() == 1 && listed.ends_with("/kernel/base.ko:\n"), "{listed}");
    depmod(&root, &[], Side::Ours);
    is_complete(&root);
}

/// Images and archives that must be reproducible must not depend on inode numbers and times.
#[test]
fn reproducible_output_has_no_cache() {
    let run = |side: Side| {
        let root = unindexed();
        depmod(&root, &[], side);
        depmod(&root, &[], side);
        assert_eq!(path(&root, CACHE).exists(), side == Side::Ours);
        let run = Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release());
        assert_eq!(run.env("SOURCE_DATE_EPOCH", "0").on(side).triple(), (0, String::new(), String::new()));
        root.snapshot(root.in_modules(""))
    };
    let files = same(run);
    assert!(!files.contains_key(Path::new(CACHE)) && files.len() == 17, "{:?}", files.keys());
}

/// A cache that belongs to another user is never trusted, so each run would read everything.
#[test]
fn a_cache_of_another_user_is_replaced() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    if std::os::unix::fs::chown(path(&root, CACHE), Some(12345), None).is_ok() {
        depmod(&root, &[], Side::Ours);
        assert_eq!(fs::metadata(path(&root, CACHE)).unwrap().uid(), 0);
    }
}

/// Tools that build an initramfs or a package run depmod once, on a tree other than the system's; a cache would
/// waste space there. A second run indicates that more will follow, and writes the cache.
#[test]
fn the_first_run_on_an_image_writes_no_cache() {
    for (side, there) in each(|side| {
        let root = unindexed();
        [(); 2].map(|()| {
            depmod(&root, &[], side);
            path(&root, CACHE).exists()
        })
    }) {
        assert_eq!(there, [false, side == Side::Ours]);
    }
}

/// On the running system, the first run writes the cache.
#[test]
fn the_first_run_on_this_system_writes_the_cache() {
    for (side, there) in each(|side| {
        let root = unindexed();
        let run = Run::new("depmod").arg(root.release()).inside(&root);
        assert_eq!(run.on(side).triple(), (0, String::new(), String::new()));
        path(&root, CACHE).exists()
    }) {
        assert_eq!(there, side == Side::Ours);
    }
}
