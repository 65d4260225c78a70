//! The skeleton of an object: header, section table, section names, and access to a section by name.
//!
//! Must not interpret the contents of sections. Must not read more than the header, the section table and the names
//! before a section is requested, so that the rest of an uncompressed module need not be copied.

use std::borrow::Cow;
use std::ops::Range;

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{
    EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, SIZEOF_IDENT,
};
use goblin::elf::section_header::{SHT_NOBITS, SectionHeader};
use goblin::elf::{header, header::Header};

use super::{Result, malformed};
use crate::error::{Cause, FormatError, FormatKind};
use crate::formats::source::Source;

/// A parsed object on top of its source. Cheap: one small allocation for the section table.
pub struct ElfModule<'s> {
    source: &'s dyn Source,
    pub(super) ctx: Ctx,
    pub(super) machine: u16,
    sections: Vec<SectionHeader>,
    /// The offset of the section headers in the file.
    table: u64,
    names: &'s [u8],
}

impl<'s> ElfModule<'s> {
    /// Parses the header, the section table and the section names.
    ///
    /// Errors: not this format if the source is not an ELF object; malformed if the header or the section table
    /// violates the rules of ELF; errors of the source.
    pub fn parse(source: &'s dyn Source) -> Result<Self> {
        let (header, ctx) = read_header(source)?;
        let sections = read_sections(source, &header, ctx)?;
        let section =
            sections.get(usize::from(header.e_shstrndx)).ok_or_else(|| malformed("no section name table"))?;
        let names = contents(source, section)?;
        // Other sections without a readable name are just not found, as in kmod.
        if section.sh_name >= names.len() {
            return Err(malformed("section name table does not name itself"));
        }
        if names.last() != Some(&0) {
            return Err(malformed("section name table is not NUL-terminated"));
        }
        Ok(Self { source, ctx, machine: header.e_machine, sections, table: header.e_shoff, names })
    }

