//! A machine without indexes and without other module tools: it has our static binary, a meta.pb, `.ko.xz` files,
//! and busybox, which provides the shell for process 1 and `mount`, `cat` and the like. The only module tool among
//! the applets is `rmmod`, which plays another process that removes modules. The binary is also `/sbin/modprobe`,
//! which the kernel calls. The reference is not tested, since it cannot work without indexes.
//!
//! Needs the static binary that scripts/build-static builds.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use oxmod_test_support::{Compression, Kernel, compress, kernels, ours};

use crate::record::{self, Record};
use crate::{image, machine};

const APPLETS: [&str; 12] =
    ["sh", "mount", "mkdir", "stty", "cat", "find", "sleep", "readlink", "rmmod", "sync", "poweroff", "kill"];

/// The modules that the kernel requests through /sbin/modprobe: the sound card's codec and its dependencies,
/// checksums.
const BY_THE_KERNEL: [&str; 5] = [
    "snd_hda_codec_generic",
    "snd_hda_scodec_component",
    "ledtrig_audio",
    "crc64_rocksoft_generic",
    "crct10dif_generic",
];

/// The directory that contains meta.pb and the module files.
fn place(kernel: &Kernel) -> PathBuf {
    // On bookworm it is the module directory, on trixie the directory above all module directories.
    let modules = Path::new("lib/modules");
    if kernel.suite == "bookworm" { modules.join(&kernel.release) } else { modules.to_owned() }
}

#[test]
fn coldplug_bookworm() {
    coldplug("bookworm");
}

#[test]
fn coldplug_trixie() {
    coldplug("trixie");
}

fn coldplug(suite: &str) {
    let wanted = std::env::var("VM_SCENARIOS").unwrap_or_default();
    if !wanted.split(',').any(|word| "no-indexes-coldplug".contains(word)) {
        return;
    }
    let kernel = kernels().into_iter().find(|kernel| kernel.suite == suite);
    let kernel = kernel.unwrap_or_else(|| panic!("no kernel of Debian {suite} here: run scripts/lab"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let initrd = build(dir.path(), &kernel);
    let records = record::parse(&machine::boot(dir.path(), &kernel, &initrd));
    let record = records.get(&("no-indexes".to_owned(), "ours".to_owned())).expect("a report");
    if !wanted.is_empty() {
        println!("{record}");
    }
    the_image_has_only_the_expected_files(&kernel, record);
    disk_network_and_sound_work(record);
    threads_have_the_same_result_as_one(record);
    new_devices_get_their_drivers(record);
}

/// Returns the text of a section.
fn of<'r>(record: &'r Record, section: &str) -> &'r str {
    record.section(section)
}

fn names<'r>(record: &'r Record, section: &str) -> BTreeSet<&'r str> {
    of(record, section).lines().collect()
}

/// Returns the modules that were inserted according to the messages, in order.
fn inserted<'r>(record: &'r Record, section: &str) -> Vec<&'r str> {
    of(record, section)
        .lines()
        .filter_map(|line| line.strip_prefix("kmod: NOTICE: inserted '")?.split('\'').next())
        .collect()
}

fn the_image_has_only_the_expected_files(kernel: &Kernel, record: &Record) {
    let place = format!("/{}/", place(kernel).display());
    let others: Vec<&str> = of(record, "files")
        .lines()
        .filter(|file| !file.strip_prefix(&place).is_some_and(|file| file.ends_with(".ko.xz")))
        .filter(|file| !file.starts_with("/run/"))
        .collect();
    assert_eq!(
        BTreeSet::from_iter(others),
        ["/bin/busybox", "/init", "/kmod", &format!("{place}meta.pb")].into()
    );
    assert!(of(record, "files").lines().count() > 50);
}

fn disk_network_and_sound_work(record: &Record) {
    let (before, after) = (of(record, "before"), names(record, "after"));
    for device in ["block/vda", "block/nvme0n1", "class/net/eth0", "class/net/eth1", "class/sound/card0"] {
        assert!(!before.contains(device) && after.contains(device), "{device}: {before}\n{after:?}");
    }
    assert!(of(record, "after").contains("HDA-Intel"));
    assert_eq!((of(record, "one code"), of(record, "again code")), ("0", "0"));
    // A dry run lists modules only for devices that exist already; disks appear once their controller's driver is
    // loaded.
    let dry = of(record, "dry");
    for module in ["nvme", "e1000e", "snd-hda-intel"] {
        assert!(dry.contains(&format!("/{module}.ko.xz ")), "{module}: {dry}");
    }
    assert!(!dry.contains("/sd_mod.ko"), "{dry}");
    assert_eq!(of(record, "dry modules"), "");
}

