//! Roots with meta.pb and module files but without indexes: the tools give the same answers as with indexes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bstr::ByteSlice;
use oxmod::context::{ConfigSource, Context};
use oxmod::formats::index::text;
use oxmod::formats::meta::message;
use oxmod::name;
use oxmod::notice::{Notice, Sink};
use oxmod::ops::meta_check::example;
use oxmod_test_support::{RELEASE, Random, Root, Run, Shim, Side};
use prost::Message as _;

use super::{made, real_kernels, tree};
use crate::json::checked;

/// All modules and aliases of both kernels through the library, and the aliases and soft dependencies that the tools
/// print.
#[test]
fn real_kernels_are_the_same_without_indexes() {
    for kernel in real_kernels() {
        let (indexed, bytes) = made(&kernel);
        let only = Root::for_release(&kernel.release);
        only.file(only.in_modules("meta.pb"), bytes);
        let source = ConfigSource::Paths(Vec::new());
        let sink = Sink::new(|notice| panic!("{notice:?}"));
        let open = |root: &Root| Context::open(root.path(root.in_modules("")), &source, &sink);
        // This root's name ends in a slash, which must not matter.
        let (there, here) = (open(&indexed), open(&only));
        assert!(there.meta_file().is_none() && here.meta_file().is_some());
        assert_eq!(here.config().softdeps.len(), there.config().softdeps.len());
        let dep = fs::read(indexed.path(indexed.in_modules("modules.dep"))).unwrap();
        for line in text::deps(&dep) {
            let name = name::from_path(line.path);
            assert_eq!(here.checked_dep(&name).map(|dep| dep.line()), Some(line.line()));
        }
        let aliases = fs::read(indexed.path(indexed.in_modules("modules.alias"))).unwrap();
        let names = |context: &Context, device: &[u8]| {
            let found = context.lookup(device).unwrap().into_iter();
            let mut names: Vec<_> = found.map(|module| (module.name, module.builtin)).collect();
            names.sort();
            names.dedup();
            names
        };
        for (pattern, module) in text::entries(&aliases, "alias").step_by(10) {
            let Ok(pattern) = name::normalize_alias(pattern) else { continue };
            let device = example(&pattern);
            let found = names(&here, &device);
            assert_eq!(found, names(&there, &device), "{}", device.as_bstr());
            assert!(found.iter().any(|(name, _)| name == module));
        }
        the_whole_configuration(&kernel.release, &indexed, &only);
    }
}

/// Compares the output of `modprobe -c`. With meta.pb, a set of several ranges becomes several lines.
fn the_whole_configuration(release: &str, indexed: &Root, only: &Root) {
    let lines = |root: &Root| {
        let run =
            Run::new("modprobe").args(["-c", "-S", release, "-C", "/dev/null", "-d"]).arg(root.path(""));
        let text = run.on(Side::Ours).stdout_text();
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !line.contains("symbol:") && !line.starts_with('#'))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let (there, here) = (lines(indexed), lines(only));
    let lost: Vec<&String> = there.iter().filter(|line| here.binary_search(line).is_err()).collect();
    assert!(there.len() > 25_000 && lost.len() < 80, "{} of {}: {lost:?}", lost.len(), there.len());
    assert!(lost.iter().all(|line| line.contains('[')), "{lost:?}");
}

/// Builds the small tree with only a meta.pb; `above` puts it in the directory above the module directory.
pub(crate) fn without_indexes(above: bool) -> Root {
    let root = tree();
    let dir = if above { root.path("lib/modules") } else { root.path(root.in_modules("")) };
    let build = Run::new("kmod").args(["meta", "build", "-o"]).arg(dir.join("meta.pb"));
    // Paths are relative to the directory of the file.
    let build = if above { build.arg("--dir").arg(&dir) } else { build.arg("-b").arg(root.path("")) };
    let build = if above { build } else { build.arg(root.release()) };
    if above {
        for list in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            fs::rename(root.path(root.in_modules(list)), dir.join(list)).unwrap();
        }
    }
    assert_eq!(build.on(Side::Ours).triple(), (0, String::new(), String::new()));
    for list in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
        fs::remove_file(dir.join(list)).unwrap();
    }
    root
}

