//! Unusual conditions: no /proc, no /sys, no modules, a full disk, a read-only file system.

use super::{Scenario, same};

/// The item of oxmod-differences(7) about a missing /sys.
const NO_SYS: &str = "No /sys/module";

/// The previous set of indexes is kept as a whole.
const PUBLISHED: &str = "The set of files is published as a whole";

/// The reference reports success.
const OUTPUT: &str = "Output that cannot be written is an error";

pub(super) fn all() -> Vec<Scenario> {
    [without_the_kernels_files(), without_files(), unwritable()].into_iter().flatten().collect()
}

fn without_the_kernels_files() -> Vec<Scenario> {
    vec![
        same(
            "no-proc",
            "apart 'umount /proc; modprobe ox_top; lsmod; rmmod ox_top; modprobe -r ox_mid'",
            &["= 1"],
        ),
        same(
            "no-proc-insmod",
            "apart 'umount /proc; insmod $EXTRA/ox_base.ko; modprobe ox_base; modprobe -v ox_mid'",
            &["ox_mid 0"],
        ),
        same(
            "no-proc-install",
            "echo 'install ox_base /sbin/modprobe -i ox_base' | config; apart 'umount /proc; modprobe ox_top'",
            &["ox_top 0"],
        ),
        same(
            "no-proc-options",
            "apart 'umount /proc; modprobe -v ox_params; modprobe -c | wc -l'",
            &["ox_params 0"],
        ),
        same("no-sys", "apart 'umount /sys; modprobe -v ox_top; lsmod; modprobe -v ox_top'", &["1 ox_top"])
            .differs(NO_SYS, &["stdout", "stderr"], "-2  -2"),
        same(
            "no-sys-remove",
            "modprobe ox_top; apart 'umount /sys; rmmod ox_top; modprobe -r ox_top; modprobe -rv ox_base'; loaded",
            &["loaded: ox_mid ox_base"],
        )
        .differs(NO_SYS, &["stdout", "stderr", "modules"], "ox_top is not currently loaded"),
        same(
            "no-sys-rmmod-force",
            "modprobe ox_top; apart 'umount /sys; rmmod -f ox_top; modprobe -r --remove-holders ox_base'; loaded",
            &["loaded:\n"],
        )
        .differs(NO_SYS, &["stdout", "modules"], "loaded: ox_mid ox_base"),
        same(
            "no-sys-compressed",
            "apart 'umount /sys; modprobe -v ox_aliases; insmod /x/ox_base.ko.zst'",
            &["ox_base 0", "ox_aliases 0"],
        ),
        same(
            "no-sys-first-time",
            "modprobe ox_base; apart 'umount /sys; modprobe --first-time ox_base; modprobe --first-time ox_mid; modprobe -r --first-time ox_plain'",
            &["= "],
        ),
        same(
            "no-proc-no-sys",
            "apart 'umount /proc; umount /sys; modprobe ox_top; lsmod; rmmod ox_top; insmod $EXTRA/ox_plain.ko'",
            &["ox_plain 0"],
        ),
    ]
}

fn without_files() -> Vec<Scenario> {
    vec![
        same(
            "no-etc",
            "mv /etc/modprobe.d /etc/away; modprobe -v ox_mid; mv /etc/away /etc/modprobe.d",
            &["ox_mid 0"],
        ),
        same(
            "no-tree",
            "apart 'mount -t tmpfs none /lib/modules; modprobe ox_base; modprobe -r ox_base; modprobe -D ox_base; lsmod; rmmod ox_base'",
            &["= 1"],
        ),
        same(
            "no-shell",
            "echo 'install ox_base true' | config; apart 'mount -t tmpfs none /bin; /sbin/modprobe ox_top; echo $?'",
            &["retcode 127"],
        ),
        same(
            "nobody",
            "modprobe ox_mid; for tool in 'modprobe ox_top' 'modprobe -r ox_mid' 'insmod /x/ox_base.ko.xz' 'rmmod ox_mid' lsmod; do su -s /bin/sh nobody -c \"/sbin/$tool\"; echo \"= $?\"; done",
            &["Operation not permitted"],
        ),
    ]
}

fn unwritable() -> Vec<Scenario> {
    vec![
        same(
            "full-depmod",
            "apart 'mount -t tmpfs -o size=512k none /mnt; tree=/mnt/lib/modules/1.2.3; mkdir -p $tree; cp $EXTRA/ox_aliases.ko.xz $tree; \
             /sbin/depmod -b /mnt 1.2.3; echo $?; cp $EXTRA/ox_devname.ko.zst $tree; dd if=/dev/zero of=/mnt/fill bs=1k 2>/dev/null; \
             /sbin/depmod -b /mnt 1.2.3; echo $?; ls -l $tree | sed s/^.*root..../x/; cat $tree/modules.dep'",
            &["No space left on device", "ox_aliases.ko.xz:\n"],
        )
        .differs(PUBLISHED, &["stdout", "stderr"], ""),
        same(
            "read-only-depmod",
            "apart 'mount -t tmpfs none /mnt; tree=/mnt/lib/modules/1.2.3; mkdir -p $tree; cp $EXTRA/ox_aliases.ko.xz $tree; \
             /sbin/depmod -b /mnt 1.2.3; echo $?; cp $EXTRA/ox_aliases.ko.xz $tree/ox_more.ko.xz; \
             mount -o remount,ro /mnt; /sbin/depmod -b /mnt 1.2.3; echo $?; \
             /sbin/depmod -A -b /mnt 1.2.3; echo $?; ls $tree'",
            &["Read-only file system"],
        )
        .differs(PUBLISHED, &["stdout", "stderr"], ""),
        same(
            "read-only-load",
            "apart 'for dir in /lib /etc /tmp; do mount -o bind $dir $dir; mount -o remount,ro,bind $dir; done; touch /etc/x; \
             modprobe -v ox_top; modprobe -v ox_aliases; insmod /x/ox_base.ko.xz; modprobe -r -v ox_top; lsmod'",
            &["Read-only file system", "ox_aliases 0"],
        ),
        same("full-output", "modprobe -v ox_base >/dev/full; echo $?; lsmod >/dev/full; modprobe -rv ox_base >/dev/full; loaded", &["loaded:"])
            .differs(OUTPUT, &["stdout", "stderr"], ""),
        same("full-errors", "modprobe nosuch 2>/dev/full; rmmod nosuch 2>/dev/full; insmod /nosuch 2>/dev/full; modprobe -v ox_fail 2>/dev/full", &["= 1"]),
        same("closed-output", "/sbin/modprobe -v ox_mid >&-; echo $?; /sbin/lsmod >&-; echo $?; /sbin/modprobe -rv ox_mid >&- 2>&-; echo $?; loaded", &["loaded:"]),
    ]
}