/// Checks that each module is inserted once, and that a second run has nothing to do.
fn threads_have_the_same_result_as_one(record: &Record) {
    let (one, many) = (names(record, "one modules"), names(record, "many modules"));
    assert!(one.len() > 20, "{one:?}");
    assert_eq!(one, many);
    for section in ["one", "many"] {
        let modules = inserted(record, section);
        let each: BTreeSet<&str> = modules.iter().copied().collect();
        assert_eq!(modules.len(), each.len(), "{modules:?}");
        let by_the_kernel: Vec<&str> = one.difference(&each).copied().collect();
        assert!(by_the_kernel.iter().all(|name| BY_THE_KERNEL.contains(name)), "{by_the_kernel:?}");
        assert!(each.is_subset(&one), "{each:?}");
    }
    the_kernel_was_called_once_for_each(record);
    assert_eq!(inserted(record, "again"), [""; 0]);
    assert_eq!((of(record, "unloaded"), of(record, "many code")), ("", "0"));
}

/// Checks the kernel's trace of the calls made by 32 threads: one call per module, which succeeded or found no
/// device, and a second one for each file that the kernel could not decompress.
fn the_kernel_was_called_once_for_each(record: &Record) {
    let calls: Vec<&str> =
        of(record, "many calls").lines().filter(|line| line.trim_start().starts_with("kmod-")).collect();
    let ends: Vec<&str> = calls.iter().filter_map(|line| Some(line.split_once(" -> ")?.1)).collect();
    let modules = inserted(record, "many").len();
    assert_eq!(ends.iter().filter(|end| **end == "0x0").count(), modules, "{calls:?}");
    let idle = ends.iter().filter(|end| **end == format!("{:#x}", -i64::from(libc::ENODEV))).count();
    let again = of(record, "many").lines().filter(|line| line.contains("decompress")).count();
    assert_eq!(ends.len(), modules + idle + again, "{calls:?}");
    assert_eq!(calls.len(), 2 * ends.len(), "{calls:?}");
}

fn new_devices_get_their_drivers(record: &Record) {
    let modules = inserted(record, "watched");
    assert_eq!(modules, ["e1000e", "i6300esb", "i6300esb"], "{}", of(record, "watched"));
    // The configuration was changed twice.
    let count = |words: &str| of(record, "watched").lines().filter(|line| line.contains(words)).count();
    let (reloaded, skipped) = (count("reloaded indexes and configuration"), count("blacklisted 'i6300esb'"));
    assert_eq!((reloaded, skipped), (2, 1), "{}", of(record, "watched"));
    let networks = |section| names(record, section).iter().filter(|name| name.contains("net/eth")).count();
    assert_eq!((networks("unplugged"), networks("replugged")), (1, 2));
    assert_eq!(of(record, "watched code"), "0");
    assert_eq!(names(record, "watched modules"), names(record, "one modules"));
}

/// Builds the initial file system.
fn build(dir: &Path, kernel: &Kernel) -> PathBuf {
    let root = dir.join("root");
    for name in ["bin", "proc", "sys", "dev", "run"] {
        image::make(&root.join(name));
    }
    image::copy(&image::which("busybox"), &root.join("bin/busybox"));
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).expect(applet);
    }
    image::copy(&static_binary(), &root.join("kmod"));
    image::make(&root.join("sbin"));
    symlink("../kmod", root.join("sbin/modprobe")).expect("a link");
    image::write(&root.join("init"), include_bytes!("guest/no_indexes"));
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).expect("init");
    put_modules(&root, dir, kernel);
    image::pack(&root, &dir.join("initrd"))
}

/// Writes the modules that the devices need, all as `.ko.xz`, and a meta.pb for exactly these modules. It is built
/// on the host, from the kernel's lists of built-in modules.
fn put_modules(root: &Path, dir: &Path, kernel: &Kernel) {
    let tree = kernel.root.join("lib/modules").join(&kernel.release);
    let made = dir.join("made");
    for file in image::closure(kernel, image::REAL.split_whitespace()) {
        let below = file.strip_prefix(&tree).expect("a module of the kernel");
        let bytes = fs::read(&file).expect("a module");
        if below.extension().is_some_and(|extension| extension == "xz") {
            image::write(&made.join(below), &bytes);
        } else {
            image::write(&made.join(below).with_extension("ko.xz"), &compress(&bytes, Compression::Xz));
        }
    }
    for name in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        image::copy(&tree.join(name), &made.join(name));
    }
    let to = root.join(place(kernel));
    image::run(
        Command::new(ours()).args(["meta", "build", "--dir"]).arg(&made).arg("-o").arg(made.join("meta.pb")),
    );
    image::make(&to);
    for name in ["meta.pb", "kernel"] {
        fs::rename(made.join(name), to.join(name)).expect("the same file system");
    }
}

/// Returns the binary that scripts/build-static built. Panics if it is older than the sources.
fn static_binary() -> PathBuf {
    let target = ours().ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default();
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let binary = target.join(triple).join("static/kmod");
    let made = modified(&binary);
    assert!(made.is_some(), "no {}: run scripts/build-static", binary.display());
    let sources = newest(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(made >= sources, "{} is older than the sources: run scripts/build-static", binary.display());
    binary
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// Returns the modification time of the newest Rust file below a directory.
fn newest(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir).expect("sources").flatten().map(|entry| entry.path());
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    entries
        .filter(|path| path.is_dir() || is_source(path))
        .map(|path| if path.is_dir() { newest(&path) } else { modified(&path) })
        .max()
        .flatten()
}
