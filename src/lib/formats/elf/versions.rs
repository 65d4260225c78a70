//! `CONFIG_MODVERSIONS`: the symbol versions that a module was built against.
//!
//! Owns both layouts. The basic one is the section `__versions` with records of 64 bytes, `{u64 crc; char name[56]}` on
//! 64-bit targets and `{u32 crc; char name[60]}` on 32-bit ones. The extended one (`CONFIG_EXTENDED_MODVERSIONS`, for
//! names that do not fit) is the section `__version_ext_names` with NUL-terminated strings, and `__version_ext_crcs`
//! with a u32 for each of them. Must not compare versions, which is up to the kernel and depmod.

use goblin::container::{Ctx, Endian};

use super::module::ElfModule;
use super::{Result, malformed};
use crate::hash::IndexSet;

/// The sections of both layouts.
pub(super) const SECTIONS: [&str; 3] = ["__versions", "__version_ext_names", "__version_ext_crcs"];

/// The size of a record of `__versions`, in bytes.
const RECORD: usize = 64;

/// A needed symbol and the version that the module was built against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// The symbol's name as recorded; on some ELF ABIs (old PowerPC 64) with a leading dot.
    pub name: &'a [u8],
    /// Its CRC. Only 32 bits are meaningful, although a 64-bit record has room for more.
    pub crc: u64,
}

/// The version sections of one module.
pub struct Versions<'s> {
    basic: &'s [u8],
    extended_names: &'s [u8],
    extended_crcs: &'s [u8],
    ctx: Ctx,
    present: bool,
}

impl<'s> ElfModule<'s> {
    /// Reads the version sections. Those that the module does not have are empty.
    pub fn versions(&self) -> Result<Versions<'s>> {
        let basic = self.section("__versions")?;
        let extended_names = self.section("__version_ext_names")?;
        let extended_crcs = self.section("__version_ext_crcs")?;
        Ok(Versions {
            present: basic.is_some() || extended_names.is_some(),
            basic: basic.unwrap_or_default(),
            extended_names: extended_names.unwrap_or_default(),
            extended_crcs: extended_crcs.unwrap_or_default(),
            ctx: self.ctx,
        })
    }
}

impl Versions<'_> {
    /// Whether the module has a version section at all, even an empty one.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Returns the basic records in section order, then the extended ones whose name is not among the basic ones.
    ///
    /// Errors: malformed if the size of a section is not a multiple of the record size, a name is not NUL-terminated,
    /// or the numbers of extended names and CRCs differ.
    pub fn entries(&self) -> Result<Vec<Version<'_>>> {
        let mut entries = self.basic_entries()?;
        let extended = self.extended_entries()?;
        if !extended.is_empty() {
            let known: IndexSet<&[u8]> = entries.iter().map(|version| version.name).collect();
            entries.extend(extended.into_iter().filter(|version| !known.contains(version.name)));
        }
        Ok(entries)
    }

    fn basic_entries(&self) -> Result<Vec<Version<'_>>> {
        let (records, rest) = self.basic.as_chunks::<RECORD>();
        if !rest.is_empty() {
            return Err(malformed("size of __versions is not a multiple of 64"));
        }
        records.iter().map(|record| self.basic_entry(record)).collect()
    }

    fn basic_entry<'a>(&self, record: &'a [u8; RECORD]) -> Result<Version<'a>> {
        let (crc, name) = record.split_at(self.ctx.size());
        let end = name.iter().position(|&byte| byte == 0);
        let name = end
            .and_then(|end| name.get(..end))
            .ok_or_else(|| malformed("a name in __versions is not NUL-terminated"))?;
        Ok(Version { name, crc: number(crc, self.ctx.le) })
    }

    fn extended_entries(&self) -> Result<Vec<Version<'_>>> {
        let (crcs, rest) = self.extended_crcs.as_chunks::<4>();
        let names = match self.extended_names.split_last() {
            None => return if crcs.is_empty() { Ok(Vec::new()) } else { Err(mismatch()) },
            Some((0, names)) => names,
            Some(_) => return Err(malformed("__version_ext_names is not NUL-terminated")),
        };
        let names: Vec<&[u8]> = names.split(|&byte| byte == 0).collect();
        if !rest.is_empty() || names.len() != crcs.len() {
            return Err(mismatch());
        }
        let crcs = crcs.iter().map(|crc| number(crc, self.ctx.le));
        Ok(names.into_iter().zip(crcs).map(|(name, crc)| Version { name, crc }).collect())
    }
}

fn mismatch() -> crate::error::Cause {
    malformed("__version_ext_names and __version_ext_crcs differ in length")
}

/// Decodes an unsigned integer of up to 8 bytes in the object's byte order.
pub(super) fn number(bytes: &[u8], endian: Endian) -> u64 {
    let add = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if endian.is_little() { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
}
