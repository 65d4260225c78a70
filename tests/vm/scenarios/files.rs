//! Module files of all kinds: compressed, damaged, signed, built for another kernel; insmod with all its options.

use super::{Scenario, same};

/// The item of oxmod-differences(7) about options.
const OWN: &str = "Options that kmod 34 does not have";

/// Debian builds kmod without gzip support.
const GZIP: &str = "Gzip";
/// Our tool decompresses modules that the kernel cannot decompress.
const REFUSED: &str = "Compressed modules that the kernel refuses";
/// Our error messages are more specific.
const WHY: &str = "Why a module file cannot be used";

pub(super) fn all() -> Vec<Scenario> {
    [insmod(), compressed(), damaged(), forced()].into_iter().flatten().collect()
}

fn insmod() -> Vec<Scenario> {
    vec![
        same("insmod", "insmod $EXTRA/ox_base.ko; insmod $EXTRA/ox_base.ko", &["File exists", "ox_base 0"]),
        same(
            "insmod-order",
            "insmod $EXTRA/ox_mid.ko; insmod $EXTRA/ox_base.ko; insmod $EXTRA/ox_mid.ko",
            &["Unknown symbol"],
        ),
        same("insmod-parameters", "insmod $EXTRA/ox_params.ko number=1 'text=a b' flag", &["text=a b"]),
        same(
            "insmod-bad-parameter",
            "insmod $EXTRA/ox_params.ko number=x; insmod $EXTRA/ox_params.ko zzz=1",
            &["Invalid parameters"],
        ),
        same(
            "insmod-no-config",
            "echo 'options ox_params number=3' | config; insmod $EXTRA/ox_params.ko",
            &["number=42"],
        ),
        same(
            "insmod-fails",
            "insmod $EXTRA/ox_fail.ko; insmod $EXTRA/ox_fail.ko error=3; insmod $EXTRA/ox_fail.ko error=2",
            &["No such device"],
        ),
        same("insmod-missing", "insmod; insmod -; insmod /nosuch.ko; insmod ox_base", &["missing filename"]),
        same("insmod-directory", "insmod /x/directory.ko; insmod /x", &["= 1"]),
        same(
            "insmod-verbose",
            "insmod -v $EXTRA/ox_base.ko; insmod --verbose --syslog $EXTRA/ox_mid.ko",
            &["ox_mid 0"],
        ),
        same("insmod-syslog", "insmod -s /nosuch.ko; insmod -s $EXTRA/ox_fail.ko", &["= 1"]),
        same("insmod-bad-option", "insmod --bogus x; insmod -q x", &["unrecognized option"]),
        same("insmod-dashes", "insmod $EXTRA/ox_plain.ko; rmmod ox-plain; loaded", &["loaded:"]),
        same("insmod-refused", "insmod $EXTRA/ox_signed_keyid.ko", &["Operation not permitted"]),
        same("signed", "modprobe -v ox_signed; insmod $EXTRA/ox_signed.ko", &["ox_signed 0"]),
    ]
}

fn compressed() -> Vec<Scenario> {
    vec![
        same("xz", "insmod /x/ox_base.ko.xz", &["ox_base 0"]),
        same("zst", "insmod /x/ox_base.ko.zst", &["ox_base 0"]),
        same("gz", "insmod /x/ox_base.ko.gz; modprobe /x/ox_base.ko.gz", &["ox_base 0"]).differs(
            GZIP,
            &["code", "stdout", "stderr", "modules"],
            "= 1",
        ),
        same("crc64", "insmod /x/ox_base.crc64.ko.xz; modprobe ox_weak", &["ox_base 0", "ox_weak 0"])
            .only("bookworm"),
        same(
            "crc64-refused",
            "insmod /x/ox_base.crc64.ko.xz; modprobe ox_weak",
            &["ox_base 0", "could not decompress"],
        )
        .differs(REFUSED, &["code", "stdout", "stderr", "modules"], "= 1")
        .only("trixie"),
        same("tree-xz", "modprobe -v ox_aliases", &["ox_aliases.ko.xz", "ox_aliases 0"]),
        same("tree-zst", "modprobe -v ox_devname", &["ox_devname.ko.zst", "ox_devname 0"]),
        same("path-xz", "modprobe -v /x/ox_base.ko.xz", &["ox_base 0"]),
        same(
            "compressed-again",
            "insmod /x/ox_base.ko.xz; insmod /x/ox_base.ko.xz; insmod /x/ox_base.ko.zst",
            &["File exists"],
        ),
        same("compressed-parameters", "modprobe -v ox_aliases nosuch=1", &["unknown parameter"]),
        same("xz-another-suffix", "cp /x/ox_base.ko.xz /tmp/a.ko; insmod /tmp/a.ko", &["ox_base 0"]),
    ]
}

