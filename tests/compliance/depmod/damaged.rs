//! Modules whose symbol data is damaged in one place: the rest of it is used.

use oxmod_test_support::{Answer, Module, Root, Run, Side, each, same};

use super::{depmod, lines, root};

/// `lib` exports two symbols, which `user` needs, besides one of `other`.
fn built(name: &str) -> Vec<u8> {
    let module = Module::new().info("license", "GPL").info("name", name);
    match name {
        "lib" => module.export("first", 0x11).export("second", 0x22).need("of_other"),
        "other" => module.export("of_other", 0x33),
        _ => module.need("of_other").need("first").version("of_other", 0x33).version("first", 0x11),
    }
    .build()
}

fn tree(name: &str, bytes: &[u8]) -> Root {
    let root = root();
    for intact in ["lib", "other", "user"] {
        root.file(root.in_modules(&format!("kernel/{intact}.ko")), built(intact));
    }
    root.file(root.in_modules(&format!("kernel/{name}.ko")), bytes);
    root
}

fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Returns where the header of a section begins in a 64-bit little-endian object, and where its contents do.
fn section(bytes: &[u8], name: &str) -> (usize, usize) {
    let header = |index: usize| number(bytes, 0x28, 8) + 64 * index;
    let names = number(bytes, header(number(bytes, 0x3e, 2)) + 24, 8);
    let is_called = |index: &usize| {
        let rest = &bytes[names + number(bytes, header(*index), 4)..];
        rest.starts_with(&[name.as_bytes(), b"\0"].concat())
    };
    let index = (0..number(bytes, 0x3c, 2)).find(is_called).expect(name);
    (header(index), number(bytes, header(index) + 24, 8))
}

/// Returns where the first symbol with such a name begins.
fn symbol(bytes: &[u8], prefix: &str) -> usize {
    let (header, start) = section(bytes, ".symtab");
    let (_, names) = section(bytes, ".strtab");
    let end = start + number(bytes, header + 32, 8);
    let is_called = |at: &usize| bytes[names + number(bytes, *at, 4)..].starts_with(prefix.as_bytes());
    (start + 24..end).step_by(24).find(is_called).expect(prefix)
}

/// Gives a symbol a name outside the name table.
fn without_name(bytes: &mut [u8], prefix: &str) {
    let at = symbol(bytes, prefix);
    bytes[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
}

/// Adds to the size of a section.
fn resize(bytes: &mut [u8], name: &str, change: isize) {
    let at = section(bytes, name).0 + 32;
    let size = number(bytes, at, 8).saturating_add_signed(change);
    bytes[at..at + 8].copy_from_slice(&(size as u64).to_le_bytes());
}

/// Returns the error about a damaged module, which the reference does not report.
fn reported(answer: &Answer, side: Side, root: &Root, name: &str, why: &str) {
    assert_eq!(answer.code, 0, "{answer:?}");
    let (top, file) = (root.path(""), root.in_modules(&format!("kernel/{name}.ko")));
    let path = format!("{}/{}", top.display(), file.display());
    let error = format!("depmod: ERROR: failed to load symbols from {path}: Invalid argument ({why})\n");
    assert_eq!(answer.stderr_text(), if side == Side::Ours { error } else { String::new() });
}

const NAME: &str = "symbol name is outside .strtab";

#[test]
fn exports_of_a_damaged_module() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage, &str); 7] = [
        (NAME, |bytes| without_name(bytes, "__crc_first"), "0x00000000\tfirst\n0x00000000\tsecond\n"),
        (NAME, |bytes| without_name(bytes, "first"), "0x00000000\tfirst\n0x00000000\tsecond\n"),
        (NAME, |bytes| without_name(bytes, "of_other"), "0x00000000\tfirst\n0x00000000\tsecond\n"),
        (NAME, |bytes| resize(bytes, ".strtab", isize::MIN), "0x00000000\tfirst\n0x00000000\tsecond\n"),
        (
            "size of .symtab is not a multiple of the symbol size",
            |bytes| resize(bytes, ".symtab", -1),
            "0x00000000\tfirst\n0x00000000\tsecond\n",
        ),
        (
            "a section reaches beyond the end of the file",
            |bytes| resize(bytes, ".symtab", 1 << 40),
            "0x00000000\tfirst\n0x00000000\tsecond\n",
        ),
        (
            "CRC of an exported symbol is outside its section",
            |bytes| {
                let at = symbol(bytes, "__crc_first") + 8;
                bytes[at..at + 8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
            },
            "0xffffffffffffffff\tfirst\n0x00000022\tsecond\n",
        ),
    ];
    for (why, damage, shown) in damages {
        let mut bytes = built("lib");
        damage(&mut bytes);
        let root = tree("lib", &bytes);
        let path = root.path(root.in_modules("kernel/lib.ko"));
        let exports = same(|side| Run::new("modprobe").arg("--show-exports").arg(&path).on(side));
        assert_eq!(exports.triple(), (0, shown.into(), String::new()), "{why}");
        for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
            let symbols = lines(&files, "modules.symbols");
            let expected = ["symbol:first lib", "symbol:of_other other", "symbol:second lib"];
            let mut sorted = symbols.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, expected.map(|line| format!("alias {line}")), "{why} {side:?}");
            let dep = lines(&files, "modules.dep");
            let line = dep.iter().find(|line| line.starts_with("kernel/user.ko:")).unwrap();
            assert!(line.contains(" kernel/lib.ko"), "{why} {side:?}: {line}");
            reported(&answer, side, &root, "lib", why);
        }
    }
}

