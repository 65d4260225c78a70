//! `depmod --verify` and `--errexit`, which kmod does not support: they must find each error, and none in correct
//! files.

use std::fs;
use std::path::Path;

use bstr::ByteSlice;
use oxmod::formats::cache::{self, Cache, Inputs, MAKER, Record, RecordContents};
use oxmod::formats::index::IndexBuilder;
use oxmod_test_support::{Answer, Module, Root, Run, Side, sides};

use super::cache::{CACHE, depmod, path, settled, unindexed};

fn verify(root: &Root, args: &[&str]) -> (i32, String) {
    let answer = on(root, &[&["--verify"], args].concat(), Side::Ours);
    assert_eq!(answer.stderr_text(), "");
    (answer.code, answer.stdout_text())
}

fn on(root: &Root, args: &[&str], side: Side) -> Answer {
    Run::new("depmod").args(args).arg("-b").arg(root.path("")).arg(root.release()).on(side)
}

#[test]
fn the_files_of_both_depmods_are_correct() {
    let root = settled();
    for &side in sides() {
        depmod(&root, &[], side);
        assert_eq!(verify(&root, &[]), (0, String::new()), "{side:?}");
        assert_eq!(verify(&root, &["-v"]), (0, "all files are correct\n".into()), "{side:?}");
    }
    for &side in sides().iter().filter(|&&side| side == Side::Theirs) {
        assert!(on(&root, &["--verify"], side).stderr_text().contains("unrecognized option '--verify'"));
    }
}

#[test]
fn verify_writes_nothing() {
    let root = unindexed();
    let before = root.snapshot("");
    let (code, out) = verify(&root, &[]);
    assert_eq!(code, 1);
    assert_eq!(out.lines().count(), 11);
    assert!(out.lines().all(|line| line.ends_with(": missing")), "{out}");
    assert!(root.snapshot("") == before);
    let elsewhere = root.path("elsewhere");
    let (code, out) = verify(&root, &["-o", elsewhere.to_str().unwrap()]);
    assert_eq!((code, out.lines().count()), (1, 11));
    assert!(!elsewhere.exists());
}

/// A file, a change to it, and the expected report.
type Case = (&'static str, fn(&mut Vec<u8>), &'static str);

#[test]
fn wrong_files_are_reported_with_the_differences() {
    let cases: [Case; 9] = [
        (
            "modules.dep",
            |bytes| *bytes = bytes.replace("kernel/top.ko.xz: kernel/base.ko", "kernel/top.ko.xz:"),
            "modules.dep: 1 entry too many, 1 entry missing\n  - kernel/top.ko.xz:\n  + kernel/top.ko.xz: kernel/base.ko\n",
        ),
        ("modules.dep", |bytes| bytes.reverse_lines(), "modules.dep: the entries are in the wrong order\n"),
        (
            "modules.alias",
            |bytes| bytes.extend_from_slice(b"# a remark\n"),
            "modules.alias: the entries are not formatted as depmod formats them\n",
        ),
        (
            "modules.alias",
            |bytes| bytes.extend_from_slice(b"alias one two\nalias one two\n"),
            "modules.alias: 2 entries too many\n  - alias one two\n  - alias one two\n",
        ),
        ("modules.symbols.bin", Vec::clear, "modules.symbols.bin: damaged: the file is empty\n"),
        (
            "modules.dep.bin",
            |bytes| *bytes = bytes.replace("kernel/base.ko\0", "kernel/bass.ko\0"),
            "modules.dep.bin: 1 entry too many, 1 entry missing\n  \
             - top kernel/top.ko.xz: kernel/bass.ko\n  + top kernel/top.ko.xz: kernel/base.ko\n\
             modules.dep.bin: compared with modules.dep: 1 entry too many, 1 entry missing\n  \
             - top kernel/top.ko.xz: kernel/bass.ko\n  + top kernel/top.ko.xz: kernel/base.ko\n",
        ),
        ("modules.softdep", Vec::clear, "modules.softdep: 1 entry missing\n  + softdep other pre: base\n"),
        ("modules.builtin.bin", |bytes| bytes.extend_from_slice(b"more"), "modules.builtin.bin: "),
        (CACHE, |bytes| bytes.truncate(100), "modules.oxmod.bin: damaged: "),
    ];
    let root = settled();
    depmod(&root, &[], Side::Ours);
    for (name, change, expected) in cases {
        let whole = fs::read(path(&root, name)).unwrap();
        let mut changed = whole.clone();
        change(&mut changed);
        assert!(changed != whole, "{name}");
        fs::write(path(&root, name), changed).unwrap();
        let (code, out) = verify(&root, &[]);
        assert_eq!(code, 1, "{name}: {out}");
        if expected.ends_with('\n') {
            assert_eq!(out, expected);
        } else {
            assert!(out.starts_with(expected), "{out}");
        }
        fs::write(path(&root, name), whole).unwrap();
        assert_eq!(verify(&root, &[]), (0, String::new()), "{name}");
    }
}

trait Lines {
    fn reverse_lines(&mut self);
}

impl Lines for Vec<u8> {
    fn reverse_lines(&mut self) {
        let mut lines: Vec<&[u8]> = self.lines_with_terminator().collect();
        lines.reverse();
        *self = lines.concat();
    }
}

