//! meta.pb: the output of `depmod --meta` and `kmod meta` for the real kernels, decoded by an independent program
//! and compared with the indexes; and `kmod meta` on small trees. kmod has no counterpart.

mod defects;
pub(crate) mod without_indexes;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::process::{Command, Stdio};

use bstr::ByteSlice;
use oxmod::formats::index::{Index, text};
use oxmod::formats::meta::{Aliases, MetaReader, RadixTree, message};
use oxmod::formats::modinfo;
use oxmod::name;
use oxmod::ops::meta_check::{example, modules_for};
use oxmod_test_support::{Kernel, RELEASE, Root, Run, Side, exhaustive, kernels};
use prost::Message as _;

fn real_kernels() -> Vec<Kernel> {
    let kernels = kernels();
    assert_eq!(kernels.len(), 2, "the real kernels are not here: run scripts/lab");
    kernels
}

/// Builds the indexes and meta.pb of a kernel in another directory.
fn made(kernel: &Kernel) -> (Root, Vec<u8>) {
    let out = Root::for_release(&kernel.release);
    let run = Run::new("depmod").args(["--meta", "-b"]).arg(&kernel.root).arg("-o").arg(out.path(""));
    let answer = run.arg(&kernel.release).on(Side::Ours);
    assert_eq!(answer.triple(), (0, String::new(), String::new()));
    let bytes = fs::read(out.path(out.in_modules("meta.pb"))).unwrap();
    (out, bytes)
}

/// The published format: fields and numbers.
const SCHEMA: &str = r#"syntax = "proto3";
package osbase.kmod.spec;
message Meta { repeated Module modules = 1; RadixNode module_device_matches = 2; }
message Module { string name = 1; string path = 2; repeated uint32 depends = 3; }
message RadixNode {
  enum Type { LITERAL = 0; WILDCARD = 1; SINGLE_WILDCARD = 2; BYTE_RANGE = 3; ROOT = 4; }
  Type type = 1; string literal = 2; uint32 start_byte = 3; uint32 end_byte = 4;
  repeated RadixNode children = 5; repeated uint32 module_index = 6;
}
"#;

