//! The index at the end of an `.xz` stream, which contains the sizes of all blocks, and the footer, which contains the size
//! of the index.
//!
//! Both are read here, and written for a stream of one block. Contract: the .xz file format 1.2.1, sections 2.1.2 and 4.

use crate::formats::varint;

/// The size of a stream's footer, and of its header.
pub(super) const FOOTER: usize = 12;
const FOOTER_MAGIC: [u8; 2] = *b"YZ";

/// The record of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct XzRecord {
    /// The size of the compressed block without its padding.
    pub unpadded: u64,
    /// The size of its contents.
    pub unpacked: u64,
}

/// Returns the size of the index that precedes this footer; `None` if the footer is damaged.
pub(super) fn size(footer: &[u8]) -> Option<u64> {
    let (stored, fields) = footer.strip_suffix(&FOOTER_MAGIC)?.split_at_checked(4)?;
    let units = u32::from_le_bytes(*fields.first_chunk()?);
    (stored == crc(fields)).then_some((u64::from(units) + 1) * 4)
}

/// Calls `visit` for each record, in the order of the blocks, until it returns `None`. Returns `None` in that case, and for
/// a damaged index, whose records may have been visited already.
pub(super) fn each_record(index: &[u8], mut visit: impl FnMut(XzRecord) -> Option<()>) -> Option<()> {
    let (body, stored) = index.split_at_checked(index.len().checked_sub(4)?)?;
    let mut rest = body.strip_prefix(&[0]).filter(|_| stored == crc(body))?;
    let mut number = || varint::take(varint::MAX_63_BIT, &mut rest);
    let count = number()?;
    // A record takes at least two bytes, so a wrong number of records ends this loop quickly.
    for _ in 0..count {
        visit(XzRecord { unpadded: number()?, unpacked: number()? })?;
    }
    (rest.len() < 4 && rest.iter().all(|&byte| byte == 0)).then_some(())
}

/// Returns the index and the footer of a stream with these flags that consists of one block.
pub(super) fn of_one_block(record: XzRecord, flags: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut index = vec![0, 1];
    varint::push(&mut index, record.unpadded);
    varint::push(&mut index, record.unpacked);
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(crc(&index));
    let units = u32::try_from(index.len() / 4).unwrap_or(u32::MAX).saturating_sub(1);
    let fields = [&units.to_le_bytes()[..], flags].concat();
    let footer = [&crc(&fields)[..], &fields, &FOOTER_MAGIC].concat();
    (index, footer)
}

/// Returns the CRC-32 in the byte order of `.xz`.
pub(super) fn crc(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}
