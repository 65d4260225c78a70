//! What modinfo shows of one module: its `.modinfo` strings, then its signature.
//!
//! Owns the order of the fields and what is read for them: of a plain module file only the section table, `.modinfo` and
//! the tail. Must not look modules up (that is the context's) and must not lay anything out for a reader.

use std::path::Path;

use crate::elf::{self, Module, Source};
use crate::error::{Error, Result};
use crate::modinfo::{Entry, Signature, Trailer, hex, strings};
use crate::ops::module_file::Opener;

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

impl Info {
    /// Reads the module file `path`; its signature only on demand.
    ///
    /// Errors: those of [`Opener::open`] and [`Module::parse`]; absent without a `.modinfo` section. A signature that
    /// cannot be read is no error, its fields are missing.
    pub fn read(opener: &mut Opener, path: &Path, with_signature: bool) -> Result<Self> {
        let file = opener.open(path)?;
        Self::read_source(&file, with_signature).map_err(Error::at(path))
    }

    fn read_source(source: &dyn Source, with_signature: bool) -> elf::Result<Self> {
        let section = Module::parse(source)?.modinfo()?.into_owned();
        let signature = if with_signature { read_signature(source)? } else { None };
        let hexed = signature.as_ref().map_or_else(Default::default, |s| [hex(&s.key), hex(&s.signature)]);
        Ok(Self { section, signature, hexed })
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

/// The signature at the end of the file, `None` when it is not signed.
fn read_signature(source: &dyn Source) -> elf::Result<Option<Signature>> {
    let size = source.size();
    let Some(end) = size.checked_sub(Trailer::SIZE as u64) else { return Ok(None) };
    let tail = source.bytes(end, Trailer::SIZE as u64)?;
    let Some(trailer) = Trailer::parse(&tail, size) else { return Ok(None) };
    let located = trailer.data_size().and_then(|len| Some((end.checked_sub(len)?, len)));
    let Some((start, len)) = located else { return Ok(None) };
    Ok(trailer.read(&source.bytes(start, len)?))
}
