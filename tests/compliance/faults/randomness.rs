//! A machine without random bytes: kernels before 3.17, seccomp filters that refuse getrandom, early boot, and no
//! /dev/urandom. No tool needs any.
//!
//! `OXMOD_KMOD=PATH cargo test --test compliance -- randomness` tests another build, such as the static one. Such a build
//! makes its module calls to the kernel itself, which rejects these modules.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oxmod_test_support::{RELEASE, Root, Run, Shim, Side, sides};

use super::{Seen, seen, tree};

/// Commands of both tools. `@` stands for the release.
const COMMANDS: [&str; 20] = [
    "lsmod",
    "kmod list",
    "kmod static-nodes",
    "modinfo -k @ top zstd xz gzip soft",
    "modinfo -k @ -F description xz",
    "modprobe -S @ top",
    "modprobe -S @ -a soft zstd xz gzip nosuch",
    "modprobe -S @ -v other",
    "modprobe -S @ -n pci:v2",
    "modprobe -S @ -c",
    "modprobe -S @ -D soft",
    "modprobe -S @ -R pci:v2",
    "modprobe -S @ -r base",
    "modprobe -S @ -r -v nosuch",
    "rmmod base",
    "insmod /lib/modules/@/mid.ko",
    "depmod -n @",
    "depmod @",
    "depmod -A @",
    "depmod -w -e -F /System.map @",
];

/// Commands that only our tools have.
const OURS: [&str; 26] = [
    "lsmod --json",
    "modinfo -k @ --json top zstd xz gzip soft nosuch",
    "modinfo -k @ -F firmware --all",
    "modprobe -S @ --jobs 4 -a top soft zstd xz gzip",
    "modprobe -S @ --json -n -a top soft nosuch",
    "modprobe -S @ --json -r base",
    "modprobe -S @ --meta /lib/modules/@/meta.pb -R pci:v2",
    "depmod --full @",
    "depmod --full --meta @",
    "depmod --verify @",
    "kmod coldplug -k @",
    "kmod coldplug -k @ -n --json",
    "kmod coldplug -k @ --jobs 4",
    "kmod firmware list -k @",
    "kmod firmware prune -k @ --copy-to /image",
    "kmod firmware missing -k @ --json",
    "kmod firmware owners -k @ --json",
    "kmod fwprune -h",
    "kmod meta build -k @ -o /new.pb",
    "kmod meta show -k @",
    "kmod meta show -k @ --json",
    "kmod meta lookup -k @ --json pci:v2",
    "kmod meta verify -k @",
    "kmod complete modprobe -S @ ca",
    "kmod complete modprobe -r b",
    "kmod help",
];

/// Builds the tree of the other tests with a loaded module, a device, firmware and a meta.pb.
fn equipped() -> Root {
    let root = tree();
    root.loaded("base", 16384, 0, &[]);
    root.module("card.ko", |m| m.alias("pci:v2*").info("firmware", "card.bin").need("sym_base"));
    root.file("lib/firmware/card.bin", "x").file("lib/firmware/unused.bin", "x");
    root.file("sys/devices/pci0/modalias", "pci:v2\n").file("sys/devices/pci0/uevent", "MODALIAS=pci:v2\n");
    root.file("etc/modprobe.d/x.conf", "options base x=1\nalias other mid\n");
    root.file("System.map", "0000000000000000 T __ksymtab_none\n");
    let made = Run::new("depmod").args(["--meta", RELEASE]).inside(&root).on(Side::Ours);
    assert_eq!(made.code, 0, "{made:?}");
    root
}

/// Returns the answer of a command, and the files after it, without the cache, which contains times.
fn outcome(command: &str, side: Side, no_random: Option<i32>) -> (Seen, BTreeMap<PathBuf, Vec<u8>>) {
    let root = equipped();
    let command = command.replace('@', RELEASE);
    let mut words = command.split(' ');
    let run = Run::new(words.next().expect("a tool")).args(words);
    let run = no_random.into_iter().fold(run, Run::no_random);
    let (code, stdout, stderr, calls) = seen(&Shim::new().run(&root, &run, side));
    // Parallel calls have no order.
    let mut calls: Vec<&str> = calls.lines().collect();
    calls.sort_unstable();
    let mut files = root.snapshot("");
    files.retain(|path, _| {
        ["modules.oxmod.bin", "shim-calls", "dev/random", "dev/urandom"]
            .iter()
            .all(|end| !path.ends_with(end))
    });
    ((code, stdout, stderr, calls.join("\n")), files)
}

#[test]
fn no_tool_needs_random_bytes() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let of_both = COMMANDS.iter().flat_map(|command| sides().iter().map(move |side| (command, *side)));
    let of_ours = OURS.iter().map(|command| (command, Side::Ours)).filter(|(_, side)| sides().contains(side));
    for (command, side) in of_both.chain(of_ours) {
        let usual = outcome(command, side, None);
        // 101 would be a panic.
        assert!(usual.0.0 <= 2, "{side:?} {command}: {:?}", usual.0);
        for errno in [libc::ENOSYS, libc::EPERM, libc::EAGAIN] {
            compared += 1;
            let answer = outcome(command, side, Some(errno));
            if answer != usual {
                wrong.push(format!("{side:?} {command}, errno {errno}: {:?} not {:?}\n", answer.0, usual.0));
            }
        }
    }
    assert!(compared > OURS.len(), "nothing was run");
    assert!(wrong.is_empty(), "{} of {compared}\n{}", wrong.len(), wrong.concat());
}

/// Tests the tests: the machine has random bytes, and the commands above run without them.
#[test]
fn the_tests_run_without_random_bytes() {
    let root = Root::new();
    let perl = "my $bytes = 'x' x 8; syscall(shift, $bytes, 8, 0) == 8 ? print('bytes') : print($! + 0)";
    let number = libc::SYS_getrandom.to_string();
    let script =
        format!("perl -e \"$0\" {number}; test -e /dev/urandom || test -e /dev/random || printf ' none'");
    let run = Run::shell(&script).arg(perl).inside(&root);
    assert_eq!(run.on(Side::Ours).triple(), (0, "bytes".into(), String::new()));
    for errno in [libc::ENOSYS, libc::EPERM, libc::EAGAIN] {
        let root = Root::new();
        let run = Run::shell(&script).arg(perl).inside(&root).no_random(errno);
        assert_eq!(run.on(Side::Ours).triple(), (0, format!("{errno} none"), String::new()));
    }
}
