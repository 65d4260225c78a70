//! Unit tests: the reader returns what was written; damage results in an error and never in a panic or a loop.

use super::*;
use crate::formats::index::IndexBuilder;

fn sample() -> Vec<u8> {
    let mut builder = IndexBuilder::default();
    for (key, value, priority) in [
        ("pci:v00008086d*", "e1000", 3),
        ("pci:v00008086d*", "ixgbe", 1),
        ("pci:v*d*", "any", 2),
        ("pci:v0000808[67]d00001234", "set", 0),
        ("plain", "plain_mod", 7),
        ("plain", "twice", 7),
        ("p?ain", "q", 9),
    ] {
        builder.insert(key.as_bytes(), value.as_bytes(), priority).unwrap();
    }
    builder.write().unwrap()
}

fn found(index: &Index<'_>, key: &str) -> Vec<String> {
    let matches = index.search(key.as_bytes()).unwrap();
    matches.iter().map(|found| String::from_utf8_lossy(found.value).into_owned()).collect()
}

#[test]
fn searches_by_priority() {
    let bytes = sample();
    let index = Index::parse(&bytes).unwrap();
    assert_eq!(found(&index, "pci:v00008086d00001234"), ["set", "ixgbe", "any", "e1000"]);
    assert_eq!(found(&index, "plain"), ["plain_mod", "twice", "q"]);
    assert_eq!(found(&index, "nothing"), [""; 0]);
    assert_eq!(index.get(b"plain").unwrap(), Some(&b"twice"[..]));
    assert_eq!(index.get(b"plai").unwrap(), None);
    assert_eq!(index.get(b"plainer").unwrap(), None);
}

#[test]
fn dumps_in_byte_order() {
    let bytes = sample();
    let mut keys = Vec::new();
    Index::parse(&bytes).unwrap().dump(|key, _| keys.push(key.to_vec())).unwrap();
    let mut sorted = keys.clone();
    sorted.sort();
    assert_eq!(keys, sorted);
    assert_eq!(keys.len(), 7);
}

/// A source that returns no more bytes than requested.
struct Narrow<'a>(&'a [u8]);

impl Source for Narrow<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_from(&self, offset: u64, least: u64) -> std::result::Result<&[u8], Cause> {
        let offset = usize::try_from(offset).unwrap();
        let end = self.0.len().min(offset + usize::try_from(least).unwrap());
        Ok(self.0.get(offset..end).unwrap_or_default())
    }

    fn window<'a>(
        &'a self,
        offset: u64,
        least: u64,
        buffer: &'a mut Vec<u8>,
    ) -> std::result::Result<&'a [u8], Cause> {
        buffer.clear();
        buffer.extend_from_slice(self.read_from(offset, least)?);
        Ok(buffer)
    }
}

type Entry = (Vec<u8>, u32, Vec<u8>);

fn dumped(index: &Index<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    index.dump(|key, found| entries.push((key.to_vec(), found.priority, found.value.to_vec())))?;
    Ok(entries)
}

#[test]
fn small_windows_are_sufficient() {
    let bytes = sample();
    let entries = dumped(&Index::parse(&bytes).unwrap()).unwrap();
    assert_eq!(entries.len(), 7);
    assert_eq!(dumped(&Index::over(&Narrow(&bytes)).unwrap()).unwrap(), entries);
    for cut in 0..bytes.len() {
        let narrow = Narrow(&bytes[..cut]);
        assert!(Index::over(&narrow).and_then(|index| dumped(&index)).is_err(), "{cut}");
    }
}

#[test]
fn keys_of_all_lengths() {
    for len in (0..600).chain([5000, 100_000]) {
        let key = vec![b'k'; len];
        let longer = [&key[..], b"x*"].concat();
        let mut builder = IndexBuilder::default();
        builder.insert(&key, b"", 0).unwrap();
        builder.insert(&longer, b"v", 1).unwrap();
        let bytes = builder.write().unwrap();
        let expected = vec![(key, 0, vec![]), (longer, 1, b"v".to_vec())];
        assert_eq!(dumped(&Index::parse(&bytes).unwrap()).unwrap(), expected);
        assert_eq!(dumped(&Index::over(&Narrow(&bytes)).unwrap()).unwrap(), expected);
    }
}

