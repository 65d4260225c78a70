//! Unit tests of the object reader, on objects assembled here for both classes and byte orders.

use super::{Binding, ElfModule};
use crate::error::{Cause, FormatKind};

const UNDEFINED: u16 = 0;
const ABSOLUTE: u16 = 0xfff1;
const GLOBAL: u8 = 1 << 4;
const WEAK: u8 = 2 << 4;

/// A target: whether it is 64-bit, and whether it is little-endian.
type Target = (bool, bool);
const TARGETS: [Target; 4] = [(true, true), (true, false), (false, true), (false, false)];

fn int(target: Target, value: u64, size: usize) -> Vec<u8> {
    if target.1 { value.to_le_bytes()[..size].to_vec() } else { value.to_be_bytes()[8 - size..].to_vec() }
}

fn word(target: Target, value: u64) -> Vec<u8> {
    int(target, value, if target.0 { 8 } else { 4 })
}

/// One symbol of a table under construction.
struct Symbol(&'static str, u8, u16, u64);

/// Builds `.symtab`, which starts with a null symbol, and `.strtab`.
fn symbols(target: Target, list: &[Symbol]) -> [(&'static str, Vec<u8>); 2] {
    let (mut table, mut names) = (vec![0; if target.0 { 24 } else { 16 }], vec![0]);
    for Symbol(name, info, section, value) in list {
        let offset = int(target, names.len() as u64, 4);
        let (info, section) = ([*info, 0], int(target, u64::from(*section), 2));
        let (value, size) = (word(target, *value), word(target, 0));
        let fields: [&[u8]; 5] = if target.0 {
            [&offset, &info, &section, &value, &size]
        } else {
            [&offset, &value, &size, &info, &section]
        };
        table.extend(fields.concat());
        names.extend(name.bytes().chain([0]));
    }
    [(".symtab", table), (".strtab", names)]
}

/// Builds an object with the given sections, which are numbered 1, 2, ... in order.
fn object(target: Target, sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let ident = [0x7f, b'E', b'L', b'F', 1 + u8::from(target.0), 2 - u8::from(target.1), 1];
    let mut bytes = vec![0; if target.0 { 64 } else { 52 }];
    let (mut names, mut headers) = (vec![0], vec![vec![0; if target.0 { 64 } else { 40 }]]);
    let placed: Vec<_> = sections.iter().map(|(name, data)| (*name, data.clone())).collect();
    let all_names: Vec<u8> = sections.iter().flat_map(|(name, _)| name.bytes().chain([0])).collect();
    let names_section = [vec![0], all_names, b".shstrtab\0".to_vec()].concat();
    for (name, data) in placed.into_iter().chain([(".shstrtab", names_section)]) {
        headers.push(
            [int(target, names.len() as u64, 4), int(target, 1, 4), word(target, 0), word(target, 0)]
                .into_iter()
                .chain([word(target, bytes.len() as u64), word(target, data.len() as u64), vec![0; 8]])
                .chain([word(target, 1), word(target, 0)])
                .collect::<Vec<_>>()
                .concat(),
        );
        names.extend(name.bytes().chain([0]));
        bytes.extend(data);
    }
    let header = [
        [&ident[..], &[0; 9]].concat(),
        int(target, 1, 2),
        int(target, 62, 2),
        int(target, 1, 4),
        word(target, 0),
        word(target, 0),
        word(target, bytes.len() as u64),
        int(target, 0, 4),
        vec![0; 6],
        int(target, headers[0].len() as u64, 2),
        int(target, headers.len() as u64, 2),
        int(target, headers.len() as u64 - 1, 2),
    ]
    .concat();
    bytes[..header.len()].copy_from_slice(&header);
    bytes.extend(headers.concat());
    bytes
}

fn version(target: Target, name: &str, crc: u64) -> Vec<u8> {
    let mut record = word(target, crc);
    record.extend(name.bytes());
    record.resize(64, 0);
    record
}

/// Exports as (name, CRC), and needs as (name, binding, CRC).
type Found = (Vec<(String, u64)>, Vec<(String, Binding, Option<u64>)>);

fn links(bytes: &[u8]) -> Found {
    let links = ElfModule::parse(&bytes).unwrap().links().unwrap();
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    let exports = links.exports().map(|export| (text(export.name), export.crc)).collect();
    (exports, links.needs().map(|need| (text(need.name), need.bind, need.crc)).collect())
}

#[test]
fn exports_and_needs_of_every_class_and_byte_order() {
    for target in TARGETS {
        let list = [
            Symbol("printk", GLOBAL, UNDEFINED, 0),
            Symbol("__crc_b", GLOBAL, 1, 4),
            Symbol("maybe", WEAK, UNDEFINED, 0),
            Symbol("__crc_a", GLOBAL, ABSOLUTE, 0xdead_beef),
            Symbol("own", GLOBAL, 1, 0),
        ];
        let crcs = [int(target, 0x1111, 4), int(target, 0x89ab_cdef, 4)].concat();
        let versions = [version(target, "module_layout", 7), version(target, "printk", 9)].concat();
        let [symtab, strtab] = symbols(target, &list);
        let bytes = object(target, &[("__kcrctab", crcs), symtab, strtab, ("__versions", versions)]);
        let (exports, needs) = links(&bytes);
        assert_eq!(exports, [("b".into(), 0x89ab_cdef), ("a".into(), 0xdead_beef)]);
        let expected = [
            ("printk".into(), Binding::Global, Some(9)),
            ("maybe".into(), Binding::Weak, None),
            ("module_layout".into(), Binding::Unknown, Some(7)),
        ];
        assert_eq!(needs, expected);
    }
}

#[test]
fn namespaces_are_not_symbols() {
    let target = TARGETS[0];
    let strings = || ("__ksymtab_strings", b"foo\0MY_NS\0bar\0\0".to_vec());
    let named = [
        Symbol("__ksymtab_bar", 0, 9, 0),
        Symbol("__ksymtab_foo", 0, 9, 0),
        Symbol("__kstrtabns_foo", 0, 1, 4),
    ];
    let [symtab, strtab] = symbols(target, &named);
    let bytes = object(target, &[strings(), symtab, strtab]);
    assert_eq!(links(&bytes).0, [("foo".into(), 0), ("bar".into(), 0)]);
    let namespaces = ElfModule::parse(&bytes).unwrap().export_namespaces().unwrap();
    assert_eq!(namespaces, [(b"foo".to_vec(), b"MY_NS".to_vec())]);

    // Without the names, only the relocations of {value, name, namespace} help; the namespace of bar is empty.
    let [symtab, strtab] = symbols(target, &[Symbol("", 3, 1, 0), Symbol("f", GLOBAL, 9, 0)]);
    let relocations: Vec<u8> = [(0, 2, 0), (4, 1, 0), (8, 1, 4), (12, 2, 0), (16, 1, 10), (20, 1, 13)]
        .into_iter()
        .flat_map(|(at, symbol, addend)| {
            [word(target, at), word(target, symbol << 32 | 2), word(target, addend)].concat()
        })
        .collect();
    let sections = [strings(), symtab, strtab, ("__ksymtab", vec![0; 24]), (".rela__ksymtab", relocations)];
    assert_eq!(links(&object(target, &sections)).0, [("foo".into(), 0), ("bar".into(), 0)]);

    // Without either, every string counts as a symbol, as in kmod.
    let bytes = object(target, &[strings()]);
    assert_eq!(links(&bytes).0, [("foo".into(), 0), ("MY_NS".into(), 0), ("bar".into(), 0)]);
}

#[test]
fn extended_versions_follow_the_basic_ones() {
    for target in TARGETS {
        let crcs = [int(target, 1, 4), int(target, 2, 4)].concat();
        let sections = [
            ("__versions", version(target, "short", 9)),
            ("__version_ext_names", b"short\0long\0".to_vec()),
            ("__version_ext_crcs", crcs),
        ];
        let bytes = object(target, &sections);
        let versions = ElfModule::parse(&bytes).unwrap().versions().unwrap();
        let entries: Vec<_> = versions.entries().unwrap().iter().map(|v| (v.name.to_vec(), v.crc)).collect();
        assert_eq!(entries, [(b"short".to_vec(), 9), (b"long".to_vec(), 2)]);
    }
}

#[test]
fn crcs_in_a_large_section_and_outside_of_any() {
    let target = TARGETS[0];
    let big = || [vec![0; 70_000], vec![1, 2, 3, 4]].concat();
    let with = |section, value| {
        let [symtab, strtab] = symbols(target, &[Symbol("__crc_x", GLOBAL, section, value)]);
        object(target, &[("big", big()), ("small", vec![5; 4]), symtab, strtab])
    };
    assert_eq!(links(&with(1, 70_000)).0, [("x".into(), 0x0403_0201)]);
    assert_eq!(links(&with(2, 0)).0, [("x".into(), 0x0505_0505)]);
    for (section, value) in [(1, 70_001), (1, u64::MAX), (2, 1), (2, u64::MAX - 3), (77, 0)] {
        let bytes = with(section, value);
        assert_eq!(links(&bytes).0, [("x".into(), u64::MAX)], "{section} {value}");
        assert!(ElfModule::parse(&bytes).unwrap().links().unwrap().damage().is_some(), "{section} {value}");
    }
}

#[test]
fn the_build_id_may_follow_another_note() {
    for target in TARGETS {
        let note = |name: &[u8], kind: u64, data: &[u8]| {
            let sizes =
                [int(target, name.len() as u64, 4), int(target, data.len() as u64, 4), int(target, kind, 4)];
            let mut note = [sizes.concat(), name.to_vec()].concat();
            note.resize(note.len().next_multiple_of(4), 0);
            note.extend(data);
            note.resize(note.len().next_multiple_of(4), 0);
            note
        };
        let notes = [note(b"Linux\0", 3, b"no"), note(b"GNU\0", 3, b"\x01\x02\x03\x04\x05")].concat();
        let bytes = object(target, &[(".note.gnu.build-id", notes)]);
        let id = ElfModule::parse(&bytes).unwrap().build_id().unwrap();
        assert_eq!(id.as_deref(), Some(&[1, 2, 3, 4, 5][..]));
    }
}

/// If one part is damaged, only that part is missing from the result.
#[test]
fn damaged_parts_are_left_out() {
    let target = TARGETS[0];
    let list = || {
        [
            Symbol("__crc_a", GLOBAL, ABSOLUTE, 1),
            Symbol("b", GLOBAL, UNDEFINED, 0),
            Symbol("c", WEAK, UNDEFINED, 0),
        ]
    };
    let versions = || [version(target, "b", 7), version(target, "c", 8)].concat();
    let strings = || ("__ksymtab_strings", b"a\0".to_vec());
    let damage = |bytes: &[u8]| ElfModule::parse(&bytes).unwrap().links().unwrap().damage().cloned();
    let need = |name: &str, bind, crc| (name.into(), bind, Some(crc));

    let [mut symtab, strtab] = symbols(target, &list());
    symtab.1[48..52].copy_from_slice(&[0xff; 4]);
    let bytes = object(target, &[strings(), symtab, strtab, ("__versions", versions())]);
    let needs = vec![need("c", Binding::Weak, 8), need("b", Binding::Unknown, 7)];
    assert_eq!(links(&bytes), (vec![("a".into(), 0)], needs));
    assert!(damage(&bytes).is_some());

    let [symtab, strtab] = symbols(target, &list());
    let mut cut = versions();
    cut.pop();
    let bytes = object(target, &[strings(), symtab, strtab, ("__versions", cut)]);
    let needs = vec![("b".into(), Binding::Global, None), ("c".into(), Binding::Weak, None)];
    assert_eq!(links(&bytes), (vec![("a".into(), 1)], needs));
    assert!(damage(&bytes).is_some());

    let [mut symtab, strtab] = symbols(target, &list());
    symtab.1.pop();
    let bytes = object(target, &[strings(), symtab, strtab, ("__versions", versions())]);
    let needs = vec![need("b", Binding::Unknown, 7), need("c", Binding::Unknown, 8)];
    assert_eq!(links(&bytes), (vec![("a".into(), 0)], needs));
    assert!(damage(&bytes).is_some());

    let [symtab, mut strtab] = symbols(target, &list());
    strtab.1.pop();
    let bytes = object(target, &[strings(), symtab, strtab, ("__versions", versions())]);
    let needs = vec![need("b", Binding::Global, 7), need("c", Binding::Weak, 8)];
    assert_eq!(links(&bytes), (vec![("a".into(), 1)], needs));
    assert!(damage(&bytes).is_none());
}

/// The kind of the first problem, whether or not it concerns one part only.
fn kind(bytes: &[u8]) -> Option<FormatKind> {
    let result = ElfModule::parse(&bytes).and_then(|module| {
        let links = module.links()?;
        match links.damage() {
            Some(damage) => Err(damage.clone().into()),
            None => module.modinfo().map(|_| ()),
        }
    });
    match result {
        Err(Cause::Format(error)) => Some(error.kind),
        _ => None,
    }
}

#[test]
fn damaged_objects_do_not_cause_panics() {
    for target in TARGETS {
        let [symtab, strtab] = symbols(target, &[Symbol("__crc_x", GLOBAL, 1, 0), Symbol("y", GLOBAL, 0, 0)]);
        let sections = [("crc", vec![1; 4]), symtab, strtab, ("__versions", version(target, "y", 1))];
        let bytes = object(target, &sections);
        assert_eq!(kind(&bytes), Some(FormatKind::Absent));
        for len in 0..bytes.len() {
            assert!(kind(&bytes[..len]).is_some(), "truncated to {len}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = kind(&damaged);
            }
        }
    }
    assert_eq!(kind(b"\x7fELF"), Some(FormatKind::NotThisFormat));
    assert_eq!(kind(b""), Some(FormatKind::NotThisFormat));
}

#[test]
fn overlapping_names_are_limited() {
    let target = TARGETS[0];
    let names = [vec![b'x'; 1 << 20], vec![0]].concat();
    let mut table = vec![0; 24];
    for _ in 0..100 {
        table.extend([int(target, 0, 4), vec![GLOBAL, 0], int(target, 0, 2), vec![0; 16]].concat());
    }
    let bytes = object(target, &[(".symtab", table), (".strtab", names)]);
    assert_eq!(kind(&bytes), Some(FormatKind::Limit));
}
