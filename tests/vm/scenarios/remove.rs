//! modprobe -r and rmmod.

use super::{Scenario, same};

/// The item of oxmod-differences(7) about holders.
const HOLDERS: &str = "modprobe --remove-holders";

/// The reference is killed by a signal.
const LOOP: &str = "Removal along a loop of soft dependencies";

/// Our tool treats a timeout as an error.
const WAIT: &str = "Waiting in vain";

pub(super) fn all() -> Vec<Scenario> {
    [modprobe(), holders_and_waiting(), softdeps(), rmmod()].into_iter().flatten().collect()
}

fn modprobe() -> Vec<Scenario> {
    vec![
        same(
            "remove",
            "modprobe ox_top; modprobe -r -v ox_top; loaded",
            &["rmmod ox_top", "loaded: ox_base"],
        ),
        same(
            "remove-in-use",
            "modprobe ox_top; modprobe -r ox_base; modprobe -r ox_mid",
            &["Module ox_base is in use."],
        ),
        same("remove-absent", "modprobe -r ox_base; modprobe -r -v ox_base", &["= 0"]),
        same("remove-absent-first-time", "modprobe -r --first-time ox_base", &["is not in kernel"]),
        same("remove-missing", "modprobe -r nosuch; modprobe -rq nosuch", &["Module nosuch not found."]),
        same("remove-builtin", "modprobe -r aes_generic; modprobe -rq aes_generic", &["is builtin"]),
        same(
            "remove-several",
            "modprobe -a ox_top ox_plain; modprobe -rv ox_plain ox_top; loaded",
            &["loaded: ox_base"],
        ),
        same(
            "remove-several-one-in-use",
            "modprobe -a ox_top ox_plain; modprobe -r ox_base ox_plain; loaded",
            &["ox_plain"],
        ),
        same(
            "remove-several-quiet",
            "modprobe -a ox_top ox_plain; modprobe -rq ox_base ox_plain; loaded",
            &["loaded: ox_top"],
        ),
        same(
            "remove-several-missing",
            "modprobe ox_plain; modprobe -r nosuch ox_plain; loaded",
            &["loaded: ox_plain"],
        ),
        same("remove-alias", "modprobe ox_aliases; modprobe -rv ox-dashed-alias; loaded", &["loaded:\n"]),
        same(
            "remove-dry-run",
            "modprobe ox_top; modprobe -rn ox_top; modprobe -rnv ox_mid; loaded",
            &["ox_top"],
        ),
        same("remove-keeps-used", "modprobe -a ox_top ox_mid; modprobe -r ox_top; loaded", &["loaded"]),
        same("remove-path", "modprobe ox_plain; modprobe -r $EXTRA/ox_plain.ko; loaded", &["ox_plain"]),
        same("remove-force", "modprobe ox_top; modprobe -rf ox_base; modprobe -rf ox_top", &["= "]),
        same(
            "remove-not-in-tree",
            "insmod $EXTRA/ox_plain.ko; modprobe -S 1.2.3 -r ox_plain; loaded",
            &["loaded:\n"],
        )
        .differs(
            "Removal of a module that only the kernel knows",
            &["stdout", "stderr", "modules"],
            "Module ox_plain not found",
        ),
    ]
}

fn holders_and_waiting() -> Vec<Scenario> {
    vec![
        same(
            "holders",
            "modprobe ox_mid; modprobe -rv --remove-holders ox_base; loaded",
            &["rmmod ox_mid", "loaded:\n"],
        )
        .differs(HOLDERS, &["stdout", "stderr"], "could not remove 'ox_base'"),
        same("holders-two", "modprobe ox_top; modprobe -rv --remove-holders ox_base; loaded", &["ox_top"]),
        same(
            "holders-dry-run",
            "modprobe ox_mid; modprobe -rnv --remove-holders ox_base; loaded",
            &["rmmod ox_mid"],
        ),
        same("holders-alone", "modprobe ox_mid; modprobe --remove-holders ox_base; loaded", &["loaded:\n"])
            .differs(HOLDERS, &["stdout", "modules"], "loaded: ox_mid ox_base"),
        same(
            "holders-deprecated",
            "modprobe ox_mid; modprobe -r --remove-dependencies ox_base; loaded",
            &["loaded:\n"],
        )
        .differs(HOLDERS, &["stdout", "stderr"], "could not remove 'ox_base'"),
        same(
            "holders-none",
            "modprobe ox_plain; modprobe -rv --remove-holders ox_plain; loaded",
            &["loaded:\n"],
        ),
        same("wait-free", "modprobe ox_plain; modprobe -r -w 100 ox_plain; loaded", &["loaded:\n"]),
        same(
            "wait-in-vain",
            "modprobe ox_mid; timeout 3 /sbin/modprobe -r -w 50 ox_base; echo $?",
            &["Resource temporarily"],
        )
        .differs(WAIT, &["stdout", "stderr"], ""),
        same(
            "wait-bad",
            "modprobe -r -w word ox_base; modprobe -r -w '' ox_base",
            &["unexpected wait value"],
        ),
        same(
            "wait-until-free",
            "modprobe ox_mid; (sleep 1; /sbin/rmmod ox_mid) & modprobe -r -w 10000 ox_base; wait; loaded",
            &["= 0", "loaded:\n"],
        ),
        same("wait-absent", "modprobe -r -w 10 ox_base; modprobe -w 10 ox_base", &["= 0"]),
        same(
            "remove-while-coming",
            "/sbin/modprobe ox_slow & await ox_slow; modprobe -r ox_slow; wait",
            &["= "],
        ),
    ]
}

