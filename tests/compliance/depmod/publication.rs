//! Publishing the set: the state of the files after a failure.

use oxmod_test_support::{Root, Run, Side, each};

use super::root;

/// Builds a tree with a complete old set of files that includes module `old`, and more modules to add.
fn with_old_set() -> Root {
    let root = root();
    root.module("kernel/old.ko", |m| m.alias("old"));
    let answer = Run::new("depmod").arg("-b").arg(root.path("")).arg(root.release()).on(Side::Ours);
    assert_eq!(answer.code, 0, "{answer:?}");
    for index in 0..200 {
        root.module(&format!("kernel/new-{index}.ko"), |m| m.alias(&"x".repeat(400)));
    }
    root
}

/// Runs `script` inside the tree with the module directory in `$DIR`, and returns both outputs.
fn scripted(root: &Root, side: Side, script: &str) -> (String, String) {
    let script = format!("cd /; DIR=lib/modules/{}; {script}", root.release());
    let answer = Run::shell(&script).inside(root).on(side);
    (answer.stdout_text(), answer.stderr_text())
}

/// The old set is copied to a file system that has space for it but not for the new one.
#[test]
fn a_full_disk_leaves_the_old_set() {
    for (side, (out, err)) in each(|side| {
        let root = with_old_set();
        scripted(
            &root,
            side,
            "mkdir out; mount -t tmpfs -o size=128k none out; mkdir -p out/$DIR; cp $DIR/modules.* out/$DIR
             (cd out/$DIR; md5sum modules.* | sort) > before
             depmod -o /out 6.1.0-test; echo rc $?
             (cd out/$DIR; md5sum modules.* | sort) > after
             cmp -s before after && echo unchanged; ls -A out/$DIR | grep -v ^modules; true",
        )
    }) {
        match side {
            Side::Ours => {
                assert_eq!(out, "rc 1\nunchanged\n", "{err}");
                assert!(
                    err.starts_with("depmod: ERROR: could not write /out/lib/modules/6.1.0-test/modules."),
                    "{err}"
                );
                assert!(err.ends_with(": No space left on device\n") && err.lines().count() == 1, "{err}");
            }
            Side::Theirs => assert!(!out.contains("unchanged"), "{out} {err}"),
        }
    }
}

#[test]
fn a_read_only_file_system_is_an_error() {
    for (side, (out, err)) in each(|side| {
        let root = with_old_set();
        scripted(
            &root,
            side,
            "mkdir out; mount -t tmpfs none out; mkdir -p out/$DIR; cp $DIR/modules.* out/$DIR
             mount -o remount,ro none out; depmod -o /out 6.1.0-test; echo rc $?",
        )
    }) {
        match side {
            Side::Ours => {
                assert_eq!(out, "rc 1\n", "{err}");
                assert_eq!(err.lines().count(), 1, "{err}");
                assert!(err.contains("modules.dep.bin: Read-only file system"), "{err}");
            }
            Side::Theirs => assert_eq!(out, "rc 0\n", "{err}"),
        }
    }
}

/// With a limit on the file size, depmod is killed or fails, and must not leave partly written files.
#[test]
fn a_limit_on_file_sizes_leaves_the_old_set() {
    let root = with_old_set();
    let (out, err) = scripted(
        &root,
        Side::Ours,
        "(cd $DIR; md5sum modules.* | sort) > before; trap '' XFSZ; ulimit -f 4; depmod 6.1.0-test; echo rc $?
         ulimit -f unlimited 2> /dev/null; (cd $DIR; md5sum modules.* | sort | head -c 2000) | cmp - before && echo unchanged",
    );
    assert_eq!(out, "rc 1\nunchanged\n", "{err}");
    assert!(err.contains("File too large"), "{err}");
}

/// Two depmods run in parallel, repeatedly: both succeed and the set is complete.
#[test]
fn two_concurrent_runs() {
    let root = with_old_set();
    let (out, err) = scripted(
        &root,
        Side::Ours,
        "for i in 1 2 3 4 5; do depmod 6.1.0-test & depmod 6.1.0-test & wait; done
         depmod -o /fresh 6.1.0-test; for f in $DIR/modules.[!o]*.bin $DIR/modules.dep; do cmp $f fresh/$f && echo same; done; ls -A $DIR | grep -c ^\\\\.",
    );
    assert_eq!(out, "same\nsame\nsame\nsame\nsame\nsame\n0\n", "{err}");
    assert_eq!(err, "");
}

/// A run removes what a killed run left behind. A directory in the way is detected before anything is replaced.
#[test]
fn leftovers_and_a_directory_in_the_way() {
    let root = with_old_set();
    let (out, err) = scripted(
        &root,
        Side::Ours,
        "touch $DIR/.modules-new-killed; rm $DIR/modules.devname; mkdir $DIR/modules.devname
         cp $DIR/modules.dep before; depmod 6.1.0-test; echo rc $?
         cmp before $DIR/modules.dep && rmdir $DIR/modules.devname; depmod 6.1.0-test; echo rc $?
         ls -A $DIR | grep killed; cmp -s before $DIR/modules.dep || echo new",
    );
    assert_eq!(out, "rc 1\nrc 0\nnew\n", "{err}");
    assert!(err.ends_with("modules.devname: Is a directory\n") && err.lines().count() == 1, "{err}");
}

/// Files written with a restrictive umask are readable for everyone after the next run, even if their contents did
/// not change.
#[test]
fn the_next_run_fixes_permissions() {
    for (side, (out, err)) in each(|side| {
        let root = with_old_set();
        let modes = "stat -c %a $DIR/modules.dep $DIR/modules.dep.bin $DIR/modules.alias";
        scripted(
            &root,
            side,
            &format!("umask 077; depmod 6.1.0-test; {modes}; umask 022; depmod 6.1.0-test; {modes}"),
        )
    }) {
        assert_eq!(out, "600\n600\n600\n644\n644\n644\n", "{side:?}: {err}");
    }
}