/// Decodes a file into text with protoc.
fn decoded(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("meta.proto"), SCHEMA).unwrap();
    let mut protoc = Command::new("protoc")
        .args(["--decode=osbase.kmod.spec.Meta", "meta.proto"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("protoc, of the package protobuf-compiler");
    let mut stdin = protoc.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        protoc.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Parses that text into paths and dependencies, keyed by module name.
fn modules_in(text: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let mut modules: Vec<(String, String, Vec<usize>)> = Vec::new();
    for line in text.lines() {
        let unquoted = |value: &str| value.trim_matches('"').to_owned();
        if line == "modules {" {
            modules.push(Default::default());
        } else if let Some(module) = modules.last_mut() {
            match line.trim_start().split_once(": ") {
                Some(("name", name)) if line.starts_with("  name") => module.0 = unquoted(name),
                Some(("path", path)) => module.1 = unquoted(path),
                Some(("depends", on)) => module.2.push(on.parse().unwrap()),
                _ => {}
            }
        }
    }
    let names: Vec<String> = modules.iter().map(|(name, ..)| name.clone()).collect();
    let mut by_name = BTreeMap::new();
    for (name, path, depends) in modules {
        let mut depends: Vec<String> = depends.into_iter().map(|on| names[on].clone()).collect();
        depends.sort();
        assert!(by_name.insert(name.clone(), (path, depends)).is_none(), "{name} twice");
    }
    by_name
}

#[test]
fn the_files_of_real_kernels() {
    for kernel in real_kernels() {
        let (out, bytes) = made(&kernel);
        another_reader_finds_every_module_and_dependency(&kernel, &out, &bytes);
        every_alias_agrees_with_the_indexes(&kernel, &out, &bytes);
        the_file_is_correct(&kernel, &out, &bytes);
    }
}

fn another_reader_finds_every_module_and_dependency(kernel: &Kernel, out: &Root, bytes: &[u8]) {
    let modules = modules_in(&decoded(bytes));
    let dep = fs::read(out.path(out.in_modules("modules.dep"))).unwrap();
    let loadable = modules.values().filter(|(path, _)| !path.is_empty()).count();
    assert_eq!(loadable, text::deps(&dep).count());
    assert!(loadable > 4000 && modules.len() > loadable + 200, "{loadable} of {}", modules.len());
    // The kernel build records the same dependencies in `depends` that follow from the symbols.
    let dir = kernel.root.join("lib/modules").join(&kernel.release);
    let paths: Vec<String> = text::deps(&dep).map(|dep| dep.path.to_str().unwrap().to_owned()).collect();
    let run = Run::new("modinfo").args(["-F", "depends"]).args(paths.iter().map(|path| dir.join(path)));
    let listed = run.on(Side::Ours).stdout_text();
    let mut edges = 0;
    for (path, listed) in paths.iter().zip(listed.lines()) {
        let name = String::from_utf8(name::from_path(path.as_bytes()).into_owned()).unwrap();
        let mut expected: Vec<String> =
            listed.split(',').filter(|on| !on.is_empty()).map(|on| on.replace('-', "_")).collect();
        expected.sort();
        assert_eq!(modules[&name], (path.clone(), expected), "{name}");
        edges += modules[&name].1.len();
    }
    assert!(edges > 5000, "{edges}");
}

/// For a device of each alias, the tree in meta.pb, the index, and fnmatch with the text file must find the same
/// modules.
fn every_alias_agrees_with_the_indexes(kernel: &Kernel, out: &Root, bytes: &[u8]) {
    let every = if exhaustive() { 1 } else { 100 };
    let meta = MetaReader::open(Box::new(bytes.to_vec())).unwrap();
    let index = fs::read(out.path(out.in_modules("modules.alias.bin"))).unwrap();
    let index = Index::parse(&index).unwrap();
    let aliases = fs::read(out.path(out.in_modules("modules.alias"))).unwrap();
    let patterns: Vec<(Vec<u8>, &[u8])> = text::entries(&aliases, "alias")
        .filter_map(|(pattern, module)| Some((name::normalize_alias(pattern).ok()?.into_owned(), module)))
        .collect();
    assert!(patterns.len() > 20_000);
    for (at, (pattern, _)) in patterns.iter().enumerate() {
        let device = example(pattern);
        let found = meta.search(Aliases::Loadable, &device).unwrap();
        let sorted = |mut names: Vec<Vec<u8>>| {
            names.sort();
            names.dedup();
            names
        };
        let name = |position| meta.name(position).unwrap().into_owned();
        let names = sorted(found.into_iter().map(name).collect());
        let indexed = index.search(&device).unwrap();
        let indexed = sorted(indexed.into_iter().map(|found| found.value.to_vec()).collect());
        assert_eq!(names, indexed, "{}", device.as_bstr());
        if at % every == 0 {
            let matching = patterns.iter().filter(|(pattern, _)| name::fnmatch(pattern, &device));
            let matching = sorted(matching.map(|(_, module)| module.to_vec()).collect());
            assert_eq!(names, matching, "{}", device.as_bstr());
        }
    }
    // kmod has no index of built-in modules by device, only the text.
    let builtin =
        fs::read(kernel.root.join("lib/modules").join(&kernel.release).join("modules.builtin.modinfo"));
    for info in modinfo::builtin_aliases(&builtin.unwrap()) {
        let Ok(pattern) = name::normalize_alias(info.value) else { continue };
        let found = modules_for(&meta, &example(&pattern)).unwrap();
        assert!(
            found.iter().any(|found| found.builtin && found.name == info.module),
            "{}",
            info.value.as_bstr()
        );
    }
}

fn the_file_is_correct(kernel: &Kernel, out: &Root, bytes: &[u8]) {
    let file = out.path(out.in_modules("meta.pb"));
    let verify = |root: &Kernel| {
        let run = Run::new("kmod").args(["meta", "verify", "--meta"]).arg(&file).arg("-b").arg(&root.root);
        run.arg(&root.release).on(Side::Ours)
    };
    assert_eq!(verify(kernel).triple(), (0, String::new(), String::new()));
    let again = Run::new("kmod").args(["meta", "build", "-o", "-", "-b"]).arg(&kernel.root);
    assert!(again.arg(&kernel.release).on(Side::Ours).stdout == bytes, "not the same bytes again");
    let other = real_kernels().into_iter().find(|other| other.suite != kernel.suite).unwrap();
    let answer = verify(&other);
    assert_eq!(answer.code, 1);
    assert!(answer.stdout_text().lines().any(|line| line.ends_with(": missing")));
}

fn tree() -> Root {
    let root = Root::new();
    root.module("kernel/base-x.ko", |m| m.export("base_symbol", 7).alias("pci:v1d[0-9A-C]*"));
    root.module("kernel/top.ko.xz", |m| {
        m.need("base_symbol").alias("usb:a-b*").info("softdep", "pre: other")
    });
    root.module("kernel/other.ko", |m| m.info("weakdep", "top").alias("pci:v1d?"));
    root.file(root.in_modules("modules.order"), "kernel/base-x.ko\nkernel/top.ko\nkernel/other.ko\n");
    root.file(root.in_modules("modules.builtin"), "kernel/in-it.ko\n");
    root.file(root.in_modules("modules.builtin.modinfo"), b"in_it.alias=pci:v2*\0in_it.license=GPL\0");
    root
}

fn meta(root: &Root, args: &[&str]) -> (i32, String, String) {
    Run::new("kmod")
        .arg("meta")
        .args(args)
        .arg("-b")
        .arg(root.path(""))
        .args(["-k", root.release()])
        .on(Side::Ours)
        .triple()
}

#[test]
fn build_show_lookup_and_verify() {
    let root = tree();
    let nothing = || (0, String::new(), String::new());
    assert_eq!(meta(&root, &["build"]), nothing());
    assert_eq!(meta(&root, &["verify"]), nothing());
    let shown = "in_it (built in)\n  alias pci:v2*\n\
        base_x kernel/base-x.ko\n  alias pci:v1d[0-9]*\n  alias pci:v1d[A-C]*\n\
        top kernel/top.ko.xz: base_x\n  alias usb:a-b*\n  softdep pre: other\n\
        other kernel/other.ko\n  alias pci:v1d?\n  weakdep top\n";
    assert_eq!(meta(&root, &["show"]), (0, shown.into(), String::new()));
    for (modalias, modules) in [
        ("pci:v1dB", "base_x\nother\n"),
        ("pci:v1dX", "other\n"),
        ("pci:v2", "in_it\n"),
        ("usb:a_b", "top\n"),
        ("usb:a-bc", "top\n"),
    ] {
        assert_eq!(meta(&root, &["lookup", modalias]), (0, modules.into(), String::new()), "{modalias}");
    }
    let missing = "kmod: ERROR: could not find a module for pci:v3\n";
    assert_eq!(meta(&root, &["lookup", "pci:v3", "pci:v2"]), (1, "in_it\n".into(), missing.into()));
    // The file is also found above the module directory, where other programs put it.
    fs::rename(root.path(root.in_modules("meta.pb")), root.path("lib/modules/meta.pb")).unwrap();
    assert_eq!(meta(&root, &["lookup", "pci:v2"]), (0, "in_it\n".into(), String::new()));
}

#[test]
fn verify_reports_changed_modules() {
    let root = tree();
    assert_eq!(meta(&root, &["build"]).0, 0);
    root.module("kernel/top.ko.xz", |m| m.alias("usb:a-b*").alias("new:x*"));
    root.module("updates/base-x.ko", |m| m.alias("pci:v1d[0-9A-C]*"));
    root.module("kernel/more.ko", |m| m);
    fs::remove_file(root.path(root.in_modules("kernel/other.ko"))).unwrap();
    let expected = "other: not in the module directory\n\
        top: depends on nothing, not on base_x\n\
        top: load order, soft or weak dependencies differ\nmore: missing\n\
        base_x: file is updates/base-x.ko, not kernel/base-x.ko\n\
        top: alias new:x* is missing\nother: does not have alias pci:v1d?\n";
    assert_eq!(meta(&root, &["verify"]), (1, expected.into(), String::new()));
}

#[test]
fn depmod_writes_the_file() {
    let root = tree();
    let depmod = |args: &[&str]| {
        Run::new("depmod").args(args).arg("-b").arg(root.path("")).arg(root.release()).on(Side::Ours).triple()
    };
    let file = root.path(root.in_modules("meta.pb"));
    assert_eq!(depmod(&[]), (0, String::new(), String::new()));
    assert!(!file.exists());
    // Nothing has changed, but meta.pb is missing.
    assert_eq!(depmod(&["-A", "--meta"]), (0, String::new(), String::new()));
    let bytes = fs::read(&file).unwrap();
    assert_eq!(meta(&root, &["build", "-o", root.path("again").to_str().unwrap()]).0, 0);
    assert!(fs::read(root.path("again")).unwrap() == bytes);
    let refused = "depmod: FATAL: --verify and --meta cannot be used together\n";
    assert_eq!(depmod(&["--verify", "--meta"]), (1, String::new(), refused.into()));
}

#[test]
fn unsupported_aliases() {
    let root = Root::new();
    let many = "[ab]".repeat(11);
    root.module("kernel/some.ko", |m| m.alias("ok:*").alias(&many).alias("un[closed"));
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        root.file(root.in_modules(list), "");
    }
    // Adjacent characters form one range.
    assert_eq!(meta(&root, &["build"]), (0, String::new(), String::new()));
    let many = "[ac]".repeat(11);
    root.module("kernel/some.ko", |m| m.alias("ok:*").alias(&many));
    let warning = format!("kmod: WARNING: meta.pb: leaving out '{many}' of some: too many character sets\n");
    assert_eq!(meta(&root, &["build"]), (0, String::new(), warning));
    assert_eq!(meta(&root, &["lookup", "ok:1"]), (0, "some\n".into(), String::new()));
}

/// meta.pb must not replace a device or a directory.
#[test]
fn output_paths() {
    let root = tree();
    root.dir("taken");
    let taken = root.path("taken").display().to_string();
    for path in ["/dev/null", &taken] {
        let refused = format!("kmod: ERROR: could not write {path}: not a regular file\n");
        assert_eq!(meta(&root, &["build", "-o", path]), (1, String::new(), refused));
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let dir = root.path(root.in_modules(""));
    let run = Run::new("kmod").args(["meta", "build", "-o", "-", "--dir"]).arg(&dir).on(Side::Ours);
    assert_eq!((run.code, run.stderr_text()), (0, String::new()));
    let (by_dir, by_version) = (run.stdout, Run::new("kmod").args(["meta", "build", "-o", "-", "-b"]));
    let by_version = by_version.arg(root.path("")).arg(root.release()).on(Side::Ours).stdout;
    let release = |bytes: Vec<u8>| {
        let meta = MetaReader::open(Box::new(bytes)).unwrap();
        meta.release().unwrap().map(<[u8]>::to_vec)
    };
    assert_eq!(release(by_version), Some(root.release().into()));
    assert_eq!(release(by_dir), None);
}

/// A complete set that has not been moved into place yet is already used.
#[test]
fn a_file_that_is_being_published_is_read() {
    let root = tree();
    assert_eq!(meta(&root, &["build"]).0, 0);
    let staged = root.path(root.in_modules(".modules-new"));
    fs::create_dir(&staged).unwrap();
    fs::rename(root.path(root.in_modules("meta.pb")), staged.join("meta.pb")).unwrap();
    assert_eq!(meta(&root, &["lookup", "pci:v2"]), (0, "in_it\n".into(), String::new()));
}

#[test]
fn files_in_other_formats() {
    let root = tree();
    let file = root.path(root.in_modules("meta.pb"));
    let name = format!("{}/{}", root.path("").display(), root.in_modules("meta.pb").display());
    let missing = format!("kmod: ERROR: could not read {name}: No such file or directory\n");
    assert_eq!(meta(&root, &["show"]), (1, String::new(), missing));
    assert_eq!(meta(&root, &["build"]).0, 0);
    let whole = fs::read(&file).unwrap();
    for (bytes, why) in [
        (&b""[..], "not a Meta message"),
        (b"\x0bxx", "unknown wire type"),
        (&whole[..whole.len() / 2], "truncated field"),
        (b"\x12\x02\x08\x09", "unknown node kind"),
    ] {
        fs::write(&file, bytes).unwrap();
        for task in [&["show"][..], &["lookup", "pci:v1d1"]] {
            let expected = format!("kmod: ERROR: could not read {name}: {why}\n");
            assert_eq!(meta(&root, task), (1, String::new(), expected), "{why}");
        }
        assert_eq!(meta(&root, &["verify"]).0, 1);
    }
    for (args, message) in [
        (&["lookup"][..], "kmod: ERROR: lookup needs a MODALIAS\n"),
        (&["show", "6.1", "more"], "kmod: ERROR: unexpected operand 'more'\n"),
        (&["build", "--json"], "kmod: ERROR: --json cannot be used with build\n"),
        (&["build", "--meta", "x"], "kmod: ERROR: --meta cannot be used with build\n"),
        (&["verify", "-o", "x"], "kmod: ERROR: --output can only be used with build\n"),
        (&["build", "--output="], "kmod: ERROR: --output needs a value that is not empty\n"),
        (&["show", "--dir="], "kmod: ERROR: --dir needs a value that is not empty\n"),
    ] {
        assert_eq!(meta(&root, args), (1, String::new(), message.into()));
    }
}

/// Builds `tree`, changes its meta.pb, and returns the tree and the output of `kmod meta verify`.
fn changed(change: impl FnOnce(&mut message::Meta)) -> (Root, String) {
    let root = tree();
    assert_eq!(meta(&root, &["build"]).0, 0);
    let file = root.path(root.in_modules("meta.pb"));
    let mut whole = message::Meta::decode(&fs::read(&file).unwrap()[..]).unwrap();
    change(&mut whole);
    fs::write(&file, whole.into_file().unwrap()).unwrap();
    let (code, said, stderr) = meta(&root, &["verify"]);
    assert_eq!((code, stderr), (i32::from(!said.is_empty()), String::new()));
    (root, said)
}

#[test]
fn every_change_to_the_file_is_found() {
    let top = |meta: &mut message::Meta| meta.modules.iter().position(|module| module.name == "top").unwrap();
    assert_eq!(changed(|_| ()).1, "");
    let order = "top: load order, soft or weak dependencies differ\n";
    let changes: [fn(&mut message::Module); 3] = [
        |module| module.closure.clear(),
        |module| module.softdeps.clear(),
        |module| module.weakdeps.push("base_x".into()),
    ];
    for change in changes {
        let found = changed(|meta| {
            let at = top(meta);
            change(&mut meta.modules[at]);
        });
        assert_eq!(found.1, order);
    }
    let release = changed(|meta| meta.release = "9.9".into()).1;
    assert_eq!(release, format!("the file is for kernel 9.9, not {RELEASE}\n"));
    let everything = changed(|meta| {
        let mut tree = RadixTree::default();
        (0..4).for_each(|module| tree.insert(b"*", module).unwrap());
        meta.module_device_matches = Some(tree.into_message().0);
    });
    assert!(everything.1.contains("other: alias pci:v1d? is missing\n"), "{}", everything.1);
    assert!(everything.1.contains("other: does not have alias *\n"), "{}", everything.1);
    let without = changed(|meta| meta.builtin_device_matches = None).1;
    assert_eq!(without, "in_it: alias pci:v2* is missing\n");
    // A file that is truncated at the end of a field can be parsed, but its index does not belong to its modules.
    let (root, _) = changed(|_| ());
    let file = root.path(root.in_modules("meta.pb"));
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 3 - RELEASE.len()]).unwrap();
    assert_eq!(meta(&root, &["verify"]), (1, "the index does not match the modules\n".into(), String::new()));
}

