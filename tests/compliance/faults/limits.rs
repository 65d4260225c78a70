//! Too little memory or too few file descriptors: the tools report it, and no file is damaged.

use std::collections::BTreeMap;
use std::path::PathBuf;

use oxmod_test_support::{Answer, RELEASE, Root, Run, Side};

use super::tree;
use crate::modprobe::depmod;

const COMMANDS: [&str; 5] = [
    "modprobe -S 6.1.0-test -D top",
    "modprobe -S 6.1.0-test -c",
    "modinfo -k 6.1.0-test many",
    "depmod 6.1.0-test",
    "depmod -o /there 6.1.0-test",
];

/// Builds a tree that makes each tool read enough data to run out of memory halfway.
fn rich() -> Root {
    let root = tree();
    let aliases: Vec<String> = (0..20_000).map(|n| format!("alias name-{n}-of-many base\n")).collect();
    root.file("etc/modprobe.d/many.conf", aliases.concat());
    for name in ["modules.order", "modules.builtin.modinfo"] {
        root.file(root.in_modules(name), "");
    }
    root.module("many.ko", |module| {
        (0..20_000).fold(module, |module, n| module.alias(&format!("pci:v{n:08X}d*sv*sd*bc*sc*i*")))
    });
    depmod(&root);
    root.dir(format!("there/lib/modules/{RELEASE}"));
    root
}

fn limited(root: &Root, limit: &str, command: &str) -> Answer {
    Run::shell(&format!("ulimit -c 0; ulimit {limit}; exec {command}")).inside(root).on(Side::Ours)
}

/// Returns the indexes, without depmod's cache and its temporary files, which the next run removes.
fn indexes(root: &Root) -> BTreeMap<PathBuf, Vec<u8>> {
    let names = ["dep", "alias", "symbols", "builtin", "builtin.alias", "softdep", "weakdep", "devname"];
    let names: Vec<_> =
        names.iter().flat_map(|name| [format!("modules.{name}"), format!("modules.{name}.bin")]).collect();
    let mut files = root.snapshot(root.in_modules(""));
    files.retain(|path, _| names.iter().any(|name| path.as_os_str() == name.as_str()));
    files
}

/// Returns the indexes that have changed.
fn changed(root: &Root, before: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    let now = indexes(root);
    assert_eq!(now.len(), before.len());
    now.into_iter().filter(|(path, bytes)| before[path] != *bytes).map(|(path, _)| path).collect()
}

#[test]
fn without_memory() {
    let root = rich();
    let before = indexes(&root);
    assert!(before.len() > 10, "{:?}", before.keys());
    for command in COMMANDS {
        let whole = limited(&root, "-v unlimited", command);
        assert_eq!((whole.code, whole.stderr_text().as_str()), (0, ""), "{command}");
        let tool = command.split(' ').next().unwrap();
        let message = format!("{tool}: FATAL: Cannot allocate memory\n");
        let (mut begun, mut denied, mut enough) = (false, 0, 0);
        let mut limit = 2000;
        while enough < 5 {
            let answer = limited(&root, &format!("-v {limit}"), command);
            limit += limit / 50;
            // With less memory, the program cannot be loaded or not even be started.
            begun |= answer.code < 126;
            match (answer.code, answer.stderr_text()) {
                _ if !begun => {}
                (0, stderr) => {
                    assert_eq!((&answer.stdout, stderr.as_str()), (&whole.stdout, ""), "{command} {limit}");
                    enough += 1;
                }
                (1, stderr) => {
                    assert!(stderr.lines().count() < 3, "{command} {limit}: {stderr}");
                    denied += usize::from(stderr.ends_with(&message));
                }
                // The C library itself aborts if it cannot allocate memory when a thread starts.
                (134, stderr) if stderr.contains("failed to register TLS destructor") => {}
                _ => panic!("{command} {limit}: {answer:?}"),
            }
        }
        println!("{command}: denied {denied} times, enough with {limit} KiB");
        assert!(denied > 0, "{command}");
        let changed = changed(&root, &before);
        assert!(changed.is_empty(), "{command}: {changed:?}");
    }
}

/// modprobe reports a file that it cannot open and continues without it where possible.
#[test]
fn without_descriptors() {
    let root = rich();
    let before = indexes(&root);
    for command in COMMANDS {
        let whole = limited(&root, "-n 1000", command);
        let mut reported = 0;
        for limit in 3..24 {
            let answer = limited(&root, &format!("-n {limit}"), command);
            let stderr = answer.stderr_text();
            match answer.code {
                // The dynamic linker needs a descriptor, too.
                127 if limit < 4 => {}
                0 if stderr.is_empty() => assert_eq!(answer.stdout, whole.stdout, "{command} {limit}"),
                0 if command.starts_with("modprobe") => reported += 1,
                1 if stderr.contains("Too many open files") => reported += 1,
                _ => panic!("{command} {limit}: {answer:?}"),
            }
            let words = ["WARNING", "ERROR", "FATAL"];
            let plain = |line: &str| words.iter().any(|word| line.contains(&format!(": {word}: ")));
            assert!(answer.code > 1 || stderr.lines().all(plain), "{command} {limit}: {stderr}");
            // It exists.
            assert!(!stderr.contains("could not create directory"), "{command} {limit}: {stderr}");
        }
        println!("{command}: {reported} times");
        assert!(reported > 0 || !command.starts_with("depmod"), "{command}");
        let changed = changed(&root, &before);
        assert!(changed.is_empty(), "{command}: {changed:?}");
    }
}
