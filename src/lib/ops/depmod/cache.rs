//! The cache, modules.oxmod.bin, which a run writes for the next run and for modinfo.

use crate::error::FormatError;
use crate::formats::cache::{self, Cache, CacheImage, Digest, InputRole, Inputs, MAKER};

use super::image::OutputFile;
use super::lists::Lists;
use super::read::KnownModule;

/// Opens a cache; `None` if it is damaged or from another version.
pub(super) fn open(bytes: &[u8]) -> Option<Cache<&[u8]>> {
    Cache::open(bytes, MAKER).ok()
}

/// The cache of this run: its parts, in order.
pub(super) struct CacheParts<'a> {
    parts: CacheImage,
    records: Vec<&'a [u8]>,
}

impl<'a> CacheParts<'a> {
    /// Assembles the cache.
    ///
    /// Errors: the contents exceed the limits of the format.
    pub(super) fn new(
        known: &'a [KnownModule<'_>],
        outputs: &[OutputFile],
        lists: &Lists,
        symbol_prefix: Option<u8>,
    ) -> Result<Self, FormatError> {
        let records: Vec<&[u8]> =
            known.iter().filter(|known| known.cacheable).map(|known| &known.record[..]).collect();
        let outputs = outputs
            .iter()
            .map(|output| (InputRole::Output, output.name.to_owned(), Some(Digest::of(&output.bytes))));
        let files = lists.inputs().into_iter().chain(outputs).collect();
        let parts = cache::assemble(&Inputs { maker: MAKER, symbol_prefix, files }, &records)?;
        Ok(Self { parts, records })
    }

    /// Returns the contents of the file in pieces.
    pub(super) fn pieces(&self) -> Vec<&[u8]> {
        let mut pieces = Vec::with_capacity(self.records.len() + 2);
        pieces.push(self.parts.head.as_slice());
        pieces.extend_from_slice(&self.records);
        pieces.push(&self.parts.table);
        pieces
    }
}
