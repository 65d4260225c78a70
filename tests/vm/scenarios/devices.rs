//! Other ways in which modules are requested: coldplug, one alias after another, and the kernel itself.

use super::{Scenario, same};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        same(
            "coldplug",
            "coldplug; names",
            &["alias cpu:type:x86", "e1000e", "usbhid", "nvme", "snd_hda_codec_generic", "sd_mod"],
        )
        .in_any_order(),
        same(
            "kernel-asks",
            "ip link add ox0 type dummy; echo $?; loaded; ip link del ox0; modprobe -r dummy",
            &["dummy"],
        ),
        same(
            "kernel-asks-blacklisted",
            "echo 'install dummy false' | config; ip link add ox0 type dummy 2>/dev/null; echo $?; loaded",
            &["loaded:"],
        ),
    ]
}
