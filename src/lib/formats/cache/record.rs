//! The record of one module.
//!
//! Owns its layout: a head of fixed size, then path, `.modinfo`, exports, needs, signature and build ID, padded to a
//! multiple of eight bytes.

use super::{crc, u32_at, u64_at};
use crate::error::{FormatError, FormatKind};
use crate::formats::varint;

/// The size of a record's head.
const HEAD: usize = 76;
/// Flag: the module has a `.modinfo` section, possibly an empty one.
const HAS_MODINFO: u32 = 1;
/// Flag: the module has a signature.
const SIGNED: u32 = 2;

/// Identifies the file that was read and shows whether it has changed since.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// Size in bytes.
    pub size: u64,
    /// The inode number.
    pub inode: u64,
    /// The last modification of the contents (mtime), as seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
    /// The last change of contents or metadata (ctime).
    pub changed: (i64, u32),
}

/// An exported or needed symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSymbol<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its version; `None` if none is recorded.
    pub crc: Option<u64>,
    /// The binding of a needed symbol: `L`ocal, `G`lobal, `W`eak or `U`nknown; `E` for an exported symbol.
    pub bind: u8,
}

/// The contents of a record, except for the symbols.
#[derive(Debug, Clone, Copy)]
pub struct RecordContents<'a> {
    /// The path relative to the module directory; the absolute path of a module outside it.
    pub path: &'a [u8],
    /// The file that was read.
    pub identity: FileIdentity,
    /// The contents of `.modinfo`; `None` if the module does not have that section.
    pub modinfo: Option<&'a [u8]>,
    /// The signature data and its trailer, as they end the module; `None` if the module is not signed.
    pub signature: Option<&'a [u8]>,
    /// The build id; empty if the module does not have one.
    pub build_id: &'a [u8],
}

/// Encodes a record of a module's `contents` and its symbols, which are in the module's order.
///
/// Errors: limit if a part is longer than 4 GiB.
pub fn encode<'a>(
    contents: &RecordContents<'_>,
    exports: impl Iterator<Item = RecordSymbol<'a>>,
    needs: impl Iterator<Item = RecordSymbol<'a>>,
) -> Result<Vec<u8>, FormatError> {
    let mut bytes = vec![0; HEAD];
    let mut sizes = [0; 6];
    let mut end_of = |part: usize, start: usize, bytes: &Vec<u8>| {
        sizes[part] = bytes.len() - start;
        bytes.len()
    };
    bytes.extend_from_slice(contents.path);
    let at = end_of(0, HEAD, &bytes);
    bytes.extend_from_slice(contents.modinfo.unwrap_or_default());
    let at = end_of(1, at, &bytes);
    exports.for_each(|symbol| put_symbol(&mut bytes, &symbol));
    let at = end_of(2, at, &bytes);
    needs.for_each(|symbol| put_symbol(&mut bytes, &symbol));
    let at = end_of(3, at, &bytes);
    bytes.extend_from_slice(contents.signature.unwrap_or_default());
    let at = end_of(4, at, &bytes);
    bytes.extend_from_slice(contents.build_id);
    end_of(5, at, &bytes);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let head = head(contents, sizes)?;
    bytes[8..HEAD].copy_from_slice(&head);
    let length = u32::try_from(bytes.len()).map_err(|_| too_long())?;
    let sum = crc(&bytes[8..]);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// Encodes the head after the length and the checksum.
fn head(contents: &RecordContents<'_>, sizes: [usize; 6]) -> Result<[u8; HEAD - 8], FormatError> {
    let FileIdentity { size, inode, modified, changed } = contents.identity;
    let flags = u32::from(contents.modinfo.is_some()) * HAS_MODINFO
        + u32::from(contents.signature.is_some()) * SIGNED;
    let mut head = Vec::with_capacity(HEAD);
    for wide in [size, inode, modified.0.cast_unsigned(), changed.0.cast_unsigned()] {
        head.extend_from_slice(&wide.to_le_bytes());
    }
    for narrow in [modified.1, changed.1, flags] {
        head.extend_from_slice(&narrow.to_le_bytes());
    }
    for size in sizes {
        head.extend_from_slice(&u32::try_from(size).map_err(|_| too_long())?.to_le_bytes());
    }
    head.try_into().map_err(|_| too_long())
}

fn too_long() -> FormatError {
    FormatError::new(FormatKind::Limit, "module record is too long")
}

/// Encodes a symbol: binding, number of bytes of the version, length of the name in groups of seven bits, version,
/// name.
fn put_symbol(bytes: &mut Vec<u8>, symbol: &RecordSymbol<'_>) {
    let crc = symbol.crc.map(u64::to_le_bytes);
    let crc = match &crc {
        None => &[][..],
        Some([low @ .., 0, 0, 0, 0]) => low,
        Some(all) => all,
    };
    bytes.extend([symbol.bind, crc.len().to_le_bytes()[0]]);
    varint::push(bytes, symbol.name.len() as u64);
    bytes.extend_from_slice(crc);
    bytes.extend_from_slice(symbol.name);
}

/// A record, decoded in place. The default is an empty record.
#[derive(Debug, Default, Clone, Copy)]
pub struct Record<'a> {
    identity: FileIdentity,
    flags: u32,
    path: &'a [u8],
    modinfo: &'a [u8],
    exports: &'a [u8],
    needs: &'a [u8],
    signature: &'a [u8],
    build_id: &'a [u8],
}

