//! The contents of the output files, for small trees.

use oxmod_test_support::{Module, same};

use super::{depmod, lines, root};

#[test]
fn an_empty_tree_gets_every_file() {
    let root = root();
    let (answer, files) = same(|side| depmod(&root, &[], side));
    assert_eq!(answer.triple(), (0, String::new(), String::new()));
    assert_eq!(files.0.len(), 11);
    assert_eq!(files["modules.dep.bin"].len(), 12);
}

#[test]
fn missing_lists_are_a_warning() {
    let root = root();
    root.module("kernel/a.ko", |module| module);
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        std::fs::remove_file(root.path(root.in_modules(list))).unwrap();
    }
    let (answer, files) = same(|side| depmod(&root, &[], side));
    assert_eq!(answer.stderr_text().matches("WARNING: could not open modules.").count(), 3);
    assert_eq!(&files["modules.builtin.bin"], b"");
    let (answer, _) = same(|side| depmod(&root, &["-n"], side));
    assert_eq!(answer.stderr_text().matches("WARNING").count(), 1);
}

#[test]
fn deepest_dependencies_are_last() {
    let root = root();
    root.module("kernel/top.ko", |m| m.need("mid1").need("mid2").need("kernel_symbol").need_weak("weak"))
        .module("kernel/mid1.ko", |m| m.export("mid1", 1).need("base").need("other"))
        .module("kernel/mid2.ko", |m| m.export("mid2", 2).need("other").need("base"))
        .module("kernel/base.ko", |m| m.export("base", 3).need("bottom"))
        .module("kernel/other.ko", |m| m.export("other", 4).export_in("weak", 6, "SOME_NAMESPACE"))
        .module("kernel/bottom.ko", |m| m.export("bottom", 5));
    let (_, files) = same(|side| depmod(&root, &[], side));
    let deps = lines(&files, "modules.dep");
    assert_eq!(deps.len(), 6);
    let top = deps.iter().find(|line| line.starts_with("kernel/top.ko:")).unwrap();
    assert_eq!(top.split(' ').count(), 6);
    assert!(top.ends_with("kernel/bottom.ko") || top.ends_with("kernel/other.ko"));
    let (answer, _) = same(|side| depmod(&root, &["-v"], side));
    assert_eq!(answer.stdout_text().lines().filter(|line| line.contains(" needs \"")).count(), 8);
}

/// The hash order decides which module provides a symbol that several export, and the order of modules and symbols.
/// This test uses many names of all lengths. Odd-numbered modules depend on the module with half their number, or on
/// one without dependencies, so there are no cycles.
#[test]
fn hash_order_of_many_names() {
    let root = root();
    let mut order = String::new();
    for index in 0..300_u32 {
        let name = format!("{}{index}", "m-x_".repeat(index as usize % 5));
        let path = format!("kernel/{}/{name}.ko", index % 7);
        if index % 4 == 0 {
            order.push_str(&path);
            order.push('\n');
        }
        root.module(&path, |m| {
            let m = m.export(&format!("sym_{index}"), index);
            if index % 2 == 0 {
                return m.export(&format!("shared_{}", index % 40), 7);
            }
            m.need(&format!("sym_{}", index / 2)).need(&format!("shared_{}", index / 3 % 20 * 2))
        });
    }
    let (plain, _) = same(|side| depmod(&root, &["-v"], side));
    root.file(root.in_modules("modules.order"), order);
    let (ordered, _) = same(|side| depmod(&root, &["-v"], side));
    assert_eq!((plain.code, ordered.code), (0, 0));
    assert_ne!(plain.stdout, ordered.stdout);
}

#[test]
fn modules_order_moves_modules_to_the_front() {
    let root = root();
    for name in ["a", "b", "c", "d", "e-x", "f_x", "g"] {
        root.module(&format!("kernel/{name}.ko"), |m| m.alias("same:*"));
    }
    root.module("updates/h.ko.xz", |m| m.alias("same:*"));
    root.file(
        root.in_modules("modules.order"),
        "kernel/f_x.ko\nkernel/none.ko\nkernel/b.ko\nupdates/h.ko\nkernel/b.ko\nkernel/e_x.ko\n\nkernel/e-x.ko\n",
    );
    let (_, files) = same(|side| depmod(&root, &[], side));
    let deps = lines(&files, "modules.dep");
    assert_eq!(&deps[..4], ["kernel/f_x.ko:", "kernel/b.ko:", "updates/h.ko.xz:", "kernel/e-x.ko:"]);
}