/// Files written by other programs lack some fields, which is not an error. The location of the file does not
/// matter, either.
#[test]
fn files_of_other_programs_can_be_verified() {
    let (root, said) = changed(|meta| {
        meta.modules.remove(0);
        for module in &mut meta.modules {
            module.depends.iter_mut().for_each(|on| *on -= 1);
            (module.closure, module.softdeps, module.weakdeps) = Default::default();
        }
        let mut tree = RadixTree::default();
        for (pattern, at) in [("pci:v1d[0-9A-C]*", 0), ("usb:a-b*", 1), ("pci:v1d?", 2)] {
            tree.insert(pattern.as_bytes(), at).unwrap();
        }
        *meta = message::Meta {
            modules: std::mem::take(&mut meta.modules),
            module_device_matches: Some(tree.into_message().0),
            ..Default::default()
        };
    });
    assert_eq!(said, "");
    let above = root.path("lib/modules/meta.pb");
    fs::remove_file(root.path(root.in_modules("meta.pb"))).unwrap();
    let build =
        Run::new("kmod").args(["meta", "build", "-o"]).arg(&above).arg("--dir").arg(root.path("lib/modules"));
    assert_eq!(build.on(Side::Ours).code, 0);
    // Standard error is not compared, since depmod's warnings about the missing lists appear there.
    let (code, said, _) = meta(&root, &["verify"]);
    assert_eq!((code, said), (0, String::new()));
}

