//! modprobe: inserting by name, alias and path, with dependencies, soft dependencies and parameters.

use super::{Scenario, same};

pub(super) fn all() -> Vec<Scenario> {
    [dependencies(), softdeps(), parameters(), options()].into_iter().flatten().collect()
}

fn dependencies() -> Vec<Scenario> {
    vec![
        same("chain", "modprobe ox_top", &["= 0", "ox_top 0", "ox_mid 1", "ox_base 2", "ox_top: "]),
        same("chain-verbose", "modprobe -v ox_top", &["insmod /lib/modules/"]),
        same("chain-half-loaded", "modprobe ox_base; modprobe -v ox_top", &["ox_top 0"]),
        same("dashes", "modprobe ox-top; modprobe -r ox-top; loaded", &["loaded: ox_base"]),
        same(
            "again",
            "modprobe ox_base; modprobe -v ox_base; modprobe --first-time ox_base",
            &["already in kernel"],
        ),
        same(
            "first-time",
            "modprobe --first-time ox_top; modprobe --first-time ox_top",
            &["= 0\n        = 1"],
        ),
        same("first-time-dependency-loaded", "modprobe ox_base; modprobe --first-time ox_top", &["ox_top 0"]),
        same("missing", "modprobe nosuch", &["FATAL: Module nosuch not found in directory"]),
        same("missing-quiet", "modprobe -q nosuch", &["= 1"]),
        same(
            "builtin",
            "modprobe aes_generic; modprobe --first-time aes_generic; modprobe -v aes_generic",
            &["= 0"],
        ),
        same("alias", "modprobe -v ox-dashed-alias", &["ox_aliases"]),
        same("alias-wildcard", "modprobe -v ox_wild:vAfoo; loaded", &["loaded"]),
        same("alias-pci", "modprobe -v pci:v00000B00d00000001sv00000000sd00000000bc00sc00i00", &["= 0"]),
        same("symbol", "modprobe -v symbol:ox_base_add", &["ox_base 0"]),
        same("devname", "modprobe -v char-major-10-237; modprobe -v devname:oxmod/control", &["= 0"]),
        same("all", "modprobe -a ox_top ox_plain", &["ox_plain 0", "ox_top 0"]),
        same(
            "all-some-missing",
            "modprobe -a ox_base nosuch ox_fail ox_mid",
            &["WARNING: Module nosuch", "ox_mid 0"],
        ),
        same("all-verbose", "modprobe -av ox_mid ox_base ox_top", &["ox_top 0"]),
        same(
            "path-operand",
            "modprobe -v $EXTRA/ox_plain.ko; cd $EXTRA && modprobe -v ./ox_base.ko",
            &["ox_base 0"],
        ),
        same("path-dependency", "modprobe -v $EXTRA/ox_mid.ko", &["= "]),
        same(
            "path-missing",
            "modprobe /x/nosuch.ko; modprobe ./nosuch.ko",
            &["Failed to get module from path"],
        ),
        same(
            "path-outside-tree",
            "cp $EXTRA/ox_plain.ko /tmp/; modprobe -v /tmp/ox_plain.ko",
            &["ox_plain 0"],
        ),
        same("no-operand", "modprobe; modprobe -a; modprobe -r", &["missing parameters"]),
        same("dry-run", "modprobe -n ox_top; modprobe -nv ox_soft; modprobe -n nosuch", &["insmod"]),
        same("dry-run-loaded", "modprobe ox_mid; modprobe -n ox_top; modprobe -n ox_mid", &["ox_mid 0"]),
        same("lsmod", "modprobe ox_top; modprobe ox_plain; lsmod", &["ox_mid,ox_top", "Used by"]),
    ]
}

fn softdeps() -> Vec<Scenario> {
    vec![
        same("softdep", "modprobe -v ox_soft", &["ox_base 0", "ox_params 0", "ox_firmware 0"]),
        same("softdep-ignored", "modprobe -i -v ox_soft; loaded", &["loaded: ox_soft"]),
        same("softdep-loop", "modprobe -v ox_cycle_a; loaded", &["ox_cycle_a", "ox_cycle_b"]),
        same("softdep-loop-other", "modprobe ox_cycle_b; modprobe -v ox_cycle_a", &["ox_cycle_a 0"]),
        same(
            "softdep-configured",
            "echo 'softdep ox_top pre: ox_plain post: ox_slow' | config; modprobe -v ox_top",
            &["ox_plain 0", "ox_slow 0"],
        ),
        same(
            "softdep-of-dependency",
            "echo 'softdep ox_base pre: ox_plain post: ox_firmware' | config; modprobe -v ox_top",
            &["ox_plain 0", "ox_firmware 0"],
        ),
        same(
            "softdep-missing",
            "echo 'softdep ox_top pre: nosuch' | config; modprobe -v ox_top",
            &["ox_top 0"],
        ),
        same(
            "softdep-fails",
            "echo 'softdep ox_top pre: ox_fail' | config; modprobe -v ox_top",
            &["ox_top 0"],
        ),
        same(
            "softdep-post-fails",
            "echo 'softdep ox_top post: ox_fail' | config; modprobe -v ox_top",
            &["= 0"],
        ),
        same(
            "softdep-on-itself",
            "echo 'softdep ox_base pre: ox_base post: ox_mid' | config; modprobe -v ox_base",
            &["ox_base"],
        ),
        same("softdep-first-time", "modprobe ox_base; modprobe --first-time ox_soft", &["ox_soft 0"]),
        same("weakdep", "modprobe ox_devname; modprobe -D ox_weak; loaded", &["loaded: ox_devname"]),
    ]
}

