//! Builds the initial file system of the virtual machine: the tools of both sides with their libraries, busybox, our
//! small test modules and damaged copies of them, the real modules that scenarios load, and the scenarios.
//!
//! Everything is copied from the lab and from this build. Needs static busybox and strip.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oxmod_test_support::{Compression, Kernel, compress, ours, reference};

use crate::scenarios::Scenario;

/// The tools of each side.
const TOOLS: [&str; 6] = ["modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"];

/// The applets that the guest's scripts call.
const APPLETS: [&str; 25] = [
    "sh", "mount", "umount", "cat", "ln", "rm", "mkdir", "dmesg", "stty", "timeout", "uname", "sleep", "ip",
    "dd", "mke2fs", "losetup", "cp", "sync", "poweroff", "kill", "ls", "test", "wc", "readlink", "sed",
];

/// The real modules that scenarios load or devices request; their dependencies are included automatically.
pub(crate) const REAL: &str = "
    btrfs crc32c_generic xxhash_generic sha256_generic xfs ext4 loop nfs nfsv4 dm-crypt xts kvm-intel kvm-amd
    e1000e virtio_net virtio_pci dummy snd-hda-intel snd-hda-codec-generic bfq i2c-dev hid-generic usbhid sd_mod
    button floppy qemu_fw_cfg i6300esb virtio_rng xhci_pci virtio_blk ata_generic ata_piix i2c-piix4 nvme ahci
    pcspkr psmouse serio_raw evdev powernow-k8 acpi-cpufreq pcc-cpufreq amd64_edac crct10dif_generic
    crc64_rocksoft_generic";

/// The file systems to mount: type, program that creates one, and its options.
const DISKS: [(&str, &str, &[&str]); 3] = [
    ("btrfs", "mkfs.btrfs", &["-q", "--mixed"]),
    // The image is smaller than what mkfs.xfs supports.
    ("xfs", "mkfs.xfs", &["-q", "--unsupported"]),
    ("ext4", "mkfs.ext4", &["-q"]),
];

/// Writes the initial file system for `kernel` to `dir`/initrd.
pub(crate) fn build(dir: &Path, kernel: &Kernel, scenarios: &[&Scenario]) -> PathBuf {
    let root = dir.join("root");
    for name in ["bin", "proc", "sys", "dev", "tmp", "etc", "vm/scenarios", "usr/lib", "lib64"] {
        make(&root.join(name));
    }
    put_tools(&root);
    put_modules(&root, kernel);
    put_scripts(&root, scenarios);
    pack(&root, &dir.join("initrd"))
}

fn put_tools(root: &Path) {
    let busybox = which("busybox");
    copy(&busybox, &root.join("bin/busybox"));
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).expect(applet);
    }
    put_program(root, &which("dmsetup"), "bin/dmsetup");
    let theirs = reference().expect("no reference kmod: run scripts/lab");
    for (side, binary) in [("ours", ours()), ("theirs", theirs)] {
        let dir = root.join(side);
        make(&dir);
        for library in libraries(&binary) {
            copy(&library, &join(root, &library));
        }
        if side == "theirs" {
            // The reference loads these libraries at run time.
            for library in libraries(&binary).iter().filter(|path| path.ends_with("libc.so.6")) {
                for name in ["liblzma.so.5", "libzstd.so.1", "libz.so.1"] {
                    copy(&library.with_file_name(name), &join(root, &library.with_file_name(name)));
                }
            }
        }
        if side == "ours" {
            // A debug build consists mostly of debugging information.
            run(Command::new("strip").arg("-o").arg(dir.join("kmod")).arg(&binary));
        } else {
            copy(&binary, &dir.join("kmod"));
        }
        for tool in TOOLS {
            symlink("kmod", dir.join(tool)).expect(tool);
        }
    }
}

fn put_program(root: &Path, program: &Path, to: &str) {
    copy(program, &root.join(to));
    for library in libraries(program) {
        copy(&library, &join(root, &library));
    }
}

/// Returns the shared libraries of a program, as found by its dynamic loader; none if it is static.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let output = Command::new(binary).env("LD_TRACE_LOADED_OBJECTS", "1").stdin(Stdio::null()).output();
    let text = String::from_utf8(output.expect("the tool does not start").stdout).expect("paths");
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

