//! Runs a virtual machine: boots a kernel with an initial file system and returns what it wrote to its second serial
//! port. Everything is emulated, so that no feature of the host is needed.
//!
//! The guest's clock advances with the instructions that it executes and skips ahead while it sleeps: sleeping is
//! free, and the order of events does not depend on the load of the host.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use oxmod_test_support::Kernel;

use crate::image::which;

/// The machine is killed after this time; a normal run takes a fraction of it.
const LIMIT: Duration = Duration::from_mins(20);

/// The kernel's command line, which some scenarios read.
const CMDLINE: &str = "console=ttyS0 quiet panic=-1 rcupdate.rcu_expedited=1 mitigations=off nokaslr audit=0 ox_params.usmall=5 ox_params.text=\"of the boot\" \
                       modprobe.blacklist=ox_devname module_blacklist=ox_signed_keyid";

/// The devices for coldplug: network cards without a connection to the host, sound, empty disks that need no image
/// file, and others.
const DEVICES: &str = "
    -nic none -device e1000e,romfile= -device virtio-net-pci,romfile=
    -audiodev none,id=sound -device intel-hda -device hda-duplex,audiodev=sound
    -blockdev null-co,node-name=one,size=67108864,read-zeroes=on -device virtio-blk-pci,drive=one
    -blockdev null-co,node-name=two,size=67108864,read-zeroes=on -device nvme,drive=two,serial=oxmod
    -blockdev null-co,node-name=three,size=67108864,read-zeroes=on
    -device ich9-ahci,id=ahci -device ide-hd,drive=three,bus=ahci.0
    -device qemu-xhci -device usb-kbd -device i6300esb
    -object rng-builtin,id=random -device virtio-rng-pci,rng=random";

/// The number of attempts to boot. Under emulation, kernels rarely fail to reach process 1, which does not indicate
/// a fault of the tools.
const BOOTS: usize = 3;

/// Boots with one emulated processor and waits until the machine powers off.
///
/// # Panics
/// If the report is incomplete; the message includes the last lines of the console.
pub(crate) fn boot(dir: &Path, kernel: &Kernel, initrd: &Path) -> String {
    let (console, results, words) = (dir.join("console"), dir.join("results"), dir.join("qemu"));
    let read = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\r', "");
    let mut text = String::new();
    for _ in 0..BOOTS {
        run(kernel, initrd, &console, &results, &words);
        text = read(&results);
        if !text.is_empty() {
            break;
        }
    }
    let tail = |text: &str| {
        text.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    assert!(
        text.trim_end().ends_with("@@@ end"),
        "the machine stopped before its end\n{}\n---- console\n{}\n---- qemu\n{}",
        tail(&text),
        tail(&read(&console)),
        tail(&read(&words))
    );
    text
}

/// Boots once, and waits until the machine powers off or the limit is reached.
fn run(kernel: &Kernel, initrd: &Path, console: &Path, results: &Path, words: &Path) {
    let serial = |path: &Path| format!("file:{}", path.display());
    let mut qemu = Command::new(which("qemu-system-x86_64"))
        .args(["-accel", "tcg", "-icount", "shift=0,sleep=off", "-rtc", "clock=vm", "-seed", "1"])
        .args(["-cpu", "qemu64,+svm", "-smp", "1", "-m", "1024", "-nodefaults", "-no-reboot"])
        .args(["-display", "none", "-monitor", "none"])
        .args(DEVICES.split_whitespace())
        .args(["-serial", &serial(console), "-serial", &serial(results)])
        .arg("-kernel")
        .arg(kernel.root.join(format!("boot/vmlinuz-{}", kernel.release)))
        .arg("-initrd")
        .arg(initrd)
        .args(["-append", CMDLINE])
        .stdin(Stdio::null())
        .stderr(fs::File::create(words).expect("a file for what qemu says"))
        .spawn()
        .expect("qemu does not start");
    let end = Instant::now() + LIMIT;
    while qemu.try_wait().expect("qemu").is_none() {
        if Instant::now() > end {
            let _ = qemu.kill();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
