//! Real stacks: loaded, used, removed; and the kernel asking for modules by itself.

use super::{Scenario, same};

/// btrfs states its soft dependencies one by one; kmod leaves all but one behind.
const SEVERAL: &str = "Several softdep or weakdep lines for a module";

pub(super) fn all() -> Vec<Scenario> {
    vec![
        same("btrfs", "modprobe btrfs; lsmod; modprobe -r -v btrfs; loaded", &["raid6_pq", "= 0"]).differs(
            SEVERAL,
            &["stdout", "modules"],
            "loaded: crc32c_generic",
        ),
        same("xfs", "modprobe -v xfs; modprobe -r xfs; loaded", &["xfs"]),
        same("kvm", "modprobe kvm-intel; modprobe kvm-amd; modprobe kvm; loaded", &["kvm"]),
        same("dm-crypt", "modprobe -v dm-crypt; loaded; modprobe -r dm-crypt", &["dm_mod"]),
        same("nfs", "modprobe -v nfs; modprobe -r nfs; loaded", &["sunrpc"]),
        same(
            "sound",
            "modprobe -v snd-hda-intel; loaded; modprobe -r snd-hda-intel; loaded",
            &["snd_hda_intel"],
        ),
        same(
            "network-by-modalias",
            "for device in /sys/bus/pci/devices/*; do read -r alias <$device/modalias; \
             case $alias in *bc02*) modprobe -v \"$alias\";; esac; done; for device in /sys/bus/virtio/devices/*; do read -r alias <$device/modalias; modprobe -v \"$alias\"; done; \
             ls /sys/class/net; sleep 0.2; \
             for link in /sys/class/net/e*; do ip link set ${link##*/} up && echo up; done; \
             for link in /sys/class/net/e*; do ip link set ${link##*/} down; done; modprobe -r e1000e; loaded",
            &["e1000e", "virtio_net", "up"],
        ),
        same(
            "coldplug",
            "for device in /sys/bus/*/devices/*; do [ -r $device/modalias ] && read -r alias <$device/modalias && \
             [ -n \"$alias\" ] && set -- \"$@\" \"$alias\"; done; \
             /sbin/modprobe -abq \"$@\"; sleep 0.5; loaded",
            &["e1000e", "snd_hda_intel"],
        ),
        same(
            "mount",
            "dd if=/dev/zero of=disk bs=64k count=16 2>/dev/null; mke2fs -F disk >/dev/null 2>&1; modprobe loop; \
             losetup /dev/loop0 disk; mount -t ext4 /dev/loop0 /mnt; echo $?; loaded; modprobe -r ext4; \
             umount /mnt; losetup -d /dev/loop0; modprobe -r ext4; modprobe -r loop; loaded",
            &["ext4", "in use", "loaded:\n"],
        ),
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