fn put_modules(root: &Path, kernel: &Kernel) {
    let tree = Path::new("lib/modules").join(&kernel.release);
    let (from, to) = (kernel.root.join(&tree), root.join(&tree));
    make(&to);
    for name in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        copy(&from.join(name), &to.join(name));
    }
    for path in closure(kernel, REAL.split_whitespace()) {
        let path = path.strip_prefix(&kernel.root).expect("a path below the kernel's root").to_owned();
        copy(&kernel.root.join(&path), &root.join(&path));
    }
    put_small(&to.join("extra"), kernel);
    put_damaged(&root.join("x"), kernel);
    put_disks(&root.join("x"));
    let depmod = reference().expect("reference").with_file_name("depmod");
    run(Command::new(depmod).arg("-b").arg(root).arg(&kernel.release));
}

/// Returns the module files for devices with these aliases that are missing from the image.
pub(crate) fn left_out<'a>(kernel: &Kernel, aliases: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let there = closure(kernel, REAL.split_whitespace());
    closure(kernel, aliases).into_iter().filter(|path| !there.contains(path)).collect()
}

/// Returns the files that the reference would load for the names. A name may be built in or unknown to a kernel.
pub(crate) fn closure<'n>(kernel: &Kernel, names: impl Iterator<Item = &'n str>) -> BTreeSet<PathBuf> {
    let modprobe = reference().expect("reference").with_file_name("modprobe");
    let output = Command::new(modprobe)
        .arg("-d")
        .arg(&kernel.root)
        .args(["-C", "/nosuch", "-S", &kernel.release, "-aqD"])
        .args(names)
        .output()
        .expect("modprobe -D");
    let text = String::from_utf8(output.stdout).expect("paths");
    let files = text.lines().filter_map(|line| line.strip_prefix("insmod ")).map(|path| path.trim().into());
    files.collect()
}

/// Returns one of our small test modules, without debugging information, as it would be installed.
fn small(kernel: &Kernel, name: &str) -> Vec<u8> {
    let kbuild = kernel.kbuild.as_deref().expect("our small modules are not built: run scripts/lab modules");
    let path = kbuild.join(name).with_extension("ko");
    let whole = fs::read(&path);
    let whole = whole.unwrap_or_else(|error| panic!("{} ({error}): run scripts/lab modules", path.display()));
    // strip would remove the signature, which follows the sections.
    if whole.ends_with(b"~Module signature appended~\n") {
        return whole;
    }
    let stripped = tempfile::NamedTempFile::new().expect("a temporary file");
    run(Command::new("strip").arg("-g").arg("-o").arg(stripped.path()).arg(&path));
    fs::read(stripped.path()).expect("the stripped module")
}

/// Writes our test modules into the tree, some of them compressed.
fn put_small(extra: &Path, kernel: &Kernel) {
    make(extra);
    let plain = [
        "ox_base",
        "ox_mid",
        "ox_top",
        "ox_params",
        "ox_soft",
        "ox_cycle_a",
        "ox_cycle_b",
        "ox_slow",
        "ox_fail",
        "ox_plain",
        "ox_signed",
        "ox_signed_keyid",
        "ox_firmware",
    ];
    for name in plain {
        write(&extra.join(format!("{name}.ko")), &small(kernel, name));
    }
    let compressed = [
        ("ox_aliases", Compression::Xz, "xz"),
        ("ox_devname", Compression::Zstd, "zst"),
        ("ox_weak", Compression::XzCrc64, "xz"),
    ];
    for (name, how, suffix) in compressed {
        write(&extra.join(format!("{name}.ko.{suffix}")), &compress(&small(kernel, name), how));
    }
}

