//! The information that modinfo shows about a module: its `.modinfo` strings, then its signature.
//!
//! This module owns the order of the fields and the choice of what is read: the cached record if depmod has
//! left one, see modules.oxmod.bin(5), without opening the module; otherwise, for an uncompressed module
//! file, only the section table, `.modinfo` and the end of the file. It must not look modules up (the
//! context does) and must not format anything for output.
//!
//! # Example
//!
//! Print the fields of a module of the running kernel:
//!
//! ```no_run
//! use oxmod::context::{ConfigSource, Context, module_dir};
//! use oxmod::notice::Sink;
//! use oxmod::ops::info::{Extras, InfoReader};
//!
//! let context = Context::open(module_dir(None, None)?, &ConfigSource::Nothing, &Sink::none());
//! let path = context.path_of(b"ext4").ok_or("module ext4 not found")?;
//! let extras = Extras { signature: true, ..Extras::default() };
//! let info = InfoReader::default().read(context.dir(), &path, extras)?;
//! for entry in info.entries() {
//!     let (key, value) = (String::from_utf8_lossy(entry.key), String::from_utf8_lossy(entry.value));
//!     println!("{key}: {value}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;

use crate::context::Context;
use crate::context::cache::Caches;
use crate::context::module_file::Opener;
use crate::error::{Error, Result};
use crate::formats::cache::Record;
use crate::formats::elf::{self, ElfModule};
use crate::formats::modinfo::{Trailer, builtin, strings};
use crate::formats::source::Source;

pub use crate::formats::modinfo::{Field, Parameter, Parameters, Signature, hex};

/// The information in a module file.
#[derive(Debug, Default)]
pub struct Info {
    section: Vec<u8>,
    signature: Option<Signature>,
    /// The key and the value of the signature in hexadecimal.
    signature_hex: [Vec<u8>; 2],
    build_id: Option<Vec<u8>>,
    build_id_hex: Vec<u8>,
}

/// What is read of a module in addition to its strings. The default is nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Extras {
    /// The signature at the end of the file.
    pub signature: bool,
    /// The build id.
    pub build_id: bool,
}

/// The name of the field that contains the build id.
pub const BUILD_ID_FIELD: &[u8] = b"build-id";

/// The keys of the signature's fields, in order.
pub const SIGNATURE_FIELDS: [&[u8]; 5] = [b"sig_id", b"signer", b"sig_key", b"sig_hashalgo", b"signature"];

/// Reads modules one after another, reusing its buffers and open caches.
#[derive(Default)]
pub struct InfoReader {
    opener: Opener,
    caches: Caches,
}

impl InfoReader {
    /// Reads the module file `path`, which may be below the module directory `dir`.
    ///
    /// Errors: those of [`Opener::open`] and [`ElfModule::parse`]; absent if there is no `.modinfo` section. A
    /// signature that cannot be read is not an error: its fields are missing.
    pub fn read(&mut self, dir: &Path, path: &Path, extras: Extras) -> Result<Info> {
        if let Some(info) = self.caches.record(dir, path, |record| Info::from_record(record, extras)) {
            return Ok(info);
        }
        let file = self.opener.open(path)?;
        Info::read_source(file.source(), extras).map_err(Error::at(path))
    }
}

impl Info {
    /// Returns the information in a cached record; `None` for a module without `.modinfo`, because reading the file then
    /// returns the right error.
    fn from_record(record: &Record<'_>, extras: Extras) -> Option<Self> {
        let end = if extras.signature { record.signature() } else { None };
        let info = Self::new(record.modinfo()?.to_vec(), end);
        let build_id = if extras.build_id { record.build_id() } else { None };
        Some(info.with_build_id(build_id.map(<[u8]>::to_vec)))
    }

    /// Creates an `Info` from strings that were not read from a module file.
    pub fn of_strings(section: Vec<u8>) -> Self {
        Self::new(section, None)
    }

    /// Returns the information about a built-in module.
    pub fn builtin(context: &Context, name: &[u8]) -> Self {
        let entries = builtin(context.builtin_modinfo(), name);
        let strings: Vec<[&[u8]; 4]> = entries.map(|entry| [entry.key, b"=", entry.value, b"\0"]).collect();
        Self::of_strings(strings.as_flattened().concat())
    }

    fn new(section: Vec<u8>, end: Option<&[u8]>) -> Self {
        let signature = end.and_then(Signature::of_end);
        let signature_hex =
            signature.as_ref().map_or_else(Default::default, |s| [hex(&s.key), hex(&s.signature)]);
        Self { section, signature, signature_hex, ..Self::default() }
    }

    fn with_build_id(self, build_id: Option<Vec<u8>>) -> Self {
        Self { build_id_hex: build_id.as_deref().map(hex).unwrap_or_default(), build_id, ..self }
    }

    fn read_source(source: &dyn Source, extras: Extras) -> elf::Result<Self> {
        let module = ElfModule::parse(source)?;
        let section = module.modinfo()?.to_vec();
        let build_id = if extras.build_id { module.build_id()? } else { None };
        let end = if extras.signature { signature_bytes(source)? } else { None };
        Ok(Self::new(section, end).with_build_id(build_id))
    }

    /// Returns the strings, in the order of the section.
    pub fn strings(&self) -> impl Iterator<Item = Field<'_>> {
        strings(&self.section)
    }

    /// Returns the parameters, and the strings that should describe one but lack its name.
    pub fn parameters(&self) -> (Parameters<'_>, Vec<Field<'_>>) {
        Parameters::of(self.strings())
    }

    /// Returns the signature, if it was requested and is readable.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// Returns the build id, usually 20 bytes, if it was requested and the module has one.
    pub fn build_id(&self) -> Option<&[u8]> {
        self.build_id.as_deref()
    }

    /// Returns the fields in order: the strings as in the section, [`BUILD_ID_FIELD`], then [`SIGNATURE_FIELDS`] for a
    /// signed module. Build id, key and signature are in hexadecimal, and missing unless they were requested.
    pub fn entries(&self) -> impl Iterator<Item = Field<'_>> {
        let [key, value] = &self.signature_hex;
        let fields = self.signature.as_ref().map(|signature| {
            let values: [&[u8]; 5] =
                [signature.id.as_bytes(), &signature.signer, key, signature.hash.as_bytes(), value];
            SIGNATURE_FIELDS.into_iter().zip(values).map(|(key, value)| Field { key, value })
        });
        let build_id =
            self.build_id.is_some().then_some(Field { key: BUILD_ID_FIELD, value: &self.build_id_hex });
        self.strings().chain(build_id).chain(fields.into_iter().flatten())
    }
}

/// Returns the signature data at the end of a module together with the trailer that follows it; `None` if
/// the module is not signed.
pub(super) fn signature_bytes(source: &dyn Source) -> elf::Result<Option<&[u8]>> {
    let size = source.size();
    let Some(end) = size.checked_sub(Trailer::SIZE as u64) else { return Ok(None) };
    let tail = source.read_at(end, Trailer::SIZE as u64)?;
    let Some(trailer) = Trailer::parse(tail, size) else { return Ok(None) };
    let located = trailer.data_size().and_then(|len| Some((end.checked_sub(len)?, len)));
    let Some((start, len)) = located else { return Ok(None) };
    source.read_at(start, len + Trailer::SIZE as u64).map(Some)
}
