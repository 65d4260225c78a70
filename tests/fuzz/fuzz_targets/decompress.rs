//! The decompressors with a small limit: they return a result or an error, never exceed the limit, and give the same
//! result when the decoder is reused. Decoding the blocks of an .xz file one by one gives the same result as
//! decoding the file.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use oxmod::formats::compress::{Compression, Decompressor, XzBlocks};

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
    let read = |offset: u64, len: usize| {
        let start = usize::try_from(offset).unwrap();
        Ok(bytes[start..start + len].to_vec())
    };
    let Some(blocks) = XzBlocks::find(bytes.len() as u64, read).unwrap() else { return };
    let mut joined = Vec::new();
    for block in blocks.all() {
        let packed = block.packed.start as usize..block.packed.end as usize;
        let size = block.unpacked.end - block.unpacked.start;
        match blocks.decode(block, &bytes[packed]) {
            Ok(bytes) => joined.extend_from_slice(&bytes),
            Err(_) => assert!(first.is_err(), "a block of {size} bytes is refused, the file is not"),
        }
    }
    if first.is_ok() {
        assert_eq!(joined, fresh);
    }
});