/// A FIFO in place of the file must not block, and a failed write must not leave a partial file.
#[test]
fn odd_files_and_failed_writes() {
    let root = tree();
    let file = root.path(root.in_modules("meta.pb"));
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let name = format!("{}/{}", root.path("").display(), root.in_modules("meta.pb").display());
    let refused = format!("kmod: ERROR: could not read {name}: not a regular file\n");
    assert_eq!(meta(&root, &["show"]), (1, String::new(), refused));
    fs::remove_file(&file).unwrap();
    let script = "ulimit -f 1; trap '' XFSZ; kmod meta build -b \"$ROOT\" -k \"$RELEASE\"";
    // Enough to exceed the limit.
    let many: Vec<String> = (0..3000).map(|at| format!("pci:v{at:08}d*")).collect();
    root.module("kernel/many.ko", |m| many.iter().fold(m, |m, alias| m.alias(alias)));
    let answer = Run::shell(script).env("ROOT", root.path("")).env("RELEASE", root.release()).on(Side::Ours);
    assert_eq!(
        (answer.code, answer.stderr_text()),
        (1, format!("kmod: ERROR: could not write {name}: File too large\n"))
    );
    let left: Vec<_> = fs::read_dir(root.path(root.in_modules("")))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".modules-new")), "{left:?}");
}