/// Creates a command line that asks about the tree's kernel.
fn asking(tool: &str, args: &[&str]) -> Run {
    match tool {
        "modprobe" if !args.contains(&"-S") => Run::new(tool).args(["-S", RELEASE]).args(args),
        "modinfo" => Run::new(tool).args(["-k", RELEASE]).args(args),
        _ => Run::new(tool).args(args),
    }
}

fn ask(root: &Root, tool: &str, args: &[&str]) -> (i32, String, String) {
    asking(tool, args).inside(root).on(Side::Ours).triple()
}

fn said(stdout: &str) -> (i32, String, String) {
    (0, stdout.into(), String::new())
}

#[test]
fn modprobe_finds_names_aliases_and_built_in_modules() {
    for above in [false, true] {
        let root = without_indexes(above);
        root.file("etc/modprobe.d/a.conf", "options base_x a=1\nblacklist other\nalias mine top\n");
        let dir = format!("/lib/modules/{RELEASE}/kernel");
        // The soft dependency comes after the module's own dependencies, as with kmod.
        let files = ["base-x.ko a=1", "other.ko", "top.ko.xz"];
        let top = files.map(|file| format!("insmod {dir}/{file} \n")).concat();
        for (args, expected) in [
            (&["-D", "top"][..], top.clone()),
            (&["-n", "-v", "base-x"], format!("insmod {dir}/base-x.ko a=1 \n")),
            (&["-D", "mine"], top.clone()),
            (&["-R", "usb:a-bc"], "top\n".into()),
            (&["-R", "pci:v1dX"], "other\n".into()),
            (&["-D", "pci:v1dB"], format!("insmod {dir}/base-x.ko a=1 \n")),
            (&["-D", "in-it"], "builtin in_it\n".into()),
            (&["-R", "pci:v2"], "in_it\n".into()),
        ] {
            assert_eq!(ask(&root, "modprobe", args), said(&expected), "{args:?}, above: {above}");
        }
        let dir = if above { "/lib/modules".to_owned() } else { format!("/lib/modules/{RELEASE}") };
        let message = format!("modprobe: FATAL: Module none not found in directory {dir}\n");
        assert_eq!(ask(&root, "modprobe", &["-D", "none"]), (1, String::new(), message));
    }
}

/// The calls to the kernel are the same, in the same order, as with indexes.
#[test]
fn modules_are_loaded_and_removed() {
    let indexed = tree();
    assert_eq!(ask(&indexed, "depmod", &["-a", RELEASE]).0, 0);
    let only = without_indexes(false);
    for args in [&["top", "x=1"] as &[&str], &["-a", "base-x", "other"], &["pci:v1d2"], &["-b", "pci:v1d2"]] {
        let calls = |root: &Root| Shim::new().run(root, &asking("modprobe", args), Side::Ours);
        let (there, here) = (calls(&indexed), calls(&only));
        assert_eq!(there.answer.triple(), here.answer.triple(), "{args:?}");
        assert_eq!(there.calls, here.calls, "{args:?}");
        assert!(here.calls.contains(" = 0"), "{args:?}");
    }
    for root in [&indexed, &only] {
        for name in ["base_x", "top", "other"] {
            root.loaded(name, 4096, 0, &[]);
        }
    }
    for args in [&["-r", "top"] as &[&str], &["-r", "usb:a-bc"]] {
        let calls = |root: &Root| Shim::new().run(root, &asking("modprobe", args), Side::Ours);
        assert_eq!(calls(&indexed).calls, calls(&only).calls, "{args:?}");
    }
    let builtin = (1, String::new(), "modprobe: FATAL: Module in_it is builtin.\n".to_owned());
    assert_eq!(ask(&only, "modprobe", &["-r", "in-it"]), builtin);
}