/// A reference with any other offset does not point to the node and must be rejected.
#[test]
fn a_dump_rejects_wrong_offsets() {
    let sound = sample();
    assert!(dumped(&Index::parse(&[&sound[..], &[0]].concat()).unwrap()).is_err());
    // The root only has the child `p`; its reference follows the range.
    assert_eq!(&sound[12..14], b"pp");
    let reference = u32::from_be_bytes(*sound[14..].first_chunk().unwrap());
    for offset in (0..0x1000).filter(|offset| *offset != reference & 0xfff) {
        let mut bytes = sound.clone();
        bytes[14..18].copy_from_slice(&((reference & !0xfff) | offset).to_be_bytes());
        assert!(Index::parse(&bytes).and_then(|index| dumped(&index)).is_err(), "{offset}");
    }
}

#[test]
fn an_empty_index_consists_of_its_header() {
    let bytes = IndexBuilder::default().write().unwrap();
    assert_eq!(bytes, [0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12]);
    let index = Index::parse(&bytes).unwrap();
    assert_eq!(index.get(b"").unwrap(), None);
    assert!(index.search(b"x").unwrap().is_empty());
}

#[test]
fn only_ascii_is_accepted() {
    let mut builder = IndexBuilder::default();
    assert_eq!(builder.insert("é".as_bytes(), b"x", 0).unwrap_err().byte, 0xc3);
    assert_eq!(builder.insert(b"x", b"a\0b", 0).unwrap_err().byte, 0);
}

#[test]
fn damage_does_not_cause_panics() {
    let sound = sample();
    let mut refused = 0;
    for cut in 0..sound.len() {
        let Ok(index) = Index::parse(&sound[..cut]) else {
            refused += 1;
            continue;
        };
        refused += usize::from(index.dump(|_, _| ()).is_err());
        let _ = index.search(b"pci:v00008086d00001234");
        let _ = index.get(b"plain");
    }
    assert_eq!(refused, sound.len(), "every truncation must be noticed by a full walk");
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            let Ok(index) = Index::parse(&bytes) else { continue };
            let _ = index.dump(|_, _| ());
            let _ = index.search(b"pci:v00008086d00001234");
            let _ = index.get(b"plain");
        }
    }
}

#[test]
fn loops_are_detected() {
    let header = [0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0];
    // The root's only child, for `*`, is the root itself: in the current order of nodes, and in the old one.
    let current = [&header[..], &[12, b'*', b'*', 0x20, 0, 0, 12]].concat();
    assert!(Index::parse(&current).is_err());
    let older = [&header[..], &[13, 0, b'*', b'*', 0x20, 0, 0, 13]].concat();
    let index = Index::parse(&older).unwrap();
    assert!(index.dump(|_, _| ()).is_err());
    assert!(index.search(b"x").is_err());
}

/// Files as kmod before 34 wrote them: children first, the root last.
#[test]
fn files_of_older_versions_are_read() {
    let leaf = |value: &[u8]| [&[0, 0, 0, 1, 0, 0, 0, 7], value, &[0]].concat();
    let header = [0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 34];
    let root = [b'a', b'c', 0x40, 0, 0, 12, 0, 0, 0, 0, 0x40, 0, 0, 23];
    let bytes = [&header[..], &leaf(b"xx"), &leaf(b"yy"), &root].concat();
    let index = Index::parse(&bytes).unwrap();
    assert_eq!(index.get(b"a").unwrap(), Some(&b"xx"[..]));
    assert_eq!(index.get(b"b").unwrap(), None);
    assert_eq!(index.get(b"c").unwrap(), Some(&b"yy"[..]));
    assert_eq!(found(&index, "c"), ["yy"]);
    let mut keys = Vec::new();
    index.dump(|key, _| keys.extend_from_slice(key)).unwrap();
    assert_eq!(keys, b"ac");
    assert_eq!(dumped(&Index::over(&Narrow(&bytes)).unwrap()).unwrap(), dumped(&index).unwrap());
    assert!(Index::parse(&bytes[..bytes.len() - 1]).is_err());
    assert!(Index::parse(&[&bytes[..], &[0]].concat()).is_err());
}