impl<'a> Record<'a> {
    /// Decodes and verifies a record that takes up all of `bytes`.
    ///
    /// Errors: malformed if the checksum or a length is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let damaged = || FormatError::malformed("damaged module record");
        let (length, sum) = u32_at(bytes, 0).zip(u32_at(bytes, 4)).ok_or_else(damaged)?;
        if length as usize != bytes.len() || crc(bytes.get(8..).unwrap_or_default()) != sum {
            return Err(damaged());
        }
        Self::view(bytes).ok_or_else(damaged)
    }

    /// Decodes a record whose checksum has been verified already, or that was just encoded; `None` if a length is wrong.
    pub fn view(bytes: &'a [u8]) -> Option<Self> {
        let narrow = |at| u32_at(bytes, at);
        let time = |seconds, fraction| Some((u64_at(bytes, seconds)?.cast_signed(), narrow(fraction)?));
        let identity = FileIdentity {
            size: u64_at(bytes, 8)?,
            inode: u64_at(bytes, 16)?,
            modified: time(24, 40)?,
            changed: time(32, 44)?,
        };
        let mut rest = bytes.get(HEAD..)?;
        let mut part = |at| {
            let (part, after) = rest.split_at_checked(narrow(at)? as usize)?;
            rest = after;
            Some(part)
        };
        let [path, modinfo, exports, needs, signature, build_id] =
            [part(52)?, part(56)?, part(60)?, part(64)?, part(68)?, part(72)?];
        Some(Self { identity, flags: narrow(48)?, path, modinfo, exports, needs, signature, build_id })
    }

    /// The path relative to the module directory; the absolute path of a module outside it.
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// The file that was read.
    pub fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// The contents of `.modinfo`; `None` if the module does not have that section.
    pub fn modinfo(&self) -> Option<&'a [u8]> {
        (self.flags & HAS_MODINFO != 0).then_some(self.modinfo)
    }

    /// The signature data and its trailer; `None` if the module is not signed.
    pub fn signature(&self) -> Option<&'a [u8]> {
        (self.flags & SIGNED != 0).then_some(self.signature)
    }

    /// The build id; `None` if the module does not have one.
    pub fn build_id(&self) -> Option<&'a [u8]> {
        (!self.build_id.is_empty()).then_some(self.build_id)
    }

    /// The exported symbols in order.
    pub fn exports(&self) -> impl Iterator<Item = RecordSymbol<'a>> + use<'a> {
        Symbols(self.exports)
    }

    /// The needed symbols in order.
    pub fn needs(&self) -> impl Iterator<Item = RecordSymbol<'a>> + use<'a> {
        Symbols(self.needs)
    }
}

/// An iterator over a list of symbols; holds the remaining bytes.
struct Symbols<'a>(&'a [u8]);

impl<'a> Iterator for Symbols<'a> {
    type Item = RecordSymbol<'a>;

    /// Also ends at malformed bytes, which cannot occur in a record with a valid checksum.
    fn next(&mut self) -> Option<RecordSymbol<'a>> {
        let (&[bind, crc_size], mut rest) = self.0.split_first_chunk()?;
        let length = usize::try_from(varint::take(varint::MAX_64_BIT, &mut rest)?).ok()?;
        let (crc, rest) = rest.split_at_checked(usize::from(crc_size))?;
        let (name, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        let number = crc.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        Some(RecordSymbol { name, crc: (crc_size > 0).then_some(number), bind })
    }
}
