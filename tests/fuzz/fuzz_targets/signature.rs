//! The appended signature: trailer and PKCS#7 message.
//!
//! The input is the end of a file. If it has no trailer, it is used as a message and a trailer is appended.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxmod::formats::modinfo::{Trailer, hex};

fuzz_target!(|bytes: &[u8]| {
    if read(bytes) {
        return;
    }
    let Ok(len) = u32::try_from(bytes.len()) else { return };
    let fields = [&[0, 0, 2, 0, 0, 0, 0, 0][..], &len.to_be_bytes()].concat();
    read(&[bytes, &fields, b"~Module signature appended~\n"].concat());
});

/// Returns whether the file has a trailer.
fn read(file: &[u8]) -> bool {
    let Some(start) = file.len().checked_sub(Trailer::SIZE) else { return false };
    let (before, tail) = file.split_at(start);
    let Some(trailer) = Trailer::parse(tail, file.len() as u64) else { return false };
    let len = trailer.data_size().expect("lengths of 8 and 32 bits");
    let data = usize::try_from(len).expect("checked against the file's size");
    let data = &before[before.len() - data..];
    if let Some(signature) = trailer.read(data) {
        assert!(signature.signature.len() <= data.len() && signature.key.len() <= data.len());
        assert!(!signature.signer.contains(&0));
        let text = hex(&signature.key);
        assert_eq!(text.iter().filter(|byte| byte.is_ascii_hexdigit()).count(), 2 * signature.key.len());
    }
    true
}
