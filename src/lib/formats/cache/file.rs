//! The cache file around its records: header, list of related files, hash table.

use std::ops::Range;

use super::{Record, crc, u32_at, u64_at};
use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

const MAGIC: &[u8; 8] = b"OXMODULE";
/// The format version. It changes with the layout, and also when a new version of the program would record other data
/// for the same module.
const VERSION: u32 = 2;
/// The size of the header.
const HEADER: usize = 64;
/// The size of the field that holds the version of the program that wrote the file, padded with NULs.
const MAKER: usize = 16;
/// A slot of the table: hash, length of the record, its offset.
const SLOT: usize = 16;
/// The number of slots read in one call.
const RUN: u64 = 8;
/// The number of runs after which a search gives up. In a table that is at most three quarters full, a search normally
/// ends in the first or second run.
const MAX_RUNS: u64 = 256;
/// The maximum size of the list of files, in bytes.
const MAX_FILES: u32 = 64 << 10;

/// A fingerprint of a file's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Size in bytes.
    pub size: u64,
    /// CRC-32.
    pub crc: u32,
}

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, crc: crc(bytes) }
    }
}

/// How a file was used when the indexes were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputRole {
    /// The file was read.
    Input,
    /// The file was written.
    Output,
}

/// The inputs and outputs of the run that wrote the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The version of the program. Another version may record other data for the same module.
    pub maker: &'static str,
    /// The character that symbol names of the architecture begin with.
    pub symbol_prefix: Option<u8>,
    /// The files other than modules that were read or written, with digests of their contents; `None` for a file that
    /// did not exist.
    pub files: Vec<(InputRole, String, Option<Digest>)>,
}

/// A cache file in two parts; the records go between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheImage {
    /// Header and list of files.
    pub head: Vec<u8>,
    /// The hash table.
    pub table: Vec<u8>,
}

/// Assembles the file around `records`, whose order is kept.
///
/// Errors: limit if there are too many records.
pub fn assemble(inputs: &Inputs, records: &[&[u8]]) -> Result<CacheImage, FormatError> {
    let too_many = || FormatError::new(FormatKind::Limit, "too many modules");
    let count = u32::try_from(records.len()).map_err(|_| too_many())?;
    let slots =
        count.checked_add(count / 3 + 1).and_then(u32::checked_next_power_of_two).ok_or_else(too_many)?;
    let files = file_list(inputs);
    let mut table = vec![0; (slots as usize).checked_mul(SLOT).ok_or_else(too_many)?];
    let start = (HEADER + files.len()).next_multiple_of(8);
    let mut offset = start as u64;
    for record in records {
        let path = Record::view(record).ok_or_else(|| FormatError::malformed("invalid record"))?.path();
        insert(&mut table, crc(path), record.len(), offset);
        offset = offset.checked_add(record.len() as u64).ok_or_else(too_many)?;
    }
    let size = offset.checked_add(table.len() as u64).ok_or_else(too_many)?;
    let mut covered = Vec::with_capacity(start);
    covered.extend_from_slice(&size.to_le_bytes());
    covered.extend_from_slice(&count.to_le_bytes());
    covered.extend_from_slice(&slots.to_le_bytes());
    covered.extend_from_slice(&offset.to_le_bytes());
    covered.extend_from_slice(&u32::try_from(files.len()).map_err(|_| too_many())?.to_le_bytes());
    covered
        .extend_from_slice(&inputs.symbol_prefix.map_or(0, |prefix| 0x100 | u32::from(prefix)).to_le_bytes());
    covered.extend_from_slice(&maker_field(inputs.maker));
    covered.extend_from_slice(&files);
    covered.resize(start - 16, 0);
    let head = [&MAGIC[..], &VERSION.to_le_bytes(), &crc(&covered).to_le_bytes(), &covered].concat();
    Ok(CacheImage { head, table })
}

fn maker_field(maker: &str) -> [u8; MAKER] {
    let mut field = [0; MAKER];
    field.iter_mut().zip(maker.bytes()).for_each(|(to, from)| *to = from);
    field
}

/// Encodes the list of files. An entry is: role, whether the file existed, CRC, size, length of the name, name.
fn file_list(inputs: &Inputs) -> Vec<u8> {
    let mut list = Vec::new();
    for (role, name, digest) in &inputs.files {
        let (present, digest) = (digest.is_some(), digest.unwrap_or(Digest { size: 0, crc: 0 }));
        list.extend([u8::from(*role == InputRole::Output), u8::from(present)]);
        list.extend_from_slice(&digest.crc.to_le_bytes());
        list.extend_from_slice(&digest.size.to_le_bytes());
        let name = name.as_bytes();
        let name = name.get(..255).unwrap_or(name);
        list.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        list.extend_from_slice(name);
    }
    list
}

