//! The manual pages: each describes exactly the options of its tool, and all examples work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oxmod_test_support::{Root, Run, Shim, Side};

/// An option: its names, including the dashes, and whether it has a value.
type Opt = (BTreeSet<String>, bool);

/// The subcommands of `kmod` with options of their own; `list` has those of lsmod.
const SUBCOMMANDS: [&str; 6] = ["static-nodes", "complete", "meta", "coldplug", "firmware", "fwprune"];

/// Those of them that have the options in common that are described once.
const OURS: [&str; 3] = ["meta", "coldplug", "firmware"];

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the options that `--help` lists.
fn options_of(tool: &str, args: &[&str]) -> Vec<Opt> {
    let help = Run::new(tool).args(args).arg("--help").on(Side::Ours).stdout_text();
    let options = help.lines().filter(|line| line.trim_start().starts_with('-')).map(|line| {
        let line = line.trim_start();
        let (left, text) = line.split_once("  ").unwrap_or((line, ""));
        let mut names: BTreeSet<String> =
            left.split([',', ' ']).filter(|word| word.starts_with('-')).map(str::to_owned).collect();
        let aliases = text.split_once("[alias: ").and_then(|(_, rest)| rest.split_once(']'));
        names.extend(aliases.into_iter().flat_map(|(list, _)| list.split(", ")).map(str::to_owned));
        (names, left.contains('<'))
    });
    options.collect()
}

/// Returns the options that a page, or a part of one, describes: `.It Fl x , -long Ar value`.
fn options_in(text: &str) -> Vec<Opt> {
    let described = text.lines().filter_map(|line| line.strip_prefix(".It Fl ")).map(|line| {
        let (names, value) = line.split_once(" Ar ").map_or((line, false), |(names, _)| (names, true));
        (names.split(" , ").map(|name| format!("-{name}")).collect(), value)
    });
    described.collect()
}

fn sorted(mut options: Vec<Opt>) -> Vec<Opt> {
    options.sort();
    options
}

#[test]
fn pages_and_tools_have_the_same_options() {
    for tool in ["modprobe", "depmod", "modinfo", "lsmod", "insmod", "rmmod"] {
        let there = options_of(tool, &[]);
        assert!(there.len() >= 4, "{tool}: {there:?}");
        assert_eq!(sorted(options_in(&page(&format!("{tool}.8")))), sorted(there), "{tool}");
    }
    let text = page("kmod.8");
    let mut parts: BTreeMap<&str, &str> = BTreeMap::new();
    for part in text.split("\n.Ss ") {
        let (title, rest) = part.split_once('\n').expect("a title");
        parts.insert(if title.starts_with('.') { "" } else { title.trim_start_matches("kmod ") }, rest);
    }
    assert_eq!(sorted(options_in(parts[""])), sorted(options_of("kmod", &[])));
    for command in SUBCOMMANDS {
        // -h is described once for all subcommands.
        let mut there = options_of("kmod", &[command]);
        there.retain(|(names, _)| !names.contains("-h"));
        assert!(there.len() >= 2, "{command}: {there:?}");
        let mut described = options_in(parts[command]);
        if OURS.contains(&command) {
            described.extend(options_in(parts["Common options"]));
        }
        assert_eq!(sorted(described), sorted(there), "kmod {command}");
    }
}

/// Checks that the page has a section for each subcommand, and no others.
#[test]
fn kmod_8_has_every_command() {
    let help = Run::new("kmod").arg("--help").on(Side::Ours).stdout_text();
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut there: BTreeSet<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    there.remove("help");
    let text = page("kmod.8");
    assert_eq!(
        text.lines().filter_map(|line| line.strip_prefix(".Ss kmod ")).collect::<BTreeSet<_>>(),
        there
    );
}

/// Checks that each page that is referred to exists, or belongs to another project.
#[test]
fn referenced_pages_exist() {
    let others = [
        "awk 1",
        "dmesg 1",
        "jq 1",
        "fnmatch 3",
        "glob 3",
        "tmpfiles.d 5",
        "regex 7",
        "proc 5",
        "sysfs 5",
        "systemd-modules-load 8",
        "systemd-udevd 8",
    ];
    let mut count = 0;
    for path in pages() {
        let text = page(path.file_name().unwrap().to_str().unwrap());
        for line in text.lines().filter_map(|line| line.strip_prefix(".Xr ")) {
            let words: Vec<&str> = line.split(' ').take(2).collect();
            let reference = words.join(" ");
            count += 1;
            let file = format!("man/{}", reference.replace(' ', "."));
            assert!(
                others.contains(&&*reference) || Path::new(env!("CARGO_MANIFEST_DIR")).join(file).exists(),
                "{}: {reference}",
                path.display()
            );
        }
    }
    assert!(count > 100, "{count}");
}

fn pages() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end.len() == 1)).collect()
}

/// Builds a system on which all examples work, with the running kernel's modules also under a second release.
fn system() -> Root {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let root = Root::for_release(release.trim());
    root.module("kernel/fs/jbd2/jbd2.ko", |m| m.export("jbd2", 1));
    root.module("kernel/fs/ext4/ext4.ko.xz", |m| m.need("jbd2").alias("fs-ext4"));
    root.module("kernel/drivers/net/e1000e.ko.zst", |m| {
        m.alias("pci:v00008086d000010D3sv*sd*bc*sc*i*")
            .info("description", "a NIC")
            .info("firmware", "e1000.bin")
    });
    root.module("kernel/drivers/block/loop.ko", |m| m.alias("block-major-7-*"));
    root.module("kernel/drivers/scsi/scsi_mod.ko", |m| m.export("scsi", 1));
    root.module("kernel/drivers/usb/usb-storage.ko", |m| m.need("scsi"));
    root.module("hello.ko", |m| m);
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), "");
    }
    root.file("lib/firmware/e1000.bin", "firmware").dir("sys/devices");
    for (name, users) in [("usb_storage", 0), ("scsi_mod", 0), ("loop", 0)] {
        root.loaded(name, 4096, users, &[]);
    }
    let modules = root.path("lib/modules");
    std::os::unix::fs::symlink(root.release(), modules.join("6.1.0-test")).unwrap();
    root.dir("image/lib");
    std::os::unix::fs::symlink("/lib/modules", root.path("image/lib/modules")).unwrap();
    assert_eq!(Run::new("depmod").inside(&root).on(Side::Ours).triple(), (0, String::new(), String::new()));
    root
}

/// Runs each `.Dl` line in EXAMPLES, in the order of the page, on the same system.
#[test]
fn examples_work() {
    let mut count = 0;
    for path in pages().into_iter().filter(|path| path.extension().is_some_and(|end| end == "8")) {
        let text = page(path.file_name().unwrap().to_str().unwrap());
        let examples = text.split_once("\n.Sh EXAMPLES\n").map_or("", |(_, rest)| rest);
        let root = system();
        for line in examples.lines().filter_map(|line| line.strip_prefix(".Dl ")) {
            let script = line.replace("\\e", "\\");
            let run = Run::shell(&format!("cd /lib/modules/6.1.0-test && {script}"));
            let answer = Shim::new().run(&root, &run, Side::Ours).answer;
            assert_eq!(
                (answer.code, answer.stderr_text()),
                (0, String::new()),
                "{}: {script}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}
