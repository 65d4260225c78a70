//! Unit tests: the reader returns what was written, and never anything else.

use super::{
    Cache, Digest, FileIdentity, InputRole, Inputs, Record, RecordContents, RecordSymbol, assemble, encode,
};
use crate::error::FormatKind;

fn identity(number: u64) -> FileIdentity {
    let time = (-5 - i64::try_from(number).unwrap(), 999_999_999);
    FileIdentity { size: number << 33, inode: u64::MAX - number, modified: time, changed: (time.0 * 2, 7) }
}

fn symbols(number: usize) -> Vec<(Vec<u8>, Option<u64>, u8)> {
    let crcs = [None, Some(0), Some(5), Some(u64::from(u32::MAX)), Some(1 << 32), Some(u64::MAX)];
    (0..number % 150).map(|at| (vec![b'a'; at * at % 500], crcs[at % crcs.len()], b"LGWUE"[at % 5])).collect()
}

fn record(number: usize) -> Vec<u8> {
    let modinfo = vec![b'm'; number * 7 % 5000];
    let path = format!("kernel/{number}.ko");
    let contents = RecordContents {
        path: path.as_bytes(),
        identity: identity(number as u64),
        modinfo: (!number.is_multiple_of(5)).then_some(&modinfo),
        signature: (!number.is_multiple_of(3)).then_some(b"signature"),
        build_id: &[7; 20][..number % 21],
    };
    let list = symbols(number);
    let each = || list.iter().map(|(name, crc, bind)| RecordSymbol { name, crc: *crc, bind: *bind });
    encode(&contents, each(), each().take(number % 7)).unwrap()
}

fn inputs() -> Inputs {
    let files = vec![
        (InputRole::Input, "modules.builtin".to_owned(), None),
        (InputRole::Output, "modules.dep".to_owned(), Some(Digest::of(b"text"))),
    ];
    Inputs { maker: "1.2.3", symbol_prefix: Some(b'_'), files }
}

fn file(count: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let records: Vec<Vec<u8>> = (0..count).map(record).collect();
    let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let parts = assemble(&inputs(), &slices).unwrap();
    assert_eq!(parts.head.len() % 8, 0);
    ([&parts.head[..], &slices.concat(), &parts.table].concat(), records)
}

#[test]
fn records_are_decoded_as_encoded() {
    for number in [0, 1, 2, 3, 4, 5, 149] {
        let bytes = record(number);
        let record = Record::parse(&bytes).unwrap();
        assert_eq!(record.path(), format!("kernel/{number}.ko").as_bytes());
        assert_eq!(record.identity(), identity(number as u64));
        assert_eq!(record.modinfo().map(<[u8]>::len), (number % 5 > 0).then_some(number * 7 % 5000));
        assert_eq!(record.signature().is_some(), number % 3 > 0);
        let owned = |symbol: RecordSymbol<'_>| (symbol.name.to_vec(), symbol.crc, symbol.bind);
        let list = symbols(number);
        assert_eq!(record.exports().map(owned).collect::<Vec<_>>(), list);
        assert_eq!(record.needs().map(owned).collect::<Vec<_>>(), list[..(number % 7).min(list.len())]);
    }
}

#[test]
fn every_record_is_found_and_no_other() {
    for count in [0, 1, 2, 3, 100, 3000] {
        let (bytes, records) = file(count);
        let cache = Cache::open(bytes.as_slice(), "1.2.3").unwrap();
        assert_eq!((cache.len(), cache.is_empty()), (count, count == 0));
        for (number, record) in records.iter().enumerate() {
            assert_eq!(cache.find(format!("kernel/{number}.ko").as_bytes()), Some(&record[..]));
        }
        for path in ["", "kernel", "kernel/-1.ko", "kernel/3000.ko"] {
            assert_eq!(cache.find(path.as_bytes()), None);
        }
        assert!(cache.records().eq(records.iter().map(Vec::as_slice)));
        let files = inputs().files;
        assert!(cache.files().eq(files.iter().map(|(role, name, digest)| (*role, name.as_bytes(), *digest))));
        assert_eq!(cache.symbol_prefix(), Some(b'_'));
    }
}

#[test]
fn other_files_are_rejected() {
    let (bytes, _) = file(3);
    let open = |bytes: &[u8], maker| Cache::open(bytes, maker).map(|_| ()).map_err(|error| error.kind);
    assert_eq!(open(&bytes, "1.2.3"), Ok(()));
    assert_eq!(open(&bytes, "1.2.4"), Err(FormatKind::Unsupported));
    assert_eq!(open(&bytes, "1.2.3.4"), Err(FormatKind::Unsupported));
    assert_eq!(open(b"", ""), Err(FormatKind::Malformed));
    assert_eq!(open(&[b'x'; 4096], ""), Err(FormatKind::NotThisFormat));
    for len in 0..bytes.len() {
        assert_eq!(open(&bytes[..len], "1.2.3"), Err(FormatKind::Malformed), "{len}");
    }
    let longer = [&bytes[..], &[0; 8]].concat();
    assert_eq!(open(&longer, "1.2.3"), Err(FormatKind::Malformed));
}

/// Whichever bit is flipped, a record that is found is identical to one that was written.
#[test]
fn damaged_records_are_not_found() {
    let (bytes, records) = file(3);
    let (mut found, mut missed) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let Ok(cache) = Cache::open(damaged.as_slice(), "1.2.3") else { continue };
            assert!(cache.records().count() <= damaged.len());
            for (number, record) in records.iter().enumerate() {
                match cache.find(format!("kernel/{number}.ko").as_bytes()) {
                    Some(answer) => {
                        assert_eq!(answer, &record[..]);
                        found += 1;
                    }
                    None => missed += 1,
                }
            }
        }
    }
    assert!(found > 1000 && missed > 1000, "{found} {missed}");
}
