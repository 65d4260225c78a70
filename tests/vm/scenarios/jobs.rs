//! modprobe --jobs and --load-list, which the reference does not support: it loads the modules one by one, and the
//! final state and the messages must be the same.

use super::{Scenario, same};

pub(super) fn all() -> Vec<Scenario> {
    let all = vec![
        same("jobs-one", "at_once -v ox_top", &["ox_top 0", "ox_mid 1"]),
        same("jobs-all", "at_once -a ox_top ox_plain ox_soft ox_params", &["ox_soft 0", "ox_top 0"]),
        same("jobs-softdeps", "at_once ox_soft; at_once ox_cycle_a", &["ox_soft 0", "ox_cycle_b"]),
        same(
            "jobs-some-missing",
            "at_once -a nosuch ox_base ox_fail ox_mid",
            &["WARNING: Module nosuch", "'ox_fail': No such device", "ox_mid 0", "= 1"],
        ),
        same("jobs-missing", "at_once nosuch; at_once -q nosuch", &["FATAL: Module nosuch", "= 1"]),
        same("jobs-again", "at_once -a ox_top ox_top ox_mid; at_once ox_top", &["ox_top 0", "= 0"]),
        same("jobs-first-time", "at_once -a --first-time ox_base ox_base", &["already in kernel", "= 1"]),
        same(
            "jobs-dependency-fails",
            "echo 'install ox_mid false' | config; at_once -a ox_top ox_plain",
            &["retcode 1", "'ox_top': Invalid argument", "ox_plain 0", "= 1"],
        ),
        same(
            "jobs-softdep-fails",
            "echo 'softdep ox_top pre: ox_fail post: ox_plain' | config; at_once -v ox_top",
            &["ox_top 0", "ox_plain 0", "= 0"],
        ),
        same("jobs-parameters", "at_once ox_params number=7 'text=a b'", &["number=7", "text=a b"]),
        same(
            "jobs-options",
            "echo 'options ox_params number=3' | config; at_once -a ox_soft ox_params",
            &["number=3"],
        ),
        same(
            "jobs-real",
            "at_once -a xfs dm-crypt snd-hda-intel e1000e",
            &["xfs 0", "dm_crypt 0", "snd_hda_intel 0"],
        ),
        same(
            "list",
            "printf '# a comment\\n\\n ox-top\\n;no\\nox_plain' >names; from_list names",
            &["ox_top 0", "ox_plain 0"],
        ),
        same(
            "list-some-missing",
            "printf 'ox_plain\\nnosuch\\nox_base\\n' >names; from_list names",
            &["WARNING: Module nosuch", "ox_base 0", "= 1"],
        ),
    ];
    all.into_iter().map(Scenario::in_any_order).collect()
}