fn softdeps() -> Vec<Scenario> {
    vec![
        same("remove-softdep", "modprobe ox_soft; modprobe -rv ox_soft; loaded", &["rmmod ox_soft"]),
        same("remove-softdep-ignored", "modprobe ox_soft; modprobe -r -i -v ox_soft; loaded", &["ox_base"]),
        same(
            "remove-softdep-in-use",
            "modprobe ox_soft; modprobe ox_mid; modprobe -rv ox_soft; loaded",
            &["ox_mid"],
        ),
        same(
            "remove-softdep-post-in-use",
            "echo 'softdep ox_plain post: ox_base' | config; modprobe -a ox_plain ox_mid; modprobe -rv ox_plain; loaded",
            &["ox_mid"],
        ),
        same(
            "remove-softdep-chain",
            "printf 'softdep ox_plain pre: ox_slow\\nsoftdep ox_slow pre: ox_base\\n' | config; \
             modprobe ox_plain; modprobe -rv ox_plain; loaded",
            &["loaded"],
        ),
        same(
            "remove-softdep-command",
            "printf 'softdep ox_plain pre: ox_base\\nremove ox_base false\\n' | config; \
             modprobe ox_plain; modprobe -rv ox_plain; loaded",
            &["loaded"],
        ),
        same(
            "remove-softdep-builtin",
            "echo 'softdep ox_plain pre: aes_generic nosuch' | config; modprobe ox_plain; modprobe -rv ox_plain; loaded",
            &["loaded:\n"],
        ),
        same(
            "remove-softdep-first-time",
            "modprobe ox_soft; rmmod ox_base; modprobe -r --first-time ox_soft; loaded",
            &["= "],
        ),
        same("remove-loop", "modprobe ox_cycle_a; modprobe -r ox_cycle_a; loaded", &["loaded:\n"]),
        same(
            "remove-loop-post",
            "printf 'softdep ox_plain post: ox_base\\nsoftdep ox_base post: ox_plain\\n' | config; \
             modprobe ox_plain; modprobe -rv ox_plain; loaded",
            &["loaded:\n"],
        )
        .differs(LOOP, &["stdout", "stderr", "modules", "log"], "= 139"),
    ]
}

fn rmmod() -> Vec<Scenario> {
    vec![
        same("rmmod", "modprobe ox_mid; rmmod ox_mid ox_base; loaded", &["loaded:\n"]),
        same("rmmod-in-use", "modprobe ox_top; rmmod ox_base; rmmod ox_mid", &["is in use by: "]),
        same("rmmod-absent", "rmmod ox_base; rmmod nosuch", &["is not currently loaded"]),
        same("rmmod-builtin", "rmmod aes_generic", &["is builtin"]),
        same("rmmod-continues", "modprobe ox_plain; rmmod nosuch ox_plain; loaded", &["loaded:\n"]),
        same("rmmod-path", "modprobe ox_plain; rmmod $EXTRA/ox_plain.ko; loaded", &["loaded:\n"]),
        same(
            "rmmod-path-missing",
            "modprobe ox_plain; rmmod /nosuch/ox_plain.ko; rmmod ox_plain.ko.xz; loaded",
            &["loaded:\n"],
        ),
        same("rmmod-none", "rmmod; rmmod -w x; rmmod --bogus", &["missing module name"]),
        same("rmmod-force", "modprobe ox_mid; rmmod -f ox_mid; rmmod --force nosuch; loaded", &["ox_base"]),
        same("rmmod-force-holder", "modprobe ox_mid; rmmod -f ox_base", &["= 1"]),
        same("rmmod-verbose", "modprobe ox_plain; rmmod -v ox_plain; rmmod -vv ox_plain", &["= 0"]),
        same("rmmod-syslog", "modprobe ox_plain; rmmod -s ox_plain; rmmod --syslog ox_plain", &["= 0"]),
        same("rmmod-while-coming", "/sbin/modprobe ox_slow & await ox_slow; rmmod ox_slow; wait", &["= "]),
    ]
}
