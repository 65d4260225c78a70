//! Unit tests: comparison of the tree with fnmatch, hostile files, and limits.

use bstr::ByteSlice;
use oxmod_test_support::Random;
use prost::Message;

use super::message::{Kind, Meta, RadixNode};
use super::*;
use crate::error::FormatKind;
use crate::name::{fnmatch, normalize_alias};

type Result<T> = std::result::Result<T, crate::error::FormatError>;

fn opened(bytes: &[u8]) -> Result<super::MetaReader> {
    super::MetaReader::open(Box::new(bytes.to_vec()))
}

/// The positions found in a tree on its own.
fn searched(tree: &[u8], key: &[u8]) -> Result<Vec<u32>> {
    let whole = 0..tree.len();
    search(&tree.to_vec(), std::slice::from_ref(&whole), key)
}

fn encoded(patterns: &[&[u8]]) -> Vec<u8> {
    let mut tree = RadixTree::default();
    for (module, pattern) in (0..).zip(patterns) {
        tree.insert(pattern, module).unwrap();
    }
    tree.into_message().0.encode_to_vec()
}

/// Hundreds of trees of random patterns, each searched for hundreds of keys.
#[test]
fn a_tree_matches_like_fnmatch() {
    let alphabet: &[&[u8]] =
        &[b"a", b"b", b"-", b"_", b"*", b"?", b"[ab]", b"[a-]", b"[!a]", b"[a-c_]", b"aa", b"abc"];
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let mut matches = 0;
    for _ in 0..400 {
        let patterns: Vec<Vec<u8>> = (0..=random.below(12))
            .map(|_| {
                (0..random.below(6)).flat_map(|_| alphabet[random.below(alphabet.len())].to_vec()).collect()
            })
            .collect();
        let tree = encoded(&patterns.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for _ in 0..200 {
            let key: Vec<u8> = (0..random.below(8)).map(|_| b"abc-_abc-_[]"[random.below(12)]).collect();
            // Inside brackets `-` is kept; unbalanced brackets are rejected.
            let Ok(key) = normalize_alias(&key) else { continue };
            let expected: Vec<u32> = (0..)
                .zip(&patterns)
                .filter(|(_, pattern)| fnmatch(&normalize_alias(pattern).unwrap(), &key))
                .map(|(module, _)| module)
                .collect();
            matches += expected.len();
            assert_eq!(searched(&tree, &key).unwrap(), expected, "{patterns:?} {key:?}");
        }
    }
    assert!(matches > 20_000, "{matches}");
}

#[test]
fn the_order_of_insertion_does_not_matter() {
    let patterns: [&[u8]; 5] = [b"pci:v1*", b"pci:v1d[0-9A-E]*", b"pci:v2", b"usb:?", b"*"];
    let mut forwards = RadixTree::default();
    let mut backwards = RadixTree::default();
    for pattern in patterns {
        forwards.insert(pattern, 1).unwrap();
    }
    for pattern in patterns.iter().rev() {
        backwards.insert(pattern, 1).unwrap();
    }
    assert_eq!(forwards.into_message().0, backwards.into_message().0);
}

#[test]
fn invalid_patterns_are_rejected() {
    let mut tree = RadixTree::default();
    assert_eq!(tree.insert(&[b'a'; 4097], 0), Err(RejectedPattern::Long));
    assert_eq!(tree.insert(&b"[ac]".repeat(11), 0), Err(RejectedPattern::Branches));
    assert_eq!(tree.insert("ä".as_bytes(), 0), Err(RejectedPattern::NotAscii(0xc3)));
    // These patterns match nothing.
    tree.insert(b"a\\", 0).unwrap();
    tree.insert(b"[^\x01-\xff]", 0).unwrap();
    assert_eq!(tree.into_message().0.children, []);
}

/// Other readers reject trees that are too deep, whether because of one long pattern or many nested ones.
#[test]
fn patterns_that_are_too_deep_are_returned() {
    let mut tree = RadixTree::default();
    let long = b"*a".repeat(50);
    tree.insert(&long, 0).unwrap();
    let chain: Vec<Vec<u8>> = (1..=100).map(|len| b"x".repeat(len)).collect();
    for pattern in &chain {
        tree.insert(pattern, 1).unwrap();
    }
    tree.insert(b"[a-b]?y*", 2).unwrap();
    let (root, mut left_out) = tree.into_message();
    left_out.sort();
    let expected = chain[DEEPEST..].iter().map(|pattern| (pattern.clone(), 1));
    assert_eq!(left_out, [(long, 0)].into_iter().chain(expected).collect::<Vec<_>>());
    let root = root.encode_to_vec();
    for (len, found) in [(DEEPEST, &[1][..]), (DEEPEST + 1, &[])] {
        assert_eq!(searched(&root, &b"x".repeat(len)).unwrap(), found);
    }
    assert_eq!(searched(&root, b"b1y").unwrap(), [2]);
    assert!(depth(&RadixNode::decode(&root[..]).unwrap()) <= DEEPEST);
}

fn depth(node: &RadixNode) -> usize {
    node.children.iter().map(|child| 1 + depth(child)).max().unwrap_or(0)
}

#[test]
fn many_stars_are_searched_quickly() {
    let tree = encoded(&[&b"*a".repeat(40), &[&b"*a".repeat(40)[..], b"b"].concat()]);
    let key = vec![b'a'; 64 << 10];
    assert_eq!(searched(&tree, &key).unwrap(), [0]);
}

/// Ten thousand adjacent wildcards would each have to be matched against every byte.
#[test]
fn long_searches_are_limited() {
    let child =
        |_| RadixNode { kind: Kind::Wildcard.into(), children: vec![literal(b'x')], ..Default::default() };
    let children = (0..10_000).map(child).collect();
    let tree = RadixNode { kind: Kind::Root.into(), children, ..Default::default() }.encode_to_vec();
    assert_eq!(searched(&tree, &vec![b'a'; 64 << 10]).unwrap_err().kind, FormatKind::Limit);
}

fn literal(byte: u8) -> RadixNode {
    RadixNode { literal: char::from(byte).into(), ..Default::default() }
}

#[test]
fn a_deep_tree_is_refused() {
    // Built from the inside out, because nothing here may recurse.
    let mut bytes = literal(b'a').encode_to_vec();
    for _ in 0..100_000 {
        let mut outer = literal(b'a').encode_to_vec();
        outer.push(5 << 3 | 2);
        prost::encode_length_delimiter(bytes.len(), &mut outer).unwrap();
        outer.extend_from_slice(&bytes);
        bytes = outer;
        if bytes.len() > 1 << 20 {
            break;
        }
    }
    let mut root = RadixNode { kind: Kind::Root.into(), ..Default::default() }.encode_to_vec();
    root.push(5 << 3 | 2);
    prost::encode_length_delimiter(bytes.len(), &mut root).unwrap();
    root.extend_from_slice(&bytes);
    assert_eq!(searched(&root, &vec![b'a'; 200_000]).unwrap_err().kind, FormatKind::Limit);
}

fn sample() -> Meta {
    let module = |name: &str, path: &str, depends: &[u32]| message::Module {
        name: name.into(),
        path: path.into(),
        depends: depends.into(),
        ..Default::default()
    };
    let mut tree = RadixTree::default();
    tree.insert(b"pci:*", 2).unwrap();
    Meta {
        modules: vec![
            module("one", "", &[]),
            module("two", "a/two.ko", &[]),
            module("three", "b/three.ko", &[1, 0]),
        ],
        module_device_matches: Some(tree.into_message().0),
        release: "6.1".into(),
        ..Default::default()
    }
}

#[test]
fn modules_and_trees_are_found() {
    let bytes = sample().encode_to_vec();
    let meta = opened(&bytes).unwrap();
    let modules: Vec<super::MetaModule<'_>> = meta.modules().map(Result::unwrap).collect();
    assert_eq!(modules[2].name, b"three");
    assert_eq!(modules[2].depends().unwrap(), [1, 0]);
    assert_eq!(modules[2].closure().unwrap(), None);
    assert!(modules[0].is_builtin() && !modules[1].is_builtin());
    assert_eq!(meta.release().unwrap(), Some(&b"6.1"[..]));
    assert_eq!(meta.search(Aliases::Loadable, b"pci:v1").unwrap(), [2]);
    // Two trees are merged, as Protocol Buffers require for repeated occurrences of a message.
    let mut tree = RadixTree::default();
    tree.insert(b"usb:*", 1).unwrap();
    let more = Meta { module_device_matches: Some(tree.into_message().0), ..Default::default() };
    let twice = [&bytes[..], &more.encode_to_vec()].concat();
    let meta = opened(&twice).unwrap();
    for (key, module) in [(b"pci:v1", 2), (b"usb:v1", 1)] {
        assert_eq!(meta.search(Aliases::Loadable, key).unwrap(), [module]);
    }
}

/// In files with and without an index.
#[test]
fn modules_are_found_by_position_and_name() {
    let mut sample = sample();
    sample.modules[1].softdeps = vec!["pre: three".into()];
    sample.modules[2].weakdeps = vec!["one".into()];
    let body = sample.encode_to_vec();
    let file = sample.into_file().unwrap();
    assert!(file.ends_with(&body));
    // With one more byte, the index no longer describes the file.
    let longer = [&file[..], &[0xa2, 0x3f, 0]].concat();
    for (bytes, believed) in [(&body, false), (&file, true), (&longer, false)] {
        let meta = opened(bytes).unwrap();
        for (position, name) in [(0, "one"), (1, "two"), (2, "three")] {
            assert_eq!(meta.position(name.as_bytes()), Ok(Some(position)));
            assert_eq!(*meta.name(position).unwrap(), *name.as_bytes());
        }
        assert_eq!(meta.position(b"four"), Ok(None));
        assert!(meta.module(3).is_err());
        assert_eq!(meta.closure(2), Ok(vec![1, 0]));
        assert_eq!(meta.soft_and_weak().unwrap(), b"softdep two pre: three\nweakdep three one\n");
        assert_eq!(meta.search(Aliases::Loadable, b"pci:v1"), Ok(vec![2]));
        // The stored lines are used, and not those of the modules.
        let mut changed = bytes.clone();
        let at = changed.find(b"softdep two");
        assert_eq!(at.is_some(), bytes.len() > body.len());
        if let Some(at) = at {
            changed[at] = b'S';
            let lines = opened(&changed).unwrap().soft_and_weak().unwrap();
            assert_eq!(lines.starts_with(b"S"), believed);
        }
    }
}

/// Other writers do not store closures. Cycles and invalid positions must not cause endless loops.
#[test]
fn closures_are_computed_from_dependencies() {
    let module =
        |depends: &[u32]| message::Module { name: "m".into(), depends: depends.into(), ..Default::default() };
    let modules = vec![
        module(&[1, 2]),
        module(&[2, 3]),
        module(&[3]),
        module(&[]),
        module(&[5]),
        module(&[4, 3]),
        module(&[9]),
    ];
    let meta = opened(&Meta { modules, ..Default::default() }.encode_to_vec()).unwrap();
    for (position, closure) in [(0, &[1, 2, 3][..]), (1, &[2, 3]), (3, &[]), (4, &[5, 3]), (5, &[4, 3])] {
        assert_eq!(meta.closure(position).unwrap(), closure, "{position}");
    }
    assert!(meta.closure(6).is_err());
    let long = (1..=50_000).map(|on| module(&[on])).chain([module(&[])]).collect();
    let meta = opened(&Meta { modules: long, ..Default::default() }.encode_to_vec()).unwrap();
    assert_eq!(meta.closure(0).unwrap().len(), 50_000);
}

/// Every truncation and every change of a single byte yields a result or an error, and never a panic.
#[test]
fn damaged_files() {
    damage(&sample().encode_to_vec(), 8);
    // When truncated, such a file is treated as one without an index.
    damage(&sample().into_file().unwrap(), 16);
}

fn damage(bytes: &[u8], most: usize) {
    let ask = |bytes: &[u8]| -> Result<()> {
        let meta = opened(bytes)?;
        for module in meta.modules() {
            let module = module?;
            module.depends()?;
            module.closure()?;
            module.softdeps()?;
        }
        for position in 0..meta.len() {
            meta.position(&meta.name(position)?)?;
            meta.closure(position)?;
        }
        meta.soft_and_weak()?;
        meta.search(Aliases::Loadable, b"pci:v1")?;
        Ok(())
    };
    let whole_fields = (0..bytes.len()).filter(|&len| ask(&bytes[..len]).is_ok()).count();
    assert!(whole_fields < most, "{whole_fields}");
    let mut refused = 0;
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut changed = bytes.to_vec();
            changed[at] = value;
            refused += usize::from(ask(&changed).is_err());
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn patterns_are_listed_as_inserted() {
    let patterns: [&[u8]; 7] = [b"", br"\*\[x", b"a*b?", b"abc", b"abd*", b"x[0-9]y", br"z[\!-\]]"];
    let meta = Meta {
        module_device_matches: Some({
            let mut tree = RadixTree::default();
            for (module, pattern) in (0..).zip(patterns) {
                tree.insert(pattern, module).unwrap();
            }
            tree.insert(b"q[ax-z]", 9).unwrap();
            tree.into_message().0
        }),
        ..Default::default()
    }
    .encode_to_vec();
    let mut found = Vec::new();
    let meta = opened(&meta).unwrap();
    meta.patterns(Aliases::Loadable, |pattern, module| found.push((module, pattern.to_vec()))).unwrap();
    found.sort();
    let expected = (0..).zip(patterns).map(|(module, pattern)| (module, pattern.to_vec()));
    let spread = [(9, b"q[x-z]".to_vec()), (9, b"qa".to_vec())];
    assert_eq!(found, expected.chain(spread).collect::<Vec<_>>());
}

/// Limits against small files that expand to large results.
#[test]
fn limits() {
    let kind = |bytes: &[u8], ask: fn(&super::MetaReader) -> Result<()>| {
        opened(bytes).and_then(|meta| ask(&meta)).map_err(|error| error.kind)
    };
    let all = |meta: &super::MetaReader| meta.modules().try_for_each(|module| module.map(drop));
    let named = |name: usize, path: usize| {
        let module = message::Module { name: "n".repeat(name), path: "p".repeat(path), ..Default::default() };
        Meta { modules: vec![module], ..Default::default() }
    };
    assert_eq!(kind(&named(LONGEST_NAME, LONGEST_PATH).into_file().unwrap(), all), Ok(()));
    for (name, path) in [(LONGEST_NAME + 1, 1), (1, LONGEST_PATH + 1)] {
        assert_eq!(kind(&named(name, path).encode_to_vec(), all), Err(FormatKind::Limit));
        assert_eq!(kind(&named(name, path).into_file().unwrap(), all), Err(FormatKind::Limit));
    }
    let same = vec![message::Module { name: "same".into(), ..Default::default() }; 1000];
    let file = Meta { modules: same, ..Default::default() }.into_file().unwrap();
    assert_eq!(kind(&file, |meta| meta.position(b"same").map(drop)), Err(FormatKind::Malformed));
    // A node with millions of modules, or of unknown fields, that is reached again and again.
    let single = |fields: &[u8]| {
        let node = [&[0x08, 2][..], fields].concat();
        let mut star = vec![0x08, 1, 0x2a];
        prost::encode_length_delimiter(node.len(), &mut star).unwrap();
        let star = [star, node].concat();
        let mut root = vec![0x08, 4, 0x2a];
        prost::encode_length_delimiter(star.len(), &mut root).unwrap();
        [root, star].concat()
    };
    let modules = single(&[0x30, 0].repeat(2_000_000));
    assert_eq!(searched(&modules, &[b'a'; 4000]).unwrap_err().kind, FormatKind::Limit);
    let strange = single(&[&[0x78, 0].repeat(2_000_000)[..], &[0x30, 0]].concat());
    assert_eq!(searched(&strange, &[b'a'; 4000]).unwrap_err().kind, FormatKind::Limit);
}
