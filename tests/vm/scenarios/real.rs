//! Real drivers and file systems: loaded, used, removed.

use super::{Scenario, same};

/// btrfs has one softdep line per soft dependency; kmod leaves all but one of these modules loaded.
const SEVERAL: &str = "Several softdep or weakdep lines for a module";

pub(super) fn all() -> Vec<Scenario> {
    [file_systems(), block(), devices()].into_iter().flatten().collect()
}

fn file_systems() -> Vec<Scenario> {
    vec![
        same(
            "btrfs",
            "modprobe loop; modprobe btrfs; mount_disk btrfs; lsmod; modprobe -r btrfs; umount_disk; \
             modprobe -r -v btrfs; loaded",
            &["raid6_pq", "content of btrfs", "Module btrfs is in use", "rmmod btrfs"],
        )
        .differs(SEVERAL, &["stdout", "modules"], "loaded: crc32c_generic"),
        // mount makes the kernel request the file system module.
        same(
            "xfs",
            "modprobe loop; mount_disk xfs; lsmod; rmmod xfs; umount_disk; modprobe -r -v xfs; loaded",
            &["content of xfs", "Module xfs is in use", "rmmod xfs"],
        ),
        same(
            "ext4",
            "modprobe loop; mount_disk ext4; lsmod; modprobe -r ext4; umount_disk; \
             modprobe -r ext4; modprobe -r loop; loaded",
            &["jbd2", "content of ext4", "in use", "loaded:\n"],
        ),
        // There is no server, but the mount makes the kernel request NFS version 4.
        same(
            "nfs",
            "modprobe -v nfs; while read -r line; do case $line in *nfs*) echo $line; esac; done </proc/filesystems; \
             ip link set lo up; mount -i -t nfs4 -o addr=127.0.0.1,clientaddr=127.0.0.1,soft,retrans=1,timeo=1 127.0.0.1:/ /mnt; \
             loaded; ip link set lo down; modprobe -r nfsv4; modprobe -r nfs; loaded",
            &["sunrpc", "nodev nfs4", "nfsv4", "Connection refused"],
        ),
    ]
}

fn block() -> Vec<Scenario> {
    vec![
        // The written data can be read through the mapping, and is encrypted on the disk below it.
        same(
            "dm-crypt",
            "key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f; \
             modprobe loop; modprobe -v dm-crypt; dd if=/dev/zero of=disk bs=64k count=16 2>/dev/null; losetup /dev/loop0 disk; \
             dmsetup create --noudevsync secret --table \"0 2048 crypt aes-xts-plain64 $key 0 /dev/loop0 0\"; echo $?; \
             echo 'a plain text' | dd of=/dev/mapper/secret bs=512 conv=sync,fsync 2>/dev/null; \
             dd if=/dev/mapper/secret bs=512 count=1 2>/dev/null | tr -d '\\0'; grep -c 'plain text' disk; \
             loaded; modprobe -r dm-crypt; dmsetup remove --noudevsync secret; losetup -d /dev/loop0; \
             modprobe -r -v dm-crypt; loaded",
            &["dm_mod", "a plain text", "xts", "Module dm_crypt is in use", "rmmod dm_crypt"],
        ),
        same(
            "disks",
            "modprobe -a virtio_pci virtio_blk nvme ahci sd_mod; sleep 2; ls /sys/block; for disk in vda nvme0n1 sda; do \
             dd if=/dev/$disk bs=64k count=1 2>/dev/null | sha256sum; done; modprobe -r -v -a virtio_blk nvme ahci sd_mod; loaded",
            &["nvme0n1\n", "sda\n", "vda\n", "rmmod nvme\n"],
        ),
    ]
}

fn devices() -> Vec<Scenario> {
    vec![
        // The emulated processor is from AMD, so kvm-intel is refused.
        same(
            "kvm",
            "modprobe kvm-intel; modprobe kvm-amd; ls /dev/kvm; exec 4<>/dev/kvm; lsmod; modprobe -r kvm-amd; \
             exec 4>&-; modprobe -r -v kvm-amd; modprobe -r -v kvm-intel; ls /dev/kvm; loaded",
            &["'kvm_intel': ", "/dev/kvm\n", "Module kvm_amd is in use", "rmmod kvm_amd"],
        ),
        same(
            "sound",
            "modprobe -v snd-hda-intel; sleep 1; cat /proc/asound/cards; ls /dev/snd; loaded; \
             modprobe -r snd-hda-intel; loaded",
            &["HDA Intel", "controlC0", "snd_hda_codec_generic"],
        ),
        // The sound card uses the codec's module, but /proc/modules does not name this user.
        same(
            "sound-softdeps",
            "printf 'softdep snd-hda-intel pre: ox_base post: snd-hda-codec-generic ox_plain\\noptions snd-hda-intel id=ours\\n' | config; \
             modprobe -v snd-hda-intel; sleep 1; cat /proc/asound/cards; modprobe -r -v snd-hda-intel; loaded",
            &["[ours", "rmmod ox_plain", "Module snd_hda_codec_generic is in use"],
        ),
        same(
            "network",
            "modprobe virtio_pci; for device in /sys/bus/pci/devices/* /sys/bus/virtio/devices/*; do read -r alias <$device/modalias; \
             case $alias in *bc02*|virtio:d00000001*) modprobe -v \"$alias\"; esac; done; sleep 1; ls /sys/class/net; \
             for link in /sys/class/net/e*; do ip link set ${link##*/} up; sleep 5; cat $link/carrier; done; \
             lsmod; for link in /sys/class/net/e*; do ip link set ${link##*/} down; done; \
             modprobe -r -v e1000e virtio_net; loaded",
            &["eth0\n", "eth1\n", "1\n        1\n", "rmmod e1000e"],
        ),
        same(
            "watchdog",
            "modprobe -v i6300esb heartbeat=99; ls /dev/watchdog0; lsmod; modprobe -r -v i6300esb; loaded",
            &["/dev/watchdog0", "heartbeat=99\n", "rmmod i6300esb"],
        ),
    ]
}
