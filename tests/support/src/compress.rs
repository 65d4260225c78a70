//! Compresses module files the way kernel packagers do. Panics on failure, since only tests use it.

use std::io::{Read, Write};

/// How a module file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Uncompressed: `.ko`.
    None,
    /// gzip: `.ko.gz`.
    Gzip,
    /// xz with a CRC32 check, the only check that the kernel supports: `.ko.xz`.
    Xz,
    /// xz with a CRC64 check, the default of xz, which the kernel does not support.
    XzCrc64,
    /// zstd, with the content size in the header: `.ko.zst`.
    Zstd,
}

impl Compression {
    /// Returns the compression that a file name's suffix stands for.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit('.').next() {
            Some("gz") => Self::Gzip,
            Some("xz") => Self::Xz,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Compresses `bytes`.
///
/// # Panics
/// If compression fails.
pub fn compress(bytes: &[u8], how: Compression) -> Vec<u8> {
    match how {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(bytes).expect("gzip");
            writer.finish().expect("gzip")
        }
        Compression::Xz => xz(bytes, xz2::stream::Check::Crc32),
        Compression::XzCrc64 => xz(bytes, xz2::stream::Check::Crc64),
        Compression::Zstd => zstd::bulk::compress(bytes, 3).expect("zstd"),
    }
}

fn xz(bytes: &[u8], check: xz2::stream::Check) -> Vec<u8> {
    let stream = xz2::stream::Stream::new_easy_encoder(6, check).expect("xz");
    let mut writer = xz2::write::XzEncoder::new_stream(Vec::new(), stream);
    writer.write_all(bytes).expect("xz");
    writer.finish().expect("xz")
}

/// Compresses with xz, using a CRC32 check and blocks of `size` bytes, as `xz -T` does with large files.
///
/// # Panics
/// If compression fails.
pub fn xz_in_blocks(bytes: &[u8], size: usize) -> Vec<u8> {
    use xz2::stream::{Action, Check, Status, Stream};
    let mut stream = Stream::new_easy_encoder(6, Check::Crc32).expect("xz");
    let mut file = Vec::with_capacity(bytes.len() * 2 + 4096);
    let blocks: Vec<&[u8]> = bytes.chunks(size).collect();
    for (at, block) in blocks.iter().enumerate() {
        let action = if at + 1 == blocks.len() { Action::Finish } else { Action::FullFlush };
        let status = stream.process_vec(block, &mut file, action).expect("xz");
        assert_eq!(status, Status::StreamEnd, "room for all of it");
    }
    file
}

/// Decompresses data with a known magic; returns `None` for anything else and for damaged data.
pub(crate) fn expand(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    if bytes.starts_with(b"\x1f\x8b") {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).ok()?;
    } else if bytes.starts_with(b"\xfd7zXZ\0") {
        xz2::read::XzDecoder::new_multi_decoder(bytes).read_to_end(&mut plain).ok()?;
    } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        plain = zstd::stream::decode_all(bytes).ok()?;
    } else {
        return None;
    }
    Some(plain)
}
