//! What modinfo shows of one module: its `.modinfo` strings, then its signature.
//!
//! Owns the order of the fields and what is read for them: nothing of the module itself where depmod has left what it
//! says, see modules.oxmod.bin(5); of a plain module file only the section table, `.modinfo` and the tail. Must not look
//! modules up (that is the context's) and must not lay anything out for a reader.

use std::path::Path;

use crate::context::cache::Known;
use crate::context::module_file::Opener;
use crate::error::{Error, Result};
use crate::formats::cache::Record;
use crate::formats::elf::{self, Module};
use crate::formats::modinfo::{Entry, Signature, Trailer, hex, strings};
use crate::formats::source::Source;

/// What a module file says about itself.
#[derive(Debug, Default)]
pub struct Info {
    section: Vec<u8>,
    signature: Option<Signature>,
    /// The signature's key and value in hexadecimal.
    hexed: [Vec<u8>; 2],
}

/// The fields that the signature gives, in order.
pub const SIGNATURE_FIELDS: [&[u8]; 5] = [b"sig_id", b"signer", b"sig_key", b"sig_hashalgo", b"signature"];

/// Reads one module after another.
#[derive(Default)]
pub struct Reader {
    opener: Opener,
    known: Known,
}

impl Reader {
    /// Reads the module file `path`, which may be below the module directory `dir`; its signature only on demand.
    ///
    /// Errors: those of [`Opener::open`] and [`Module::parse`]; absent without a `.modinfo` section. A signature that
    /// cannot be read is no error, its fields are missing.
    pub fn read(&mut self, dir: &Path, path: &Path, with_signature: bool) -> Result<Info> {
        if let Some(info) = self.known.of(dir, path).and_then(|record| Info::known(&record, with_signature)) {
            return Ok(info);
        }
        let file = self.opener.open(path)?;
        Info::read_source(file.source(), with_signature).map_err(Error::at(path))
    }
}

impl Info {
    /// `None` for a module without `.modinfo`: what is to be said then is for who reads it.
    fn known(record: &[u8], with_signature: bool) -> Option<Self> {
        let record = Record::view(record)?;
        let end = if with_signature { record.signature() } else { None };
        Some(Self::new(record.modinfo()?.to_vec(), end))
    }

    /// Of strings that are not those of a file.
    pub fn of_strings(section: Vec<u8>) -> Self {
        Self::new(section, None)
    }

    fn new(section: Vec<u8>, end: Option<&[u8]>) -> Self {
        let signature = end.and_then(Signature::of_end);
        let hexed = signature.as_ref().map_or_else(Default::default, |s| [hex(&s.key), hex(&s.signature)]);
        Self { section, signature, hexed }
    }

    fn read_source(source: &dyn Source, with_signature: bool) -> elf::Result<Self> {
        let section = Module::parse(source)?.modinfo()?.to_vec();
        let end = if with_signature { signature_bytes(source)? } else { None };
        Ok(Self::new(section, end))
    }

    /// The strings, in the order of the section.
    pub fn strings(&self) -> impl Iterator<Item = Entry<'_>> {
        strings(&self.section)
    }

    /// The signature, if it was asked for and there is one that can be read.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// The fields in order: the strings as the section has them, then [`SIGNATURE_FIELDS`] of a signed module, key and
    /// signature in hexadecimal.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let [key, value] = &self.hexed;
        let fields = self.signature.as_ref().map(|signature| {
            let values: [&[u8]; 5] =
                [signature.id.as_bytes(), &signature.signer, key, signature.hash.as_bytes(), value];
            SIGNATURE_FIELDS.into_iter().zip(values).map(|(key, value)| Entry { key, value })
        });
        self.strings().chain(fields.into_iter().flatten())
    }
}

/// The data of the signature at the end of a module with the trailer behind it, `None` when it is not signed.
pub(super) fn signature_bytes(source: &dyn Source) -> elf::Result<Option<&[u8]>> {
    let size = source.size();
    let Some(end) = size.checked_sub(Trailer::SIZE as u64) else { return Ok(None) };
    let tail = source.read_at(end, Trailer::SIZE as u64)?;
    let Some(trailer) = Trailer::parse(tail, size) else { return Ok(None) };
    let located = trailer.data_size().and_then(|len| Some((end.checked_sub(len)?, len)));
    let Some((start, len)) = located else { return Ok(None) };
    source.read_at(start, len + Trailer::SIZE as u64).map(Some)
}
