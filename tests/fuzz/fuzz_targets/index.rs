//! Binary indexes: no damage may cause a panic, an endless loop or excessive memory use, and whatever can be read
//! can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::index::{Index, IndexBuilder};

fuzz_target!(|data: &[u8]| {
    let Ok(index) = Index::parse(data) else { return };
    for key in [
        &b"pci:v00008086d*"[..],
        b"snd_hda_intel",
        b"symbol:printk",
        b"",
        b"usb:v1D6Bp0002d0515dc09dsc00dp01ic09isc00ip00in00",
    ] {
        let _ = index.get(key);
        let _ = index.search(key);
    }
    let mut entries = Vec::new();
    if index.dump(|key, found| entries.push((key.to_vec(), found.priority, found.value.to_vec()))).is_err() {
        return;
    }
    // A correct writer sorts the values of a key, but a damaged file may have them in any order.
    let mut builder = IndexBuilder::default();
    let mut kept = 0;
    for (key, priority, value) in &entries {
        kept += usize::from(builder.insert(key, value, *priority).is_ok());
    }
    let bytes = builder.write().expect("far below the limit of the format");
    let mut again = Vec::new();
    let written = Index::parse(&bytes).expect("own header");
    written.dump(|key, found| again.push((key.to_vec(), found.priority))).expect("own nodes");
    assert_eq!(again.len(), kept);
    assert!(again.is_sorted());
    for (key, _) in &again {
        assert!(written.get(key).expect("own nodes").is_some());
    }
});
