//! modprobe and lsmod with --json, which the reference does not support: the document must agree with the
//! reference's -v output and table.

use super::{Scenario, same};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        same("json-load", "in_json ox_top; in_json ox_top", &["insmod /lib/modules/", "ox_top 0", "= 0"]),
        same("json-softdeps", "in_json ox_soft x=1; list_in_json", &["insmod /lib/modules/", "ox_soft 1"]),
        same("json-fails", "in_json ox_fail", &["'ox_fail': No such device", "insmod /lib/modules/", "= 1"]),
        same("json-half", "modprobe ox_mid; in_json ox_top", &["ox_top 0"]),
        same("json-remove", "modprobe ox_top; in_json -r ox_top; loaded", &["rmmod ox_top", "loaded:"]),
        same("json-in-use", "modprobe ox_top; in_json -r ox_base", &["is in use", "= 1"]),
        same("json-list", "modprobe ox_top; modprobe loop; list_in_json", &["ox_base ", "loop "]),
    ]
}
