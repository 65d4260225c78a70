//! Modules of either class and byte order, with symbol versions stored in each of the ways that kernels have used:
//! what depmod and modprobe read from them.

use oxmod_test_support::{Crcs, Module, RELEASE, Root, Run, each, same};

/// 32 and 64 bits, little and big endian: x86, x86-64, s390x, 32-bit PowerPC.
const FORMATS: [(u8, bool, u16); 4] = [(32, false, 3), (64, false, 62), (64, true, 22), (32, true, 20)];

fn tree(format: (u8, bool, u16), crcs: Crcs) -> Root {
    let (bits, big_endian, machine) = format;
    let shape = |module: Module| module.format(bits, big_endian, machine).crcs(crcs);
    let root = Root::new();
    root.module("kernel/a.ko", |m| {
        shape(m).export("a_one", 0x0102_0304).export_in("a_two", 0xfffe_fdfc, "A")
    })
    .module("kernel/b.ko.xz", |m| shape(m).need("a_two").need_weak("a_none").version("a_two", 0xfffe_fdfc))
    .module("kernel/c.ko.zst", |m| {
        shape(m).need("a_one").version("a_one", 0x0102_0304).alias("c-*").build_id(&[0xab; 20])
    })
    .file(root.in_modules("modules.order"), "kernel/a.ko\nkernel/b.ko\nkernel/c.ko\n")
    .file(root.in_modules("modules.builtin"), "")
    .file(root.in_modules("modules.builtin.modinfo"), "");
    root
}

fn trees() -> impl Iterator<Item = (String, Root)> {
    let all = FORMATS.into_iter().flat_map(|format| {
        [Crcs::InSection, Crcs::Absolute].map(|crcs| (format!("{format:?} {crcs:?}"), tree(format, crcs)))
    });
    all.collect::<Vec<_>>().into_iter()
}

#[test]
fn depmod_reads_every_format() {
    for (what, root) in trees() {
        let run = Run::new("depmod").args(["-n", "-b"]).arg(root.path("")).arg(RELEASE);
        let answer = same(|side| run.on(side));
        let text = answer.stdout_text();
        assert_eq!(answer.code, 0, "{what} {answer:?}");
        assert!(
            text.contains("\nkernel/b.ko.xz: kernel/a.ko\nkernel/c.ko.zst: kernel/a.ko\n"),
            "{what} {text}"
        );
        assert!(text.contains("\nalias symbol:a_two a\n"), "{what} {text}");
    }
}

#[test]
fn modprobe_prints_the_symbols_of_every_format() {
    for (what, root) in trees() {
        let file = |name: &str| root.path(root.in_modules(name));
        let exports = Run::new("modprobe").arg("--show-exports").arg(file("kernel/a.ko")).inside(&root);
        let answer = same(|side| exports.on(side));
        assert_eq!(answer.triple().1, "0x01020304\ta_one\n0xfffefdfc\ta_two\n", "{what} {answer:?}");
        let versions =
            Run::new("modprobe").arg("--show-modversions").arg(file("kernel/b.ko.xz")).inside(&root);
        let answer = same(|side| versions.on(side));
        assert_eq!(answer.triple().1, "0xfffefdfc\ta_two\n", "{what} {answer:?}");
    }
}

#[test]
fn modinfo_reads_every_format() {
    for (what, root) in trees() {
        for file in ["kernel/a.ko", "kernel/b.ko.xz", "kernel/c.ko.zst"] {
            let run = Run::new("modinfo").arg(root.path(root.in_modules(file)));
            let answers = each(|side| run.on(side));
            assert!(answers.iter().all(|(_, answer)| answer.code == 0), "{what} {answers:?}");
            same(|side| run.on(side));
        }
    }
}
