//! The file around the records: header, the files it goes with, hash table.

use std::ops::Range;

use super::{Record, crc, u32_at, u64_at};
use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;

const MAGIC: &[u8; 8] = b"OXMODULE";
/// Goes up with the layout, and also when the same module comes to have other facts between two versions of the program.
const VERSION: u32 = 1;
/// The size of the header.
const HEADER: usize = 64;
/// What the program that wrote a file is told by, its version padded with NUL.
const MAKER: usize = 16;
/// A slot of the table: hash, length of the record, its offset.
const SLOT: usize = 16;
/// How many slots are read at once.
const RUN: u64 = 8;
/// After how many runs a search ends. With a table at most three quarters full it is the first or second.
const MAX_RUNS: u64 = 256;
/// The most bytes of the list of files.
const MAX_FILES: u32 = 64 << 10;

/// What a file's contents are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// Size in bytes.
    pub size: u64,
    /// CRC-32.
    pub crc: u32,
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, crc: crc(bytes) }
    }
}

/// What a file had to do with the making of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It was read.
    Input,
    /// It was made.
    Output,
}

/// Under which circumstances the facts were gathered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The version of the program. Another version may see other facts in the same module.
    pub maker: &'static str,
    /// The character that symbols of the architecture begin with.
    pub symbol_prefix: Option<u8>,
    /// The files that were read besides the modules and those that were made, with their contents; `None` for one that
    /// was not there.
    pub files: Vec<(Role, String, Option<Digest>)>,
}

/// A file, in two parts: the records go between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Header and list of files.
    pub head: Vec<u8>,
    /// The hash table.
    pub table: Vec<u8>,
}

/// Makes the file for `records`, whose order is kept.
///
/// Errors: limit when there are too many.
pub fn assemble(made: &Made, records: &[&[u8]]) -> Result<Assembled, FormatError> {
    let too_many = || FormatError::new(FormatKind::Limit, "too many modules");
    let count = u32::try_from(records.len()).map_err(|_| too_many())?;
    let slots =
        count.checked_add(count / 3 + 1).and_then(u32::checked_next_power_of_two).ok_or_else(too_many)?;
    let files = file_list(made);
    let mut table = vec![0; (slots as usize).checked_mul(SLOT).ok_or_else(too_many)?];
    let start = (HEADER + files.len()).next_multiple_of(8);
    let mut offset = start as u64;
    for record in records {
        let path = Record::view(record).ok_or_else(|| FormatError::malformed("no record"))?.path();
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
        .extend_from_slice(&made.symbol_prefix.map_or(0, |prefix| 0x100 | u32::from(prefix)).to_le_bytes());
    covered.extend_from_slice(&maker_field(made.maker));
    covered.extend_from_slice(&files);
    covered.resize(start - 16, 0);
    let head = [&MAGIC[..], &VERSION.to_le_bytes(), &crc(&covered).to_le_bytes(), &covered].concat();
    Ok(Assembled { head, table })
}

fn maker_field(maker: &str) -> [u8; MAKER] {
    let mut field = [0; MAKER];
    field.iter_mut().zip(maker.bytes()).for_each(|(to, from)| *to = from);
    field
}

/// Role, whether it was there, CRC, size, length of the name, name.
fn file_list(made: &Made) -> Vec<u8> {
    let mut list = Vec::new();
    for (role, name, digest) in &made.files {
        let (present, digest) = (digest.is_some(), digest.unwrap_or(Digest { size: 0, crc: 0 }));
        list.extend([u8::from(*role == Role::Output), u8::from(present)]);
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

/// An open file.
#[derive(Debug)]
pub struct Facts<S> {
    source: S,
    count: u32,
    slots: u32,
    table: u64,
    symbol_prefix: Option<u8>,
    /// Header and list of files.
    head: Vec<u8>,
}

impl<S: Source> Facts<S> {
    /// Opens a file that a program of the version `maker` has written.
    ///
    /// Errors: not this format for another kind of file; unsupported for another version of the format or of the program;
    /// malformed when header or size are not what they were.
    pub fn open(source: S, maker: &str) -> Result<Self, FormatError> {
        let damaged = || FormatError::malformed("the file is damaged or cut short");
        let header = source.read_at(0, HEADER as u64).map_err(|_| damaged())?.to_vec();
        if !header.starts_with(MAGIC) {
            return Err(FormatError::new(FormatKind::NotThisFormat, "not a file of module facts"));
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

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The character that symbols of the architecture begin with.
    pub fn symbol_prefix(&self) -> Option<u8> {
        self.symbol_prefix
    }

    /// The files that go with this one, as in [`Made::files`].
    pub fn files(&self) -> impl Iterator<Item = (Role, &[u8], Option<Digest>)> {
        let len = u32_at(&self.head, 40).map_or(0, |len| len as usize);
        let mut rest = self.head.get(HEADER..HEADER.saturating_add(len)).unwrap_or_default();
        std::iter::from_fn(move || {
            let (&[role, present], numbers) = rest.split_first_chunk()?;
            let digest = Digest { crc: u32_at(numbers, 0)?, size: u64_at(numbers, 4)? };
            let (&len, name) = numbers.get(12..)?.split_first()?;
            let (name, behind) = name.split_at_checked(usize::from(len))?;
            rest = behind;
            let role = if role == 0 { Role::Input } else { Role::Output };
            Some((role, name, (present != 0).then_some(digest)))
        })
    }

    /// The records in order, as far as they can be read; not checked.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut offset = self.head.len() as u64;
        std::iter::from_fn(move || {
            let length = u32_at(self.source.read_at(offset, 4).ok()?, 0).filter(|&length| length > 0)?;
            let record = self.record(offset, length)?;
            offset = offset.checked_add(u64::from(length))?;
            Some(record)
        })
    }

    /// The record of the module at `path`, which is that of [`Record::path`]. Its checksum is right.
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