/// The versions are independent of the exports. A name table without the last NUL is used to its end.
#[test]
fn damage_that_does_not_concern_the_exports() {
    for (why, name, change) in
        [("size of __versions is not a multiple of 64", "__versions", -1), ("", ".strtab", -1)]
    {
        let mut bytes =
            Module::new().export("first", 0x11).need("of_other").version("of_other", 0x33).build();
        resize(&mut bytes, name, change);
        let root = tree("lib", &bytes);
        let path = root.path(root.in_modules("kernel/lib.ko"));
        let exports = same(|side| Run::new("modprobe").arg("--show-exports").arg(&path).on(side));
        assert_eq!(exports.triple(), (0, "0x00000011\tfirst\n".into(), String::new()), "{name}");
        for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
            let dep = lines(&files, "modules.dep");
            assert!(
                dep.iter().any(|line| line == "kernel/lib.ko: kernel/other.ko"),
                "{name} {side:?}: {dep:?}"
            );
            if why.is_empty() {
                assert_eq!(answer.triple(), (0, String::new(), String::new()), "{side:?}");
            } else {
                reported(&answer, side, &root, "lib", why);
            }
        }
    }
}

/// Listed difference: of the needs of such a module, the reference uses none.
#[test]
fn a_needed_symbol_without_a_name() {
    let mut bytes = built("user");
    without_name(&mut bytes, "of_other");
    let root = tree("user", &bytes);
    for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
        let dep = lines(&files, "modules.dep");
        let line = dep.iter().find(|line| line.starts_with("kernel/user.ko:")).unwrap();
        let expected = match side {
            Side::Ours => "kernel/user.ko: kernel/lib.ko kernel/other.ko",
            Side::Theirs => "kernel/user.ko:",
        };
        assert_eq!(line, expected);
        reported(&answer, side, &root, "user", NAME);
    }
}

/// The reference aborts.
#[test]
fn a_crc_in_a_section_that_does_not_exist() {
    let mut bytes = built("lib");
    let at = symbol(&bytes, "__crc_first") + 6;
    bytes[at..at + 2].copy_from_slice(&[0x34, 0x12]);
    let root = tree("lib", &bytes);
    for (side, (answer, files)) in each(|side| depmod(&root, &[], side)) {
        match side {
            Side::Ours => {
                reported(&answer, side, &root, "lib", "section index out of range");
                assert_eq!(lines(&files, "modules.symbols").len(), 3);
            }
            Side::Theirs => assert_eq!((answer.code, files.0.len()), (128 + libc::SIGABRT, 0)),
        }
    }
}