fn damaged() -> Vec<Scenario> {
    vec![
        same("garbage", "insmod /x/garbage.ko; modprobe /x/garbage.ko", &["Invalid module format"]),
        same("empty", "insmod /x/empty.ko; modprobe /x/empty.ko", &["too small for a module"]).differs(
            WHY,
            &["stderr"],
            "Invalid parameters",
        ),
        same("truncated", "insmod /x/cut.ko; modprobe /x/cut.ko", &["Invalid module format"]),
        same("truncated-head", "insmod /x/head.ko; modprobe /x/head.ko", &["= 1"]),
        same("garbage-xz", "insmod /x/garbage.ko.xz; modprobe /x/garbage.ko.xz", &["= 1"]),
        same("truncated-xz", "insmod /x/cut_ko.xz; modprobe /x/cut_ko.xz", &["= 1"]).differs(
            WHY,
            &["stderr"],
            "",
        ),
        same("truncated-zst", "insmod /x/cut_ko.zst; modprobe /x/cut_ko.zst", &["= 1"]).differs(
            WHY,
            &["stderr"],
            "",
        ),
        same("directory", "modprobe /x/directory.ko; modprobe /x", &["= 1"]),
        same("other-crc", "insmod /x/crc/ox_base.ko; modprobe /x/crc/ox_base.ko", &["= 1"]),
        same(
            "other-crc-of-symbol",
            "modprobe ox_base; insmod /x/crc/ox_mid.ko; modprobe /x/crc/ox_mid.ko",
            &["= 1"],
        ),
        same(
            "other-vermagic",
            "insmod /x/vermagic/ox_base.ko; modprobe /x/vermagic/ox_base.ko",
            &["Invalid module format"],
        ),
        same("other-vermagic-xz", "insmod /x/vermagic/ox_base.ko.xz", &["= 1"]).only("bookworm"),
        same("other-vermagic-xz-twice", "insmod /x/vermagic/ox_base.ko.xz", &["= 1"])
            .differs(REFUSED, &["log"], "")
            .only("trixie"),
    ]
}

fn forced() -> Vec<Scenario> {
    vec![
        same("force", "modprobe -f ox_base", &["ox_base 0"]),
        same("force-chain", "modprobe -f -v ox_top", &["ox_top 0"]),
        same("force-vermagic", "modprobe --force-vermagic /x/vermagic/ox_base.ko", &["ox_base 0"]),
        same("force-vermagic-only", "modprobe --force-modversion /x/vermagic/ox_base.ko", &["= "]),
        same("force-modversion", "modprobe --force-modversion /x/crc/ox_base.ko", &["ox_base 0"]),
        same("force-modversion-only", "modprobe --force-vermagic /x/crc/ox_base.ko", &["= "]),
        same("force-both", "modprobe -f /x/vermagic/ox_base.ko; modprobe -f /x/crc/ox_mid.ko", &["ox_mid 0"]),
        same("force-xz", "modprobe -f /x/vermagic/ox_base.ko.xz", &["ox_base 0"]),
        same(
            "insmod-force",
            "insmod -f /x/vermagic/ox_base.ko; insmod --force /x/crc/ox_mid.ko",
            &["ox_mid 0"],
        ),
        same("insmod-force-zst", "insmod -f /x/ox_base.ko.zst", &["ox_base 0"]),
        same("insmod-force-vermagic", "insmod --force-vermagic /x/vermagic/ox_base.ko", &["ox_base 0"])
            .differs(OWN, &["stdout", "stderr", "code", "modules"], "unrecognized option"),
        same("insmod-force-modversion", "insmod --force-modversion /x/crc/ox_base.ko", &["ox_base 0"])
            .differs(OWN, &["stdout", "stderr", "code", "modules"], "unrecognized option"),
        same(
            "force-garbage",
            "insmod -f /x/garbage.ko; insmod -f /x/cut.ko; insmod -f /x/empty.ko",
            &["too small for a module"],
        )
        .differs(WHY, &["stderr"], "Invalid parameters"),
    ]
}