fn parameters() -> Vec<Scenario> {
    vec![
        same("parameters", "modprobe -v ox_params number=7 text=abc flag=1", &["ox_params.number=7"]),
        same(
            "parameters-quoted",
            "modprobe -v ox_params 'text=two words' copied='\"x y\"'",
            &["text=two words"],
        ),
        same("parameters-array", "modprobe ox_params several=1,2,3 names=a,b inverse=1", &["several=1,2,3"]),
        same("parameters-unknown", "modprobe -v ox_params nosuch=1", &["unknown parameter", "ox_params 0"]),
        same("parameters-invalid", "modprobe ox_params number=word", &["Invalid argument"]),
        same(
            "parameters-out-of-range",
            "modprobe ox_params octet=256; modprobe ox_params several=1,2,3,4,5",
            &["= 1"],
        ),
        same("parameters-of-dependency", "modprobe -v ox_mid nosuch=1", &["ox_mid 0", "ox_base 1"]),
        same("parameters-boot", "modprobe -v ox_params", &["ox_params.usmall=5", "text=of the boot"]),
        same("parameters-boot-override", "modprobe -v ox_params usmall=6", &["ox_params.usmall=6"]),
        same(
            "options",
            "echo 'options ox_params number=3 mask=0xff' | config; modprobe -v ox_params",
            &["number=3"],
        ),
        same(
            "options-order",
            "echo 'options ox_params number=3' | config b.conf; echo 'options ox-params number=4' | config; \
             modprobe -v ox_params small=1; modprobe -r ox_params; modprobe ox_params number=5",
            &["number=5"],
        ),
        same(
            "options-alias",
            "printf 'alias mine ox_params\\noptions mine big=9\\noptions ox_params ubig=8\\n' | config; modprobe -v mine",
            &["big=9", "ubig=8"],
        ),
        same(
            "options-quoted",
            "echo 'options ox_params copied=\"quoted words\"' | config; modprobe -v ox_params",
            &["copied=quoted words"],
        ),
        same(
            "options-of-dependency",
            "echo 'options ox_params number=6' | config; modprobe -v ox_soft",
            &["ox_params.number=6"],
        ),
    ]
}

fn options() -> Vec<Scenario> {
    vec![
        same(
            "fail",
            "modprobe ox_fail; modprobe -v ox_fail error=12",
            &["No such device", "Cannot allocate memory"],
        ),
        same("fail-quiet", "modprobe -q ox_fail; modprobe -a ox_fail ox_base", &["ox_base 0"]),
        same("fail-exist", "modprobe ox_fail error=17; modprobe --first-time ox_fail error=17", &["= 0"]),
        same("fail-noent", "modprobe ox_fail error=2", &["Unknown symbol in module"]),
        same(
            "fail-other",
            "modprobe ox_fail error=8; modprobe ox_fail error=22; modprobe ox_fail error=38",
            &["= 1"],
        ),
        same("fail-positive", "modprobe ox_fail error=-5", &["= 0"]),
        same("refused-by-kernel", "modprobe ox_signed_keyid", &["Operation not permitted"]),
        same("slow-twice", "modprobe ox_slow & modprobe ox_slow; wait", &["ox_slow 0"]),
        same(
            "slow-while-coming",
            "/sbin/modprobe ox_slow & await ox_slow; modprobe --first-time ox_slow; wait",
            &["= "],
        ),
        same("quiet-and-verbose", "modprobe -qv ox_base; modprobe -q -a nosuch ox_mid", &["ox_mid 0"]),
        same("syslog", "modprobe -s nosuch; modprobe -s ox_base", &["= 1"]),
        same(
            "environment",
            "export MODPROBE_OPTIONS='-v --first-time'; modprobe ox_mid; modprobe ox_mid",
            &["insmod"],
        ),
        same("set-version", "modprobe -S 1.2.3 ox_base; modprobe -S $(uname -r) ox_base", &["ox_base 0"]),
        same("dirname", "modprobe -v -d / ox_base", &["//lib/modules"]),
        same("dirname-missing", "modprobe -d /nosuch ox_base", &["not found in directory"]),
    ]
}
