//! xz, decoded by liblzma.
//!
//! This module owns the decoding loop. The size in the index at the end of the file is only a hint for the buffer; the
//! decoder verifies it.

use xz2::stream::{Action, CONCATENATED, Error, Status, Stream};

use super::xz_index::{self, FOOTER};
use super::{Output, out_of_memory};
use crate::error::{FormatError, FormatKind};

/// The maximum amount of working memory: slightly more than 1 GiB, which is enough for a dictionary of 1 GiB. Files of
/// `xz -9` need 65 MiB. kmod does not have a limit.
pub(super) const MEMORY_LIMIT: u64 = (1 << 30) + (1 << 20);

pub(super) fn decode(input: &[u8], output: &mut Output<'_>) -> Result<(), FormatError> {
    let mut stream = Stream::new_stream_decoder(MEMORY_LIMIT, CONCATENATED).map_err(reason)?;
    // One byte more, so that the decoder reaches the end of the data without a larger buffer.
    output.expect(expected_size(input).map_or(0, |size| size.saturating_add(1)))?;
    loop {
        output.make_room()?;
        let rest =
            usize::try_from(stream.total_in()).ok().and_then(|done| input.get(done..)).unwrap_or_default();
        // All input is available, so `Finish` is passed from the start; the decoder needs it to end concatenated streams.
        match stream.process_vec(rest, output.bytes, Action::Finish).map_err(reason)? {
            Status::StreamEnd => return output.check(),
            Status::MemNeeded => return Err(FormatError::malformed("xz data is truncated")),
            Status::Ok | Status::GetCheck => output.check()?,
        }
    }
}

pub(super) fn reason(error: Error) -> FormatError {
    match error {
        Error::MemLimit => FormatError::new(FormatKind::Limit, "xz data needs more than 1 GiB of memory"),
        Error::Mem => out_of_memory(),
        Error::Options | Error::UnsupportedCheck => {
            FormatError::new(FormatKind::Unsupported, "xz data uses an unknown filter or option")
        }
        Error::Format => FormatError::malformed("not xz data"),
        Error::Data | Error::Program | Error::NoCheck => FormatError::malformed("xz data is corrupt"),
    }
}

/// Returns the size of the decompressed data according to the index of the last stream; `None` if there is no valid
/// index.
fn expected_size(input: &[u8]) -> Option<u64> {
    let (body, footer) = input.split_at_checked(input.len().checked_sub(FOOTER)?)?;
    let size = usize::try_from(xz_index::size(footer)?).ok()?;
    let index = body.get(body.len().checked_sub(size)?..)?;
    let mut sum = 0_u64;
    xz_index::each_record(index, |record| {
        sum = sum.checked_add(record.unpacked)?;
        Some(())
    })?;
    Some(sum)
}