/// Overrides compare names up to the first dot; an entry of modules.order never matches a name that contains a dot.
#[test]
fn names_with_dots_in_the_lists() {
    let root = root();
    for path in ["k/a.b.ko", "k/y.e.ko", "k/z.ko", "updates/a.ko", "k/c.d.ko"] {
        root.module(path, |m| m.alias("x"));
    }
    let conf = root.path("c.conf");
    for (order, overridden) in [
        ("k/a.b.ko", "a"),
        ("k/a.ko", "a.b"),
        ("k/z.ko", "c.d"),
        ("k/c.ko", "a.b.ko"),
        ("k/c.d.ko", "c"),
        ("k/y.ko", "y"),
    ] {
        root.file(root.in_modules("modules.order"), format!("{order}\n"))
            .file("c.conf", format!("override {overridden} * k\n"));
        same(|side| depmod(&root, &["-C", conf.to_str().unwrap()], side));
    }
}

#[test]
fn modules_order_without_a_final_newline() {
    let root = root();
    root.module("kernel/a.ko", |m| m).module("kernel/b.ko", |m| m);
    root.file(root.in_modules("modules.order"), "kernel/b.ko\nkernel/a.ko");
    let (answer, _) = same(|side| depmod(&root, &[], side));
    assert!(answer.stderr_text().ends_with("modules.order:2 corrupted line misses '\\n'\n"), "{answer:?}");
}

/// Function descriptors of 64-bit PowerPC: a leading dot is removed from needed symbols but not from exported ones.
#[test]
fn dots_and_prefixes_of_symbols() {
    let root = root();
    root.module("kernel/x.ko", |m| m.export("s", 1).export(".t", 1).export("_u", 1).export("._v", 1));
    for name in ["s", ".s", "_s", "t", ".t", "u", "_u", "._u", ".u", "v", "_v", "._v"] {
        root.module(&format!("kernel/n{}.ko", name.replace('.', "d")), |m| m.need(name));
    }
    for args in [&["-v"][..], &["-v", "-P", "_"], &["-v", "-P", "."]] {
        same(|side| depmod(&root, args, side));
    }
}

#[test]
fn aliases_brackets_and_devices() {
    let root = root();
    root.module("kernel/a.ko", |m| {
        m.alias("pci:v00008086d*sv*sd*bc*sc*i*")
            .alias("pci:v0000[0-9A-F]086-x[a-b]-y*")
            .alias("usb:v?[!a-c]p*")
            .alias("fs-a")
            .alias("dup")
            .alias("dup")
            .alias("bad[bracket")
            .alias("bad]bracket")
            .alias("")
            .alias("with space x")
    })
    .module("kernel/b.ko", |m| {
        m.alias("dup").alias("devname:net/tun").alias("char-major-10-200").alias("char-major-10-201")
    })
    .module("kernel/c.ko", |m| m.alias("block-major-7-*").alias("block-major-7-3x").alias("devname:loop"))
    .module("kernel/d.ko", |m| m.alias("devname:none").alias("char-major-10-*"))
    .module("kernel/e.ko", |m| m.alias("char-major-1-2").alias("devname:x").alias("devname:y"))
    .module("kernel/f.ko", |m| m.alias("devname:big").alias("char-major-4294967295-0"))
    // As scanf reads them.
    .module("kernel/g.ko", |m| m.alias("devname:odd").alias("char-major- +10-\t0200z"));
    for args in [&[][..], &["-w"], &["-n"], &["-n", "-w"]] {
        let (answer, files) = same(|side| depmod(&root, args, side));
        assert_eq!(answer.code, 0);
        if !files.0.is_empty() {
            assert_eq!(files.0.len(), 11);
        }
    }
}