fn insert(table: &mut [u8], hash: u32, length: usize, offset: u64) {
    let slots = table.len() / SLOT;
    let start = hash as usize & (slots - 1);
    let free = (0..slots)
        .map(|step| (start + step) & (slots - 1))
        .find(|&slot| u32_at(table, slot * SLOT + 4) == Some(0));
    if let (Some(slot), Ok(length)) = (free, u32::try_from(length)) {
        let bytes = [&hash.to_le_bytes()[..], &length.to_le_bytes(), &offset.to_le_bytes()].concat();
        table[slot * SLOT..][..SLOT].copy_from_slice(&bytes);
    }
}

/// An open cache.
#[derive(Debug)]
pub struct Cache<S> {
    source: S,
    count: u32,
    slots: u32,
    table: u64,
    symbol_prefix: Option<u8>,
    /// Header and list of files.
    head: Vec<u8>,
}

impl<S: Source> Cache<S> {
    /// Opens a file written by version `maker` of the program.
    ///
    /// Errors: not this format for another kind of file; unsupported for another version of the format or of the
    /// program; malformed if the header or the size is wrong.
    pub fn open(source: S, maker: &str) -> Result<Self, FormatError> {
        let damaged = || FormatError::malformed("file is damaged or truncated");
        let header = source.read_at(0, HEADER as u64).map_err(|_| damaged())?.to_vec();
        if !header.starts_with(MAGIC) {
            return Err(FormatError::new(FormatKind::NotThisFormat, "not an oxmod cache"));
        }
        if u32_at(&header, 8) != Some(VERSION) || !header.ends_with(&maker_field(maker)) {
            return Err(FormatError::new(FormatKind::Unsupported, "written by another version"));
        }
        Self::checked(source, &header).ok_or_else(damaged)
    }

    fn checked(source: S, header: &[u8]) -> Option<Self> {
        let (narrow, wide) = (|at| u32_at(header, at), |at| u64_at(header, at));
        let files = narrow(40).filter(|&len| len <= MAX_FILES)?;
        let head = (HEADER as u64 + u64::from(files)).next_multiple_of(8);
        let head = source.read_at(0, head).ok()?.to_vec();
        let (slots, table) = (narrow(28)?, wide(32)?);
        let end = table.checked_add(u64::from(slots).checked_mul(SLOT as u64)?)?;
        let sound = crc(head.get(16..)?) == narrow(12)?
            && wide(16)? == source.size()
            && end == source.size()
            && slots.is_power_of_two();
        let symbol_prefix = narrow(44).filter(|&prefix| prefix != 0).map(|prefix| prefix.to_le_bytes()[0]);
        sound.then_some(Self { count: narrow(24)?, slots, table, symbol_prefix, head, source })
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The character that symbol names of the architecture begin with.
    pub fn symbol_prefix(&self) -> Option<u8> {
        self.symbol_prefix
    }

    /// The related files, as in [`Inputs::files`].
    pub fn files(&self) -> impl Iterator<Item = (InputRole, &[u8], Option<Digest>)> {
        let len = u32_at(&self.head, 40).map_or(0, |len| len as usize);
        let mut rest = self.head.get(HEADER..HEADER.saturating_add(len)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (&[role, present], numbers) = rest.split_first_chunk()?;
            let digest = Digest { crc: u32_at(numbers, 0)?, size: u64_at(numbers, 4)? };
            let (&len, name) = numbers.get(12..)?.split_first()?;
            let (name, after) = name.split_at_checked(usize::from(len))?;
            rest = after;
            let role = if role == 0 { InputRole::Input } else { InputRole::Output };
            Some((role, name, (present != 0).then_some(digest)))
        })
    }

    /// The records in order, up to the first one that cannot be read. They are not verified.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut offset = self.head.len() as u64;
        std::iter::from_fn(move || {
            let length = u32_at(self.source.read_at(offset, 4).ok()?, 0).filter(|&length| length > 0)?;
            let record = self.record(offset, length)?;
            offset = offset.checked_add(u64::from(length))?;
            Some(record)
        })
    }

    /// Finds the record whose [`Record::path`] is `path` and verifies its checksum.
    pub fn find(&self, path: &[u8]) -> Option<&[u8]> {
        let hash = crc(path);
        let mask = u64::from(self.slots) - 1;
        let mut slot = u64::from(hash) & mask;
        for _ in 0..MAX_RUNS {
            let run = RUN.min(mask + 1 - slot);
            let at = self.table.checked_add(slot * SLOT as u64)?;
            let slots = self.source.read_at(at, run * SLOT as u64).ok()?;
            for entry in slots.chunks_exact(SLOT) {
                let (found, length) = (u32_at(entry, 0)?, u32_at(entry, 4)?);
                if length == 0 {
                    return None;
                }
                if found == hash {
                    let record = self.record(u64_at(entry, 8)?, length)?;
                    if Record::parse(record).is_ok_and(|record| record.path() == path) {
                        return Some(record);
                    }
                }
            }
            slot = (slot + run) & mask;
        }
        None
    }

    fn record(&self, offset: u64, length: u32) -> Option<&[u8]> {
        let inside: Range<u64> = self.head.len() as u64..self.table;
        let end = offset.checked_add(u64::from(length))?;
        if !inside.contains(&offset) || end > inside.end {
            return None;
        }
        self.source.read_at(offset, u64::from(length)).ok()
    }
}