    /// Returns the contents of the first section called `name`; `None` if there is none.
    ///
    /// Errors: malformed if the section extends past the end of the file; errors of the source.
    pub fn section(&self, name: &str) -> Result<Option<&'s [u8]>> {
        self.find(name).map(|index| self.contents(index)).transpose()
    }

    /// Announces to the source that the sections with these names will be requested.
    pub fn announce(&self, names: &[&str]) {
        let sections = names.iter().filter_map(|name| self.sections.get(self.find(name)?));
        let ranges: Vec<Range<u64>> = sections
            .filter(|section| section.sh_type != SHT_NOBITS)
            .filter_map(|section| Some(section.sh_offset..section.sh_offset.checked_add(section.sh_size)?))
            .collect();
        self.source.announce(&ranges);
    }

    /// Returns the file offset and the contents of the section called `name`.
    pub(super) fn section_with_offset(&self, name: &str) -> Result<Option<(usize, &'s [u8])>> {
        let Some(index) = self.find(name) else { return Ok(None) };
        let offset = self.sections.get(index).and_then(|section| usize::try_from(section.sh_offset).ok());
        Ok(Some((offset.ok_or_else(|| malformed("a section is outside the file"))?, self.contents(index)?)))
    }

    /// Returns the file offset of the header of the section called `name`.
    pub(super) fn section_header_offset(&self, name: &str) -> Option<usize> {
        let before = self.find(name)?.checked_mul(SectionHeader::size(self.ctx))?;
        usize::try_from(self.table).ok()?.checked_add(before)
    }

    /// Returns the contents of `.modinfo`: `key=value` strings, each terminated by NUL.
    ///
    /// Errors: absent if there is no such section or it extends past the end of the file; errors of the source.
    pub fn modinfo(&self) -> Result<&'s [u8]> {
        let absent = |reason| Cause::Format(FormatError::new(FormatKind::Absent, reason));
        match self.section(".modinfo") {
            Ok(section) => section.ok_or_else(|| absent(Cow::Borrowed("no .modinfo section"))),
            Err(Cause::Format(error)) => Err(absent(error.reason)),
            Err(error) => Err(error),
        }
    }

    /// Returns the index of the first section called `name`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.sections.iter().position(|section| self.is_called(section, name))
    }

    /// Checks that there is a section at `index` and that it is inside the file.
    pub(super) fn check(&self, index: usize) -> Result<()> {
        let section = self.sections.get(index).ok_or_else(|| malformed("section index out of range"))?;
        if is_empty(section) { Ok(()) } else { check_section(self.source, section) }
    }

    /// Returns the contents of the section at `index`; an empty slice if it does not occupy space in the file.
    pub(super) fn contents(&self, index: usize) -> Result<&'s [u8]> {
        let section = self.sections.get(index).ok_or_else(|| malformed("section index out of range"))?;
        contents(self.source, section)
    }

    fn is_called(&self, section: &SectionHeader, name: &str) -> bool {
        let rest = self.names.get(section.sh_name..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

fn read_header(source: &dyn Source) -> Result<(Header, Ctx)> {
    let available = source.size().min(header::header64::SIZEOF_EHDR as u64);
    let bytes = source.read_at(0, available)?;
    if bytes.len() <= SIZEOF_IDENT || !bytes.starts_with(ELFMAG) {
        return Err(FormatError::new(FormatKind::NotThisFormat, "not an ELF object").into());
    }
    let endian = match bytes.get(EI_DATA) {
        Some(&ELFDATA2LSB) => Endian::Little,
        Some(&ELFDATA2MSB) => Endian::Big,
        _ => return Err(malformed("unknown ELF byte order")),
    };
    // The two layouts differ and goblin has a parser for each; both convert to the common `Header`.
    let (container, parsed) = match bytes.get(EI_CLASS) {
        Some(&ELFCLASS32) => (Container::Little, header::header32::Header::parse(bytes).map(Header::from)),
        Some(&ELFCLASS64) => (Container::Big, header::header64::Header::parse(bytes).map(Header::from)),
        _ => return Err(malformed("unknown ELF class")),
    };
    let header = parsed.map_err(|_| malformed("truncated ELF header"))?;
    Ok((header, Ctx::new(container, endian)))
}

fn read_sections(source: &dyn Source, header: &Header, ctx: Ctx) -> Result<Vec<SectionHeader>> {
    let entry = SectionHeader::size(ctx);
    if usize::from(header.e_shentsize) != entry {
        return Err(malformed("section header size does not match the ELF class"));
    }
    let count = usize::from(header.e_shnum);
    if count == 0 {
        return Err(malformed("no section headers"));
    }
    let len = entry.checked_mul(count).map_or(u64::MAX, |len| len as u64);
    check_range(source, header.e_shoff, len)
        .map_err(|()| malformed("section headers reach beyond the end of the file"))?;
    let table = source.read_at(header.e_shoff, len)?;
    SectionHeader::parse_from(table, 0, count, ctx).map_err(|_| malformed("truncated section headers"))
}

fn contents<'s>(source: &'s dyn Source, section: &SectionHeader) -> Result<&'s [u8]> {
    if is_empty(section) {
        return Ok(&[]);
    }
    check_section(source, section)?;
    source.read_at(section.sh_offset, section.sh_size)
}

fn is_empty(section: &SectionHeader) -> bool {
    section.sh_type == SHT_NOBITS || section.sh_size == 0
}

fn check_section(source: &dyn Source, section: &SectionHeader) -> Result<()> {
    check_range(source, section.sh_offset, section.sh_size)
        .map_err(|()| malformed("a section reaches beyond the end of the file"))
}

/// Checks that the range is inside the source.
fn check_range(source: &dyn Source, offset: u64, len: u64) -> std::result::Result<(), ()> {
    match offset.checked_add(len) {
        Some(end) if end <= source.size() => Ok(()),
        _ => Err(()),
    }
}