/// Writes modules for use as path operands: compressed in every way, damaged, or built for another kernel.
fn put_damaged(dir: &Path, kernel: &Kernel) {
    make(dir);
    let base = small(kernel, "ox_base");
    for (suffix, how) in [
        ("ko.gz", Compression::Gzip),
        ("ko.xz", Compression::Xz),
        ("ko.zst", Compression::Zstd),
        ("crc64.ko.xz", Compression::XzCrc64),
    ] {
        let packed = compress(&base, how);
        write(&dir.join(format!("cut_{suffix}")), packed.get(..packed.len() / 2).expect("half"));
        write(&dir.join(format!("ox_base.{suffix}")), &packed);
    }
    write(&dir.join("garbage.ko"), &b"this is no module\n".repeat(100));
    write(&dir.join("empty.ko"), b"");
    write(&dir.join("cut.ko"), base.get(..base.len() / 2).expect("half"));
    write(&dir.join("head.ko"), base.get(..32).expect("head"));
    write(&dir.join("garbage.ko.xz"), &compress(&b"this is no module\n".repeat(100), Compression::Xz));
    make(&dir.join("directory.ko"));
    let mut magic = base.clone();
    // Kernels with symbol versions do not compare the release, only what follows it.
    replace(&mut magic, b" mod_unload ", |found| found.fill(b'9'));
    write(&dir.join("vermagic/ox_base.ko"), &magic);
    write(&dir.join("vermagic/ox_base.ko.xz"), &compress(&magic, Compression::Xz));
    write(&dir.join("crc/ox_base.ko"), &other_crc(&base, b"module_layout"));
    write(&dir.join("crc/ox_mid.ko"), &other_crc(&small(kernel, "ox_mid"), b"ox_base_add"));
}

/// Returns the module with another CRC for a symbol that it needs. An entry of `__versions` consists of an 8-byte
/// CRC and a 56-byte name, padded with NUL.
fn other_crc(module: &[u8], symbol: &[u8]) -> Vec<u8> {
    let mut name = symbol.to_vec();
    name.resize(56, 0);
    let at = module.windows(56).position(|window| window == name).expect("a symbol version");
    let mut module = module.to_vec();
    *module.get_mut(at - 8).expect("a CRC") ^= 0x55;
    module
}

fn replace(bytes: &mut [u8], what: &[u8], with: impl Fn(&mut [u8])) {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.windows(what.len()).position(|w| w == what))
    {
        at += found;
        with(bytes.get_mut(at..at + what.len()).expect("in bounds"));
    }
}

/// Writes an empty file system of each type, compressed.
fn put_disks(dir: &Path) {
    for (name, program, options) in DISKS {
        let image = dir.join(name).with_extension("img");
        let file = fs::File::create(&image).and_then(|file| file.set_len(32 << 20));
        file.unwrap_or_else(|error| panic!("{}: {error}", image.display()));
        run(Command::new(which(program)).args(options).arg(&image));
        let packed = compress(&fs::read(&image).expect("the image just made"), Compression::Xz);
        write(&image.with_extension("img.xz"), &packed);
        fs::remove_file(&image).expect("the image just made");
    }
}

fn put_scripts(root: &Path, scenarios: &[&Scenario]) {
    let init = root.join("init");
    write(&init, include_bytes!("guest/init"));
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).expect("init");
    write(&root.join("etc/passwd"), b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
    write(&root.join("vm/prelude"), include_bytes!("guest/prelude"));
    let mut list = String::new();
    for scenario in scenarios {
        write(&root.join("vm/scenarios").join(scenario.name), scenario.script.as_bytes());
        list.push_str(scenario.name);
        list.push('\n');
    }
    write(&root.join("vm/list"), list.as_bytes());
}

/// Packs a tree into an archive.
pub(crate) fn pack(root: &Path, archive: &Path) -> PathBuf {
    let file = fs::File::create(archive).expect("archive");
    let script = "find . | busybox cpio -o -H newc 2>/dev/null";
    run(Command::new("sh").args(["-c", script]).current_dir(root).stdout(file));
    archive.to_owned()
}

/// Returns the path of a program.
///
/// # Panics
/// If it is not installed.
pub(crate) fn which(program: &str) -> PathBuf {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    // The administrator's directories may not be in PATH.
    let dirs = std::env::split_paths(&dirs).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = dirs.map(|dir| dir.join(program)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("no {program} here: scripts/test installs what this needs"))
}

/// Runs a program, which must succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.stderr(Stdio::piped()).spawn().and_then(std::process::Child::wait_with_output);
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn join(root: &Path, absolute: &Path) -> PathBuf {
    root.join(absolute.strip_prefix("/").expect("an absolute path"))
}

pub(crate) fn make(dir: &Path) {
    fs::create_dir_all(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    make(path.parent().expect("a parent"));
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

pub(crate) fn copy(from: &Path, to: &Path) {
    make(to.parent().expect("a parent"));
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}
