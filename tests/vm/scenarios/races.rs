//! Other processes that work on the same modules at the same time. `ox_slow`, which takes half a second to start and
//! to stop, keeps a tool busy while the other process acts.

use super::{Scenario, same};

pub(super) fn all() -> Vec<Scenario> {
    [states(), others(), signals()].into_iter().flatten().collect()
}

/// Modules that are starting or stopping.
fn states() -> Vec<Scenario> {
    vec![
        same("coming-lsmod", "/sbin/modprobe ox_slow & await ox_slow; lsmod; wait; lsmod", &["ox_slow"]),
        same(
            "coming-insmod",
            "/sbin/modprobe ox_slow & await ox_slow; insmod $EXTRA/ox_slow.ko; wait",
            &["ox_slow 0"],
        ),
        same(
            "coming-dry-run",
            "/sbin/modprobe ox_slow & await ox_slow; modprobe -nv ox_slow; modprobe -D ox_slow; wait",
            &["ox_slow 0"],
        ),
        same(
            "coming-wait",
            "/sbin/modprobe ox_slow & await ox_slow; modprobe -r -w 5000 ox_slow; wait; loaded",
            &["= "],
        ),
        same(
            "going-lsmod",
            "modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; lsmod; modprobe -nv ox_slow; wait; loaded",
            &["loaded:\n"],
        ),
        same(
            "going-insert",
            "modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; modprobe ox_slow; wait; loaded",
            &["= "],
        ),
        same(
            "going-first-time",
            "modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; modprobe --first-time ox_slow; wait; loaded",
            &["= "],
        ),
        same(
            "going-insmod",
            "modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; insmod $EXTRA/ox_slow.ko; wait; loaded",
            &["= 1"],
        ),
        same(
            "going-remove",
            "modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; modprobe -r ox_slow; rmmod ox_slow; wait; loaded",
            &["loaded:\n"],
        ),
        same(
            "going-softdep",
            "echo 'softdep ox_top pre: ox_slow' | config; modprobe ox_slow exit_ms=500; /sbin/rmmod ox_slow & await_state going ox_slow; modprobe -v ox_top; wait; loaded",
            &["ox_top 0"],
        ),
        same(
            "going-dependency",
            "modprobe ox_top; echo 'softdep ox_top post: ox_slow' | config; modprobe ox_slow exit_ms=500; /sbin/modprobe -r ox_top & await_state going ox_slow; modprobe ox_top; wait; names",
            &["= "],
        ),
    ]
}

/// Actions of another process between two steps of a tool.
fn others() -> Vec<Scenario> {
    vec![
        same(
            "overlap",
            "echo 'softdep ox_base pre: ox_slow' | config; /sbin/modprobe ox_top & /sbin/modprobe ox_mid; echo $?; wait $!; echo $?; names",
            &["ox_top 0", "0\n        0\n"],
        ),
        same(
            "overlap-same",
            "echo 'softdep ox_mid pre: ox_slow' | config; /sbin/modprobe ox_top & /sbin/modprobe ox_top; echo $?; wait $!; echo $?; names",
            &["ox_top 0", "0\n        0\n"],
        ),
        same(
            "overlap-first-time",
            "echo 'softdep ox_mid pre: ox_slow' | config; /sbin/modprobe --first-time ox_top & await ox_slow; modprobe --first-time ox_top; wait $!; echo $?",
            &["ox_top 0"],
        ),
        same(
            "dependency-removed",
            "echo 'softdep ox_mid pre: ox_slow' | config; /sbin/modprobe ox_mid & await ox_slow; rmmod ox_base; wait $!; echo $?; loaded",
            &["Unknown symbol"],
        ),
        same(
            "dependency-removed-by-modprobe",
            "echo 'softdep ox_mid pre: ox_slow' | config; /sbin/modprobe ox_top & await ox_slow; modprobe -rv ox_base; wait $!; echo $?; names",
            &["Unknown symbol"],
        ),
        same(
            "loaded-by-command",
            "printf 'softdep ox_top pre: ox_plain\\ninstall ox_plain /sbin/insmod %s/ox_top.ko\\n' $EXTRA | config; modprobe -v ox_top",
            &["ox_top 0"],
        ),
        same(
            "loaded-by-command-first-time",
            "printf 'softdep ox_top pre: ox_plain\\ninstall ox_plain /sbin/insmod %s/ox_top.ko\\n' $EXTRA | config; modprobe --first-time ox_top",
            &["ox_top 0"],
        ),
        same(
            "removed-by-command",
            "printf 'softdep ox_mid pre: ox_plain\\ninstall ox_plain /sbin/rmmod ox_base\\n' | config; modprobe -v ox_mid",
            &["Unknown symbol"],
        ),
        same(
            "removed-by-remove-command",
            "printf 'softdep ox_mid post: ox_plain\\nremove ox_plain /sbin/rmmod ox_mid\\n' | config; modprobe ox_mid; modprobe -rv ox_mid; loaded",
            &["= "],
        ),
        same(
            "dependency-loaded-by-remove-command",
            "printf 'softdep ox_mid post: ox_plain\\nremove ox_plain /sbin/insmod %s/ox_top.ko\\n' $EXTRA | config; modprobe ox_mid; modprobe -rv ox_mid; names",
            &["= "],
        ),
        same(
            "remove-both",
            "modprobe ox_slow exit_ms=500; modprobe ox_top; /sbin/modprobe -ra ox_slow ox_top & await_state going ox_slow; modprobe -r ox_top; wait; loaded",
            &["loaded:"],
        ),
    ]
}

/// Tools that are terminated halfway.
fn signals() -> Vec<Scenario> {
    vec![
        same(
            "terminated",
            "echo 'softdep ox_slow post: ox_plain' | config; /sbin/modprobe ox_slow & await ox_slow; kill $!; wait $!; echo $?; sleep 1; loaded; modprobe -v ox_slow",
            &["143", "loaded: ox_slow"],
        ),
        same(
            "killed",
            "/sbin/modprobe ox_slow & await ox_slow; kill -9 $!; wait $!; echo $?; sleep 1; loaded; modprobe ox_slow; modprobe -r ox_slow; loaded",
            &["137", "loaded: ox_slow"],
        ),
        same(
            "terminated-removing",
            "modprobe ox_slow exit_ms=500; /sbin/modprobe -r ox_slow & await_state going ox_slow; kill $!; wait $!; echo $?; sleep 1; loaded",
            &["143", "loaded:\n"],
        ),
        same(
            "terminated-in-command",
            "printf 'install ox_base sleep 1; echo >/tmp/done\\n' | config; /sbin/modprobe ox_top & sleep 0.5; kill $!; wait $!; echo $?; loaded; sleep 1; ls /tmp/done; loaded",
            &["143"],
        ),
        same(
            "terminated-waiting",
            "modprobe ox_mid; /sbin/modprobe -r -w 10000 ox_base & sleep 0.5; kill $!; wait $!; echo $?; loaded",
            &["143", "ox_base"],
        ),
    ]
}