#[test]
fn modinfo_reads_the_files_or_the_meta() {
    let root = without_indexes(false);
    let path = |file: &str| format!("/lib/modules/{RELEASE}/kernel/{file}");
    assert_eq!(ask(&root, "modinfo", &["-n", "top"]), said(&format!("{}\n", path("top.ko.xz"))));
    assert_eq!(ask(&root, "modinfo", &["-F", "softdep", "usb:a-bc"]), said("pre: other\n"));
    let builtin = "name:           in_it\nfilename:       (builtin)\nalias:          pci:v2*\n";
    assert_eq!(ask(&root, "modinfo", &["in_it"]), said(builtin));
    let all = ask(&root, "modinfo", &["--all", "-n"]);
    assert_eq!(all, said(&["base-x.ko", "other.ko", "top.ko.xz"].map(|file| path(file) + "\n").concat()));
    fs::remove_file(root.path(root.in_modules("kernel/top.ko.xz"))).unwrap();
    let known = format!(
        "filename:       {}\nalias:          usb:a-b*\nsoftdep:        pre: other\ndepends:        base_x\nname:           top\n",
        path("top.ko.xz")
    );
    let warning = format!(
        "modinfo: WARNING: {} does not exist: reading /lib/modules/{RELEASE}/meta.pb instead\n",
        path("top.ko.xz")
    );
    assert_eq!(ask(&root, "modinfo", &["top"]), (0, known, warning));
}

#[test]
fn messages_name_the_meta() {
    let root = without_indexes(false);
    let file = format!("/lib/modules/{RELEASE}/meta.pb");
    let looks = format!("modprobe: INFO: looking up modules in {file}\n");
    let (code, _, stderr) = ask(&root, "modprobe", &["-n", "-v", "-v", "other"]);
    assert_eq!((code, stderr.contains(&looks)), (0, true), "{stderr}");
    for (tool, args) in [("modprobe", &["-D", "other"][..]), ("modinfo", &["other"])] {
        let run = asking(tool, args).arg("--json").inside(&root);
        assert_eq!(checked(&run.on(Side::Ours))["meta"], file.as_str());
    }
    assert_eq!(ask(&root, "depmod", &["-a", RELEASE]).0, 0);
    for (tool, args) in [("modprobe", &["-D", "other"][..]), ("modinfo", &["other"])] {
        let run = asking(tool, args).arg("--json").inside(&root);
        assert!(checked(&run.on(Side::Ours))["meta"].is_null());
        let run = asking(tool, args).args(["--meta", &file, "--json"]).inside(&root);
        assert_eq!(checked(&run.on(Side::Ours))["meta"], file.as_str());
    }
}

/// The option also applies to modprobe processes started by install commands.
#[test]
fn the_meta_option() {
    let root = without_indexes(false);
    fs::rename(root.path(root.in_modules("meta.pb")), root.path("elsewhere")).unwrap();
    let insmod = format!("insmod /lib/modules/{RELEASE}/kernel/other.ko \n");
    assert_eq!(ask(&root, "modprobe", &["--meta", "/elsewhere", "-D", "other"]), said(&insmod));
    root.file("etc/modprobe.d/a.conf", format!("install top modprobe -S {RELEASE} -n -v other\n"));
    let run = asking("modprobe", &["--meta", "/elsewhere", "top"]).inside(&root);
    let (code, stdout, _) = Shim::new().run(&root, &run, Side::Ours).answer.triple();
    assert_eq!((code, stdout.contains(&insmod)), (0, true), "{stdout}");
    for (file, why) in [
        ("/none", "No such file or directory"),
        ("/etc", "Is a directory"),
        ("/etc/modprobe.d/a.conf", "unknown wire type"),
    ] {
        for (tool, args) in
            [("modprobe", &["-D", "other"][..]), ("modprobe", &["-r", "other"]), ("modinfo", &["other"])]
        {
            let expected = format!("{tool}: ERROR: could not read {file}: {why}\n");
            let args = [&["--meta", file], args].concat();
            assert_eq!(ask(&root, tool, &args), (1, String::new(), expected), "{args:?}");
        }
    }
}

/// A meta.pb of another kernel is used, but with a warning. If there are indexes, meta.pb is not read.
#[test]
fn a_file_of_another_kernel() {
    let root = without_indexes(false);
    fs::rename(root.path(root.in_modules("meta.pb")), root.path("lib/modules/meta.pb")).unwrap();
    symlink(format!("{RELEASE}/kernel"), root.path("lib/modules/kernel")).unwrap();
    let warning = format!("modprobe: WARNING: /lib/modules/meta.pb is for kernel {RELEASE}, not 9.9\n");
    let insmod = "insmod /lib/modules/kernel/other.ko \n".to_owned();
    assert_eq!(ask(&root, "modprobe", &["-S", "9.9", "-D", "other"]), (0, insmod.clone(), warning));
    assert_eq!(ask(&root, "modprobe", &["-D", "other"]), said(&insmod));
    assert_eq!(ask(&root, "depmod", &["-a", RELEASE]).0, 0);
    let insmod = format!("insmod /lib/modules/{RELEASE}/kernel/other.ko \n");
    assert_eq!(ask(&root, "modprobe", &["-D", "other"]), said(&insmod));
}

