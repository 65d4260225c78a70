//! Unit tests of decompression: all forms of files that must be accepted, and all kinds of damage.

use std::io::Write;

use xz2::stream::{Action, Check, Status, Stream};

use super::{Compression, Decompressor, XzBlock, XzBlocks};
use crate::error::FormatKind;

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

/// Returns data of which one half compresses well and the other half badly.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..len)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at % 2 == 0 { u8::try_from(at / 100 % 256).unwrap_or(0) } else { (state >> 24) as u8 }
        })
        .collect()
}

fn pack(compression: Compression, data: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::bulk::compress(data, 1).unwrap(),
    }
}

fn unpack(input: &[u8]) -> Result<Vec<u8>, FormatKind> {
    unpack_limited(input, 1 << 24)
}

fn unpack_limited(input: &[u8], limit: usize) -> Result<Vec<u8>, FormatKind> {
    let mut output = b"left over".to_vec();
    let compression = Compression::detect(input).ok_or(FormatKind::NotThisFormat)?;
    Decompressor::with_limit(limit)
        .decompress(compression, input, &mut output)
        .map(|()| output)
        .map_err(|error| error.kind)
}

#[test]
fn all_formats_by_magic_and_in_several_parts() {
    for compression in ALL {
        for len in [0, 1, 1000, 300_000] {
            let data = sample(len);
            let packed = pack(compression, &data);
            assert_eq!(Compression::detect(&packed), Some(compression));
            assert_eq!(unpack(&packed), Ok(data.clone()));
            assert_eq!(
                unpack(&[&packed[..], &packed].concat()),
                Ok([&data[..], &data].concat()),
                "{compression:?}"
            );
        }
    }
    assert_eq!(Compression::detect(b"\x7fELF"), None);
    assert_eq!(Compression::detect(b""), None);
}

#[test]
fn zstd_without_content_size_and_with_skippable_frames() {
    let data = sample(500_000);
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&data).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(matches!(zstd::zstd_safe::get_frame_content_size(&packed), Ok(None)));
    assert_eq!(unpack(&packed), Ok(data.clone()));
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    assert_eq!(unpack(&[packed, skippable].concat()), Ok(data));
}

#[test]
fn padding_and_trailing_data() {
    let data = sample(1000);
    let with = |compression, tail: &[u8]| unpack(&[&pack(compression, &data)[..], tail].concat());
    assert_eq!(with(Compression::Xz, &[0; 4]), Ok(data.clone()));
    assert_eq!(with(Compression::Xz, &[0; 3]), Err(FormatKind::Malformed));
    assert_eq!(with(Compression::Xz, b"rubbish"), Err(FormatKind::Malformed));
    assert_eq!(with(Compression::Xz, b"rubbish that is longer than a header"), Err(FormatKind::Malformed));
    assert_eq!(with(Compression::Zstd, b"rubbish"), Err(FormatKind::Malformed));
    assert_eq!(with(Compression::Gzip, b"rubbish"), Ok(data.clone()));
    assert_eq!(with(Compression::Gzip, &[0; 512]), Ok(data));
}

