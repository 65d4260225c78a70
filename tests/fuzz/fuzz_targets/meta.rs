//! meta.pb and its patterns: no damage may cause a panic, deep recursion, an endless loop or excessive memory use,
//! and a tree must find the patterns that it was built from. The first byte selects what the rest is used as.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::meta::{Aliases, MetaReader, RadixTree, search};
use oxmod::name::{fnmatch, normalize_alias};
use oxmod::ops::meta_check::{ListedModule, check, example, modules_for};
use prost::Message;

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, patterns)) => tree_of(patterns),
        Some((_, bytes)) => file(bytes),
        None => {}
    }
});

/// Uses the bytes as a file.
fn file(bytes: &[u8]) {
    let Ok(unindexed) = MetaReader::open_unindexed(Box::new(bytes.to_vec())) else { return };
    let Ok(meta) = MetaReader::open(Box::new(bytes.to_vec())) else { return };
    let _ = check(&meta, &unindexed);
    let _ = ListedModule::all(&meta);
    for key in [&b"pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00"[..], b"", &[b'a'; 2000]] {
        let _ = modules_for(&meta, key);
    }
    let _ = meta.patterns(Aliases::Loadable, |pattern, _| drop(example(pattern)));
}

/// Uses the bytes as patterns, one per line, followed by a key.
fn tree_of(text: &[u8]) {
    let mut lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let Some(Ok(key)) = lines.pop().map(normalize_alias) else { return };
    if key.contains(&0) {
        return;
    }
    let mut tree = RadixTree::default();
    let mut expected = Vec::new();
    for (position, pattern) in (0..).zip(lines) {
        let Ok(normalized) = normalize_alias(pattern) else { continue };
        if tree.insert(pattern, position).is_ok() && fnmatch(&normalized, &key) {
            expected.push(position);
        }
    }
    let (message, left_out) = tree.into_message();
    expected.retain(|position| left_out.iter().all(|(_, out)| out != position));
    let tree = message.encode_to_vec();
    assert_eq!(search(&tree, std::slice::from_ref(&(0..tree.len())), &key).as_deref(), Ok(&expected[..]));
}