#[test]
fn softdeps_weakdeps_and_symbols() {
    let root = root();
    root.module("kernel/a-b.ko", |m| {
        m.info("softdep", "pre: c-d post: e")
            .info("softdep", "post: f")
            .info("weakdep", "g")
            .info("soft", "no")
            .modinfo_bytes(b"softdep\0\0\0alias\0")
            .info("softdep", "")
    })
    .module("kernel/z.ko", |m| m.export("one", 1).export("two", 2))
    .module("kernel/y.ko", |m| m.export("two", 2).export("with.dot", 3));
    let (_, files) = same(|side| depmod(&root, &["-w"], side));
    assert_eq!(lines(&files, "modules.softdep")[0], "softdep a_b pre: c-d post: e");
    assert_eq!(lines(&files, "modules.symbols").len(), 4 - 1);
}

#[test]
fn built_in_modules() {
    let root = root();
    root.file(
        root.in_modules("modules.builtin"),
        "kernel/fs/ext4.ko\nkernel/a-b.ko\n\n1bad.ko\n# no\nkernel/fs/ext4.ko\nlast.ko",
    );
    root.file(
        root.in_modules("modules.builtin.modinfo"),
        b"ext4.alias=fs-ext4\0ext4.alias=ext3\0ext4.license=GPL\0a-b.alias=x-[y-z]\0a-b.alias=bad[\0nodot\0q.alias=x-[y-z]\0.alias=nobody\0q.alias=\0q.alias.x=1\0q.alias=cu",
    );
    let (answer, files) = same(|side| depmod(&root, &[], side));
    assert!(!files["modules.builtin.alias.bin"].is_empty());
    assert!(answer.stderr_text().contains("Invalid modules.builtin line: 1bad.ko"), "{answer:?}");
}

#[test]
fn every_kind_of_object_file() {
    let root = root();
    for (name, bits, big, machine) in
        [("le64", 64, false, 62), ("be64", 64, true, 22), ("le32", 32, false, 3), ("be32", 32, true, 20)]
    {
        root.module(&format!("kernel/{name}.ko"), |m| {
            m.format(bits, big, machine).export(&format!("{name}_symbol"), 0x1234_5678).alias(name)
        });
        root.module(&format!("kernel/{name}-user.ko"), |m| {
            m.format(bits, big, machine).need("le64_symbol").need(".le32_symbol").version("be64_symbol", 5)
        });
    }
    root.module("kernel/nosymtab.ko", |m| m.without_symtab().alias("still"))
        .module("kernel/xz.ko.xz", |m| m.need("be32_symbol"))
        .module("kernel/zst.ko.zst", |m| m.need("be32_symbol"));
    let (answer, files) = same(|side| depmod(&root, &["-v"], side));
    assert!(answer.stdout_text().contains("needs \"le32_symbol\""), "{answer:?}");
    let deps = lines(&files, "modules.dep");
    assert_eq!(deps.iter().filter(|line| line.contains("-user.ko: ")).count(), 4, "{deps:?}");
}

#[test]
fn odd_names_and_entries() {
    let root = root();
    root.module("kernel/sp ace.ko", |m| m)
        .module("kernel/.hidden.ko", |m| m)
        .module("kernel/a.b.ko", |m| m)
        .module("kernel/.dir/in.ko", |m| m)
        .module("kernel/build/no.ko", |m| m)
        .module("kernel/source/no.ko", |m| m)
        .module("top.ko", |m| m)
        .module("kernel/dir.ko/inside.ko", |m| m)
        .link(root.in_modules("kernel/link.ko"), "../top.ko")
        .link(root.in_modules("kernel/other"), "../../../../extra")
        .dir("extra")
        .file(root.in_modules("kernel/.ko"), "x")
        .file(root.in_modules("kernel/x.KO"), "x")
        .file(root.in_modules("kernel/x.ko.bz2"), "x")
        .file(root.in_modules("kernel/x.kox"), "x");
    root.file("extra/far.ko", Module::new().alias("far").build());
    let (answer, files) = same(|side| depmod(&root, &[], side));
    assert_eq!(answer.triple(), (0, String::new(), String::new()));
    let deps = lines(&files, "modules.dep");
    assert_eq!(deps.len(), 8, "{deps:?}");
}
