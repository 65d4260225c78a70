//! `--show-exports` and `--show-modversions` on generated modules; `kernels` tests them on the real kernels.

use oxmod_test_support::{Crcs, differs_because, same};

use super::{modprobe, tree};

#[test]
fn symbols_in_the_order_of_the_file() {
    let root = tree();
    root.module("kernel/s.ko", |m| {
        m.export("zeta", 0x1234_5678)
            .export("alpha", 0)
            .export_in("beta", 0xffff_ffff, "NS")
            .version("printk", 0x1f)
            .version(".dot", 7)
            .version("module_layout", 0xffff_ffff)
    });
    let file = "/lib/modules/6.1.0-test/kernel/s.ko";
    let answer = same(|side| modprobe(&root).args(["--show-exports", file]).on(side));
    assert_eq!(answer.stdout_text(), "0x12345678\tzeta\n0x00000000\talpha\n0xffffffff\tbeta\n");
    let answer = same(|side| modprobe(&root).args(["--show-modversions", file]).on(side));
    assert_eq!(answer.stdout_text(), "0x0000001f\tprintk\n0x00000007\tdot\n0xffffffff\tmodule_layout\n");
}

#[test]
fn every_way_of_storing_versions() {
    let root = tree();
    for (bits, big_endian, machine) in [(64, false, 62), (32, false, 3), (64, true, 21), (32, true, 8)] {
        for (name, crcs) in [("section", Crcs::InSection), ("absolute", Crcs::Absolute)] {
            let file = format!("/lib/modules/6.1.0-test/kernel/{name}-{bits}-{big_endian}.ko");
            root.module(file.strip_prefix("/lib/modules/6.1.0-test/").unwrap(), |m| {
                m.format(bits, big_endian, machine).crcs(crcs).export("x", 0x8765_4321).version("y", 9)
            });
            let answer = same(|side| modprobe(&root).args(["--show-exports", &file]).on(side));
            assert_eq!(answer.stdout_text(), "0x87654321\tx\n", "{file}");
            let answer = same(|side| modprobe(&root).args(["--show-modversions", &file]).on(side));
            assert_eq!(answer.stdout_text(), "0x00000009\ty\n", "{file}");
        }
    }
}

#[test]
fn files_without_symbols_and_other_files() {
    let root = tree();
    root.file("etc/text", "not a module at all\n").file("etc/short", "x").file("etc/empty", "");
    root.file("etc/elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for file in [
        "/etc/text",
        "/etc/short",
        "/etc/empty",
        "/etc/elf",
        "/etc/modprobe.d",
        "/dev/null",
        "/proc",
        "./nosuch",
        "/nosuch",
        "x[",
    ] {
        for option in ["--show-exports", "--show-modversions"] {
            let answer = same(|side| modprobe(&root).args([option, file]).on(side));
            assert_eq!((answer.code, answer.stdout.len()), (1, 0), "{answer:?}");
            let answer = same(|side| modprobe(&root).args([option, file, "-q"]).on(side));
            assert_eq!((answer.code, answer.stderr.len()), (1, 0), "{answer:?}");
        }
    }
    for option in ["--show-exports", "--show-modversions"] {
        let file = "/lib/modules/6.1.0-test/kernel/f.ko";
        let answer = same(|side| modprobe(&root).args([option, file]).on(side));
        assert_eq!(answer.code, 1, "{answer:?}");
        assert!(answer.stderr_text().ends_with(&format!(" of {file}: No data available\n")), "{answer:?}");
    }
}

#[test]
fn names_and_aliases_as_in_later_versions() {
    let root = tree();
    for (name, symbol) in [("c", "0x00000003\tsc\n"), ("dd", "0x00000004\tsd\n")] {
        differs_because("symbols of a module given by name", &symbol.to_owned(), &String::new(), |side| {
            modprobe(&root).args(["--show-exports", name]).on(side).stdout_text()
        });
    }
}
