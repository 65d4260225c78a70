//! gzip, decoded by flate2.
//!
//! This module owns the loop over members: the contents of a file with several members are concatenated. Any data after
//! the last member is ignored, as by zlib's `gzread` and the kernel.

use std::io::{ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::{Compression, Output, out_of_memory};
use crate::error::FormatError;
use crate::memory;

pub(super) fn decode(mut input: &[u8], output: &mut Output<'_>) -> Result<(), FormatError> {
    // The last four bytes of the file are the size of the last member modulo 2^32. The size of decompressed data is at most
    // 1032 times that of the compressed data.
    if let Some(size) = input.last_chunk().map(|&bytes| u64::from(u32::from_le_bytes(bytes))) {
        output.expect(size.min((input.len() as u64).saturating_mul(1032)))?;
    }
    while Compression::detect(input) == Some(Compression::Gzip) {
        let mut decoder = GzDecoder::new(input);
        let room = (output.limit - output.bytes.len().min(output.limit)) as u64;
        let mut member = (&mut decoder).take(room.saturating_add(1));
        memory::attempt(|| member.read_to_end(output.bytes)).map_err(|error| reason(&error))?;
        output.check()?;
        input = decoder.into_inner();
    }
    Ok(())
}

fn reason(error: &std::io::Error) -> FormatError {
    match error.kind() {
        ErrorKind::UnexpectedEof => FormatError::malformed("gzip data is truncated"),
        ErrorKind::OutOfMemory => out_of_memory(),
        _ => FormatError::malformed("gzip data is corrupt"),
    }
}
