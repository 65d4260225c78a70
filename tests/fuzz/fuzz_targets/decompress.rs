//! The decompressors under a small limit: an answer or an error, never more than the limit, and the same answer from a
//! decoder that has just failed or succeeded on something else.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use oxmod::sys::decompress::{Compression, Decompressor};

const LIMIT: usize = 1 << 20;

thread_local! {
    static KEPT: RefCell<(Decompressor, Vec<u8>)> = RefCell::new((Decompressor::with_limit(LIMIT), Vec::new()));
}

fuzz_target!(|bytes: &[u8]| {
    let Some(compression) = Compression::detect(bytes) else { return };
    let mut fresh = Vec::new();
    let first = Decompressor::with_limit(LIMIT).decompress(compression, bytes, &mut fresh);
    KEPT.with_borrow_mut(|(decoder, output)| {
        let again = decoder.decompress(compression, bytes, output);
        assert_eq!(first, again);
        if first.is_ok() {
            assert!(fresh.len() <= LIMIT);
            assert_eq!(&fresh, output);
        }
    });
});