#[test]
fn the_modules_are_read() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    root.module("kernel/more.ko", |m| m.alias("alias-of-more"));
    fs::remove_file(path(&root, "updates/other.ko.zst")).unwrap();
    let (code, out) = verify(&root, &[]);
    assert_eq!(code, 1);
    for line in [
        "modules.dep: 1 entry too many, 1 entry missing\n  - updates/other.ko.zst:\n  + kernel/more.ko:\n",
        "modules.alias: 1 entry missing\n  + alias alias-of-more more\n",
        "modules.alias.bin: 1 entry missing\n  + alias_of_more more\n",
        "modules.softdep: 1 entry too many\n",
    ] {
        assert!(out.contains(line), "{out}");
    }
}

/// A cache with valid checksums and strings that differ from those of the module.
#[test]
fn wrong_records_in_the_cache_are_reported() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let bytes = fs::read(path(&root, CACHE)).unwrap();
    let cache = Cache::open(&bytes[..], MAKER).unwrap();
    let found = cache.find(b"kernel/base.ko").unwrap();
    let record = Record::parse(found).unwrap();
    let contents = RecordContents {
        path: record.path(),
        identity: record.identity(),
        modinfo: Some(b"alias=another\0"),
        signature: record.signature(),
        build_id: record.build_id().unwrap_or_default(),
    };
    let forged = cache::encode(&contents, record.exports(), record.needs()).unwrap();
    let made = Inputs { maker: MAKER, symbol_prefix: None, files: Vec::new() };
    let parts = cache::assemble(&made, &[&forged]).unwrap();
    fs::write(path(&root, CACHE), [&parts.head[..], &forged, &parts.table].concat()).unwrap();
    let expected = "modules.oxmod.bin: wrong information about 1 module\n  - kernel/base.ko\n";
    assert_eq!(verify(&root, &[]), (1, expected.into()));
}

#[test]
fn five_entries_are_listed_without_verbose() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let name = path(&root, "modules.alias");
    let mut text = fs::read(&name).unwrap();
    for index in 0..8 {
        text.extend_from_slice(format!("alias more{index} base\n").as_bytes());
    }
    fs::write(&name, text).unwrap();
    let (_, out) = verify(&root, &[]);
    assert!(out.starts_with("modules.alias: 8 entries too many\n  - alias more0 base\n"), "{out}");
    assert!(out.ends_with("  - alias more4 base\n  - ... 3 more (use -v to list them)\n"), "{out}");
    let (_, out) = verify(&root, &["-v"]);
    assert_eq!(out.lines().count(), 9, "{out}");
}

#[test]
fn conflicting_options_are_rejected() {
    let root = settled();
    for (args, expected) in [
        (["--verify", "-n"], "depmod: FATAL: --verify and -n cannot be used together\n"),
        (["-A", "--verify"], "depmod: FATAL: --verify and -A cannot be used together\n"),
        (["--errexit", "-w"], "depmod: FATAL: --errexit needs -E or -F\n"),
    ] {
        let answer = on(&root, &args, Side::Ours);
        assert_eq!(answer.triple(), (1, String::new(), expected.into()));
    }
    assert!(!path(&root, "modules.dep").exists());
}

/// With keys that share prefixes, a small file can hold an enormous number of long entries.
#[test]
fn an_index_of_very_long_keys_is_refused() {
    let root = settled();
    depmod(&root, &[], Side::Ours);
    let longest = vec![b'k'; 6000];
    let mut builder = IndexBuilder::default();
    for len in 1..longest.len() {
        builder.insert(&longest[..len], b"v", 0).unwrap();
    }
    fs::write(path(&root, "modules.alias.bin"), builder.write().unwrap()).unwrap();
    let (code, out) = verify(&root, &[]);
    assert_eq!(code, 1);
    assert_eq!(out, "modules.alias.bin: damaged: too many entries for the size of the file\n");
}

#[test]
fn errexit_fails_after_the_files_are_written() {
    type Fill = fn(Module) -> Module;
    let cases: [(&str, Fill, i32); 3] = [
        ("known", |m| m.need("kernel_symbol").version("kernel_symbol", 0x1234), 0),
        ("unknown", |m| m.need("no_symbol").version("no_symbol", 1), 1),
        ("another version", |m| m.need("kernel_symbol").version("kernel_symbol", 0x4321), 1),
    ];
    for (what, fill, code) in cases {
        let root = Root::new();
        root.module("kernel/some.ko", fill);
        root.file(root.in_modules("modules.order"), "kernel/some.ko\n");
        for list in ["modules.builtin", "modules.builtin.modinfo"] {
            root.file(root.in_modules(list), "");
        }
        root.file("symvers", "0x00001234\tkernel_symbol\tvmlinux\tEXPORT_SYMBOL\t\n");
        let symvers = root.path("symvers");
        std::thread::sleep(std::time::Duration::from_millis(80));
        let answer = on(&root, &["--errexit", "-E", symvers.to_str().unwrap()], Side::Ours);
        assert_eq!(answer.code, code, "{what}: {answer:?}");
        assert_eq!(
            answer.stderr_text().lines().count(),
            usize::try_from(code).unwrap(),
            "{what}: {answer:?}"
        );
        assert!(Path::new(&path(&root, "modules.dep")).exists(), "{what}");
        // A run that has nothing to write fails, too.
        let quick = on(&root, &["-A", "--errexit", "-E", symvers.to_str().unwrap()], Side::Ours);
        assert_eq!(quick.triple(), answer.triple(), "{what}");
        // Without --errexit, the exit code is 0 on both sides.
        for &side in sides() {
            let plain = on(&root, &["-e", "-E", symvers.to_str().unwrap()], side);
            assert_eq!((plain.code, plain.stderr_text()), (0, answer.stderr_text()), "{what} {side:?}");
        }
    }
}
