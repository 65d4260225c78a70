//! depmod's cache: no damage may cause a panic, an endless loop or excessive memory use, and a record found under a
//! path must be for that path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::cache::{
    Cache, FileIdentity, Inputs, MAKER, Record, RecordContents, RecordSymbol, assemble, encode,
};

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    if let Ok(record) = Record::parse(bytes) {
        walk(&record);
    } else if let Some(record) = Record::view(bytes) {
        walk(&record);
    }
    // The same bytes as the contents of valid records must survive encoding and decoding.
    let (path, modinfo) = bytes.split_at(bytes.len() / 3);
    let identity = FileIdentity { size: bytes.len() as u64, ..FileIdentity::default() };
    let contents =
        RecordContents { path, identity, modinfo: Some(modinfo), signature: Some(path), build_id: path };
    let symbols = || {
        bytes.split(|&byte| byte == 0).map(|name| RecordSymbol {
            name,
            crc: Some(name.len() as u64),
            bind: b'G',
        })
    };
    let record = encode(&contents, symbols(), symbols().take(2)).expect("short");
    let made = Inputs { maker: MAKER, symbol_prefix: None, files: Vec::new() };
    let parts = assemble(&made, &[&record]).expect("one record");
    let file = [&parts.head[..], &record, &parts.table].concat();
    let facts = Cache::open(file.as_slice(), MAKER).expect("own file");
    let found = facts.find(path).expect("own record");
    let found = Record::parse(found).expect("own record");
    assert_eq!((found.path(), found.modinfo(), found.signature()), (path, Some(modinfo), Some(path)));
    assert_eq!(found.build_id().unwrap_or_default(), path);
    assert!(found.exports().eq(symbols()) && found.needs().eq(symbols().take(2)));
    // The same with one damaged byte.
    if let Some(&byte) = bytes.first() {
        let mut damaged = file.clone();
        let at = bytes.len().wrapping_mul(31).wrapping_add(usize::from(byte)) % damaged.len();
        damaged[at] ^= 1 << (byte % 8);
        read(&damaged);
        if let Some(found) =
            Cache::open(damaged.as_slice(), MAKER).ok().and_then(|facts| facts.find(path).map(Vec::from))
        {
            assert_eq!(found, record);
        }
    }
});

fn read(bytes: &[u8]) {
    let Ok(facts) = Cache::open(bytes, MAKER) else { return };
    assert!(facts.files().count() <= bytes.len());
    let mut seen = 0;
    for bytes in facts.records() {
        seen += bytes.len();
        if let Some(record) = Record::view(bytes) {
            walk(&record);
            if let Some(found) = facts.find(record.path()) {
                assert_eq!(Record::parse(found).expect("checked").path(), record.path());
            }
        }
    }
    assert!(seen <= bytes.len());
}

fn walk(record: &Record<'_>) {
    let names: usize = record.exports().chain(record.needs()).map(|symbol| symbol.name.len()).sum();
    let _ = (names, record.identity(), record.modinfo(), record.signature(), record.build_id());
}
