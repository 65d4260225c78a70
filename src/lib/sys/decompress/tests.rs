//! Unit tests of decompression: every shape of file that is to be accepted, and every kind of damage.

use std::io::Write;

use super::{Compression, Decompressor};
use crate::error::FormatKind;

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

/// Half of it compresses well, the other half badly.
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
fn padding_and_rubbish_behind_the_data() {
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
fn every_truncation_is_an_error_and_no_flipped_bit_panics() {
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