/// Other programs write names that are not normalized, and files without closures and index, and with dependency
/// cycles.
#[test]
fn files_of_other_programs() {
    let root = Root::new();
    let module = |name: &str, path: &str, depends: &[u32]| message::Module {
        name: name.into(),
        path: path.into(),
        depends: depends.into(),
        ..Default::default()
    };
    let modules = vec![
        module("in-it", "", &[]),
        module("one", "a/one.ko", &[2, 0]),
        module("two-x", "b/two-x.ko.zst", &[3]),
        module("three", "three.ko", &[1]),
        module("wrong", "b/right.ko", &[]),
        module("lost", "lost.ko", &[77]),
    ];
    root.file("lib/modules/meta.pb", message::Meta { modules, ..Default::default() }.encode_to_vec());
    let lines = |files: &[&str]| {
        files.iter().map(|file| format!("insmod /lib/modules/{file} \n")).collect::<Vec<_>>().concat()
    };
    for (name, files) in [
        ("one", &["three.ko", "b/two-x.ko.zst", "a/one.ko"][..]),
        ("two_x", &["a/one.ko", "three.ko", "b/two-x.ko.zst"]),
        ("three", &["b/two-x.ko.zst", "a/one.ko", "three.ko"]),
    ] {
        assert_eq!(ask(&root, "modprobe", &["-D", name]), said(&lines(files)), "{name}");
    }
    assert_eq!(ask(&root, "modprobe", &["-D", "in_it"]), said("builtin in_it\n"));
    for (name, why) in
        [("wrong", "'b/right.ko' cannot be the file of wrong"), ("lost", "module position out of range")]
    {
        let (code, stdout, stderr) = ask(&root, "modprobe", &["-D", name]);
        assert_eq!((code, stdout), (1, String::new()));
        assert!(
            stderr.starts_with(&format!("modprobe: ERROR: could not read /lib/modules/meta.pb: {why}\n")),
            "{stderr}"
        );
    }
}

/// Damaged files result in an answer or in an error that names the file, never in a crash or in a line about another
/// module.
#[test]
fn damaged_files() {
    let root = without_indexes(false);
    let dir = root.path(root.in_modules(""));
    let whole = fs::read(dir.join("meta.pb")).unwrap();
    let mut random = Random::new(0x6d65_7461);
    let notices = Arc::new(AtomicUsize::new(0));
    let sink = Sink::new({
        let (path, notices) = (dir.join("meta.pb"), Arc::clone(&notices));
        move |notice| match notice {
            Notice::Unreadable(error) => {
                assert_eq!(error.path, path);
                notices.fetch_add(1, Relaxed);
            }
            Notice::MetaKernelMismatch { .. } | Notice::BadConfigLine { .. } | Notice::BadSoftdepName(_) => {}
            other => panic!("{other:?}"),
        }
    });
    let source = ConfigSource::Paths(Vec::new());
    for _ in 0..3000 {
        let mut bytes = whole.clone();
        if random.below(3) == 0 {
            bytes.truncate(random.below(whole.len()));
        } else {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = random.byte();
            }
        }
        fs::write(dir.join("meta.pb"), bytes).unwrap();
        asked(&dir, &source, &sink);
    }
    assert!(notices.load(Relaxed) > 1000, "{notices:?}");
}

fn asked(dir: &Path, source: &ConfigSource, sink: &Sink) {
    let context = Context::open(dir.to_path_buf(), source, sink);
    for name in ["top", "base_x", "other", "in_it", "none"] {
        if let Some(dep) = context.checked_dep(name.as_bytes()) {
            assert_eq!(*name::from_path(dep.path), *name.as_bytes());
        }
        let _ = context.is_builtin(name.as_bytes());
    }
    for device in ["usb:a-bc", "pci:v1dB", "pci:v2", "x"] {
        let _ = context.lookup(device.as_bytes());
    }
    let _ = context.builtin_modinfo();
}
