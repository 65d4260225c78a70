//! xz, over liblzma.
//!
//! Owns the decoding loop and the reading of the index at the file's end for the size to expect. The index is taken
//! as a hint only; the decoder checks the data against it.

use xz2::stream::{Action, CONCATENATED, Error, Status, Stream};

use super::{Output, out_of_memory};
use crate::error::{FormatError, FormatKind};

/// The most working memory that a file may ask for: 1 GiB and a bit, which lets a dictionary of 1 GiB pass. `xz -9`
/// uses 65 MiB. kmod sets no limit.
pub(super) const MEMORY_LIMIT: u64 = (1 << 30) + (1 << 20);

pub(super) fn decode(input: &[u8], output: &mut Output<'_>) -> Result<(), FormatError> {
    let mut stream = Stream::new_stream_decoder(MEMORY_LIMIT, CONCATENATED).map_err(reason)?;
    // One more, so that the end of the data is seen without further room.
    output.expect(expected_size(input).map_or(0, |size| size.saturating_add(1)))?;
    loop {
        output.make_room()?;
        let rest =
            usize::try_from(stream.total_in()).ok().and_then(|done| input.get(done..)).unwrap_or_default();
        // Everything is at hand, so `Finish` from the start: the decoder needs it to end concatenated streams.
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

/// The unfolded size that the index of the last stream tells; `None` when there is no readable index.
fn expected_size(input: &[u8]) -> Option<u64> {
    const FOOTER: usize = 12;
    let (body, footer) = input.split_at_checked(input.len().checked_sub(FOOTER)?)?;
    // Footer: CRC32, stored size of the index in units of 4 bytes less 1, flags, "YZ".
    let stored: [u8; 4] = footer.get(4..8)?.try_into().ok()?;
    let size = usize::try_from(u32::from_le_bytes(stored)).ok()?.checked_add(1)?.checked_mul(4)?;
    let index = body.get(body.len().checked_sub(size)?..)?;
    let mut rest = index.strip_prefix(&[0])?;
    let blocks = number(&mut rest)?;
    // A record takes at least two bytes, so a lie about their number ends this quickly.
    (0..blocks).try_fold(0_u64, |sum, _| {
        number(&mut rest)?;
        sum.checked_add(number(&mut rest)?)
    })
}

/// A variable-length integer: seven bits a byte, lowest first, the top bit set on all but the last byte.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
