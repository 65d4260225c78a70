//! The side-car, modules.oxmod.bin: what a run leaves to the next one, and to modinfo.

use crate::error::FormatError;
use crate::formats::cache::{self, Assembled, Digest, Facts, MAKER, Made, Role};

use super::image::Output;
use super::lists::Lists;
use super::read::Known;

/// The side-car; `None` for one that is damaged, or from elsewhere.
pub(super) fn open(bytes: &[u8]) -> Option<Facts<&[u8]>> {
    Facts::open(bytes, MAKER).ok()
}

/// What lasts of this run: the parts of the side-car in order.
pub(super) struct Left<'a> {
    parts: Assembled,
    records: Vec<&'a [u8]>,
}

impl<'a> Left<'a> {
    /// Puts it together.
    ///
    /// Errors: the format has no room for so much.
    pub(super) fn new(
        known: &'a [Known<'_>],
        outputs: &[Output],
        lists: &Lists,
        symbol_prefix: Option<u8>,
    ) -> Result<Self, FormatError> {
        let records: Vec<&[u8]> =
            known.iter().filter(|known| known.lasting).map(|known| &known.record[..]).collect();
        let made = outputs
            .iter()
            .map(|output| (Role::Output, output.name.to_owned(), Some(Digest::of(&output.bytes))));
        let files = lists.inputs().into_iter().chain(made).collect();
        let parts = cache::assemble(&Made { maker: MAKER, symbol_prefix, files }, &records)?;
        Ok(Self { parts, records })
    }

    /// The bytes of the file, piece by piece.
    pub(super) fn pieces(&self) -> Vec<&[u8]> {
        let mut pieces = Vec::with_capacity(self.records.len() + 2);
        pieces.push(self.parts.head.as_slice());
        pieces.extend_from_slice(&self.records);
        pieces.push(&self.parts.table);
        pieces
    }
}