#[test]
fn truncated_and_damaged_data() {
    let data = sample(600);
    for compression in ALL {
        let packed = pack(compression, &data);
        for len in Compression::MAGIC_SIZE..packed.len() {
            assert_eq!(unpack(&packed[..len]), Err(FormatKind::Malformed), "{compression:?} {len}");
        }
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut damaged = packed.clone();
                damaged[at] ^= 1 << bit;
                let _ = unpack(&damaged);
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let data = vec![0; 1 << 20];
    for compression in ALL {
        let packed = pack(compression, &data);
        assert_eq!(unpack_limited(&packed, 1 << 20).as_deref(), Ok(&data[..]));
        assert_eq!(unpack_limited(&packed, (1 << 20) - 1), Err(FormatKind::Limit), "{compression:?}");
        assert_eq!(unpack_limited(&packed, 0), Err(FormatKind::Limit), "{compression:?}");
    }
}

#[test]
fn a_decoder_recovers_from_an_error() {
    let data = sample(5000);
    let mut decoder = Decompressor::default();
    let mut output = Vec::new();
    for compression in ALL {
        let packed = pack(compression, &data);
        assert!(decoder.decompress(compression, &packed[..packed.len() / 2], &mut output).is_err());
        decoder.decompress(compression, &packed, &mut output).unwrap();
        assert_eq!(output, data);
    }
}

/// Returns the blocks of a file in memory, and checks that each read is inside the file.
fn blocks_of(file: &[u8]) -> Option<XzBlocks> {
    let read = |offset: u64, len: usize| {
        let start = usize::try_from(offset).unwrap();
        Ok(file[start..start + len].to_vec())
    };
    XzBlocks::find(file.len() as u64, read).unwrap()
}

fn pack_blocks(parts: &[&[u8]], check: Check) -> Vec<u8> {
    let mut stream = Stream::new_easy_encoder(0, check).unwrap();
    let mut file = Vec::with_capacity(parts.concat().len() + 4096);
    for (at, part) in parts.iter().enumerate() {
        let action = if at + 1 == parts.len() { Action::Finish } else { Action::FullFlush };
        let before = stream.total_in();
        assert_eq!(stream.process_vec(part, &mut file, action).unwrap(), Status::StreamEnd, "in one go");
        assert_eq!(stream.total_in() - before, part.len() as u64);
    }
    file
}

fn decode_all(file: &[u8]) -> Result<Vec<u8>, FormatKind> {
    let blocks = blocks_of(file).unwrap();
    let decode = |block: &XzBlock| {
        let range = usize::try_from(block.packed.start).unwrap()..usize::try_from(block.packed.end).unwrap();
        let bytes = blocks.decode(block, &file[range]).map_err(|error| error.kind)?;
        assert_eq!(bytes.len() as u64, block.unpacked.end - block.unpacked.start);
        Ok(bytes)
    };
    Ok(blocks.all().iter().map(decode).collect::<Result<Vec<_>, _>>()?.concat())
}

#[test]
fn blocks_are_decoded_separately() {
    let data = sample(700_000);
    for check in [Check::None, Check::Crc32, Check::Crc64, Check::Sha256] {
        let file = pack_blocks(&[&data[..300_000], &data[300_000..300_001], &data[300_001..]], check);
        assert_eq!(unpack(&file), Ok(data.clone()));
        let blocks = blocks_of(&file).unwrap();
        assert_eq!((blocks.all().len(), blocks.unpacked_size()), (3, 700_000));
        assert_eq!(decode_all(&file), Ok(data.clone()));
    }
}

#[test]
fn only_single_streams_are_split_into_blocks() {
    let data = sample(1000);
    let two = pack_blocks(&[&data[..500], &data[500..]], Check::Crc32);
    assert!(blocks_of(&two).is_some());
    assert_eq!(blocks_of(&pack(Compression::Xz, &data)), None);
    assert_eq!(blocks_of(&[&two[..], &two].concat()), None);
    assert_eq!(blocks_of(&[&two[..], &[0; 4]].concat()), None);
    assert_eq!(blocks_of(&pack(Compression::Gzip, &data)), None);
    for len in 0..two.len() {
        assert_eq!(blocks_of(&two[..len]), None, "{len}");
    }
}

/// A damaged block results in an error or in the original data, and does not affect the other block.
#[test]
fn a_damaged_block_is_an_error() {
    let data = sample(1000);
    let file = pack_blocks(&[&data[..500], &data[500..]], Check::Crc32);
    let mut found = 0;
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            if blocks_of(&damaged).is_some() {
                found += 1;
                assert_eq!(decode_all(&damaged), Err(FormatKind::Malformed), "byte {at} bit {bit}");
            }
        }
    }
    assert!(found > 4000, "{found}");
}
