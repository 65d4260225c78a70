//! The locations of the modules in a file, by position and by name.
//!
//! Files written by oxmod begin with an index, so that a lookup reads a few parts of the file instead of all modules.
//! The index is used if it is the first field and the file has exactly the size recorded in it: a program that changes
//! such a file without knowing the index writes it elsewhere or drops it. Without an index, all modules are read once.

use std::ops::Range;

use prost::Message;

use crate::error::FormatError;
use crate::formats::source::Source;

use super::message::{Index, Meta};
use super::module::MetaModule;
use super::wire::{self, WireFields, WireValue, wrong_wire_type};

type Result<T> = std::result::Result<T, FormatError>;

/// The key of the index field, with which a file begins.
const KEY: [u8; 2] = [0xb2, 0x06];

/// The maximum number of names with the same hash. Two names rarely collide.
const MOST_ALIKE: usize = 64;

/// The locations of the modules.
#[derive(Debug)]
pub(super) enum Directory {
    /// The index of the file: an offset per module, and the hashes of the names in ascending order with their
    /// positions.
    Stored { places: Range<usize>, names: Range<usize>, lines: Vec<Range<usize>> },
    /// Collected by reading the modules.
    Seen { places: Vec<usize>, hashes: Vec<u32> },
}

impl Directory {
    /// Returns a directory without modules.
    pub(super) fn new() -> Self {
        Self::Seen { places: Vec::new(), hashes: Vec::new() }
    }

    /// Whether the file begins with an index field, valid or not.
    pub(super) fn is_claimed(source: &dyn Source) -> Result<bool> {
        Ok(wire::read_from(source, 0, KEY.len())?.starts_with(&KEY))
    }

    /// Returns the index at the start of the file, if it is valid, and the offset at which the modules end.
    pub(super) fn find(source: &dyn Source) -> Result<Option<(Self, usize)>> {
        if !Self::is_claimed(source)? {
            return Ok(None);
        }
        let Some((_, WireValue::Bytes(index))) = WireFields::of(source, 0..wire::size(source)).next()? else {
            return Ok(None);
        };
        let mut fields = WireFields::of(source, index);
        let (mut size, mut end) = (0, 0);
        let (mut places, mut names, mut lines) = (0..0, 0..0, Vec::new());
        while let Some(field) = fields.next()? {
            match field {
                (1, WireValue::Fixed32(value)) => size = value as usize,
                (2, WireValue::Fixed32(value)) => end = value as usize,
                (3, WireValue::Bytes(range)) => places = range,
                (4, WireValue::Bytes(range)) => names = range,
                (5, WireValue::Bytes(range)) => lines.push(range),
                (1..=5, _) => return Err(wrong_wire_type()),
                _ => {}
            }
        }
        if size != wire::size(source) {
            return Ok(None);
        }
        if places.len() % 4 != 0 || names.len() != 2 * places.len() || end > size {
            return Err(FormatError::malformed("invalid index"));
        }
        Ok(Some((Self::Stored { places, names, lines }, end)))
    }

    /// Adds a module that was read. A stored index is complete, so this is an error there.
    pub(super) fn push(&mut self, place: usize, module: &MetaModule<'_>) -> Result<()> {
        match self {
            Self::Seen { places, hashes } => {
                places.push(place);
                hashes.push(hash(module.name));
                Ok(())
            }
            Self::Stored { .. } => Err(FormatError::malformed("a module is missing from the index")),
        }
    }

    /// The number of modules.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Stored { places, .. } => places.len() / 4,
            Self::Seen { places, .. } => places.len(),
        }
    }

    /// Returns the offset of a module's field.
    pub(super) fn offset_of(&self, source: &dyn Source, position: u32) -> Result<Option<usize>> {
        let position = position as usize;
        match self {
            Self::Stored { places, .. } if position < self.len() => {
                fixed(source, places.start + 4 * position)
                    .map(|place| Some(u32::from_le_bytes(place) as usize))
            }
            Self::Stored { .. } => Ok(None),
            Self::Seen { places, .. } => Ok(places.get(position).copied()),
        }
    }

    /// Returns the positions of the modules whose name has the same hash as `name`, in ascending order.
    pub(super) fn with_same_hash(&self, source: &dyn Source, name: &[u8]) -> Result<Vec<u32>> {
        let wanted = hash(name);
        let names = match self {
            Self::Seen { hashes, .. } => {
                let alike = (0_u32..).zip(hashes).filter(|&(_, &hash)| hash == wanted);
                return Ok(alike.map(|(position, _)| position).collect());
            }
            Self::Stored { names, .. } => names,
        };
        let entry = |at: usize| fixed(source, names.start + 8 * at).map(u64::from_le_bytes);
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if entry(middle)? >> 32 < u64::from(wanted) { low = middle + 1 } else { high = middle }
        }
        let mut found = Vec::new();
        for at in low..self.len() {
            let [_, _, _, _, hash @ ..] = entry(at)?.to_le_bytes();
            if u32::from_le_bytes(hash) != wanted {
                break;
            }
            if found.len() == MOST_ALIKE {
                return Err(FormatError::malformed("too many names with the same hash in the index"));
            }
            #[allow(clippy::cast_possible_truncation)] // the lower half
            found.push(entry(at)? as u32);
        }
        Ok(found)
    }

    /// Whether this is the index of the file.
    pub(super) fn is_stored(&self) -> bool {
        matches!(self, Self::Stored { .. })
    }

    /// Returns the lines of modules.softdep and modules.weakdep, if they are stored.
    pub(super) fn lines(&self, source: &dyn Source) -> Result<Option<Vec<u8>>> {
        let Self::Stored { lines, .. } = self else { return Ok(None) };
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(wire::string(source, line)?);
            text.push(b'\n');
        }
        Ok(Some(text))
    }
}

impl Meta {
    /// Encodes the file, with an index before the message.
    ///
    /// Errors: the file exceeds 4 GiB.
    pub fn into_file(self) -> Result<Vec<u8>> {
        let mut lines = Vec::new();
        let mut places = Vec::with_capacity(self.modules.len());
        let mut end = 0;
        for module in &self.modules {
            lines.extend(module.softdeps.iter().map(|value| format!("softdep {} {value}", module.name)));
            lines.extend(module.weakdeps.iter().map(|value| format!("weakdep {} {value}", module.name)));
            places.push((end, module.name.as_bytes()));
            let len = module.encoded_len();
            end += 1 + prost::length_delimiter_len(len) + len;
        }
        indexed(&self.encode_to_vec(), &places, end, lines)
    }
}

/// Returns a file that consists of an index and `body`, the message without an index. `modules` contains the offset of
/// each module in `body` and its name, and `end` is the offset at which the modules end.
fn indexed(body: &[u8], modules: &[(usize, &[u8])], end: usize, lines: Vec<String>) -> Result<Vec<u8>> {
    let limit = |_| FormatError::malformed("a file of more than 4 GiB");
    let mut index = Index { modules: vec![0; modules.len()], lines, ..Index::default() };
    let mut names = Vec::with_capacity(modules.len());
    for (position, (_, name)) in (0_u32..).zip(modules) {
        names.push(u64::from(hash(name)) << 32 | u64::from(position));
    }
    names.sort_unstable();
    index.names = names;
    // The length of the index does not depend on the values of the offsets, except that 0 is not encoded.
    (index.size, index.modules_end) = (1, 1);
    let len = index.encoded_len();
    let head = KEY.len() + prost::length_delimiter_len(len) + len;
    for (to, (place, _)) in index.modules.iter_mut().zip(modules) {
        *to = u32::try_from(head + place).map_err(limit)?;
    }
    index.modules_end = u32::try_from(head + end).map_err(limit)?;
    index.size = u32::try_from(head + body.len()).map_err(limit)?;
    let mut bytes = Vec::with_capacity(head + body.len());
    bytes.extend_from_slice(&KEY);
    let whole = FormatError::malformed("no room for the index");
    index.encode_length_delimited(&mut bytes).map_err(|_| whole)?;
    bytes.extend_from_slice(body);
    Ok(bytes)
}

fn fixed<const N: usize>(source: &dyn Source, at: usize) -> Result<[u8; N]> {
    let bytes = wire::read_from(source, at, N)?.first_chunk().copied();
    bytes.ok_or_else(|| FormatError::malformed("truncated index"))
}

/// Returns the FNV-1a hash of a name; `-` and `_` are the same.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash: u32, &byte| {
        (hash ^ u32::from(if byte == b'-' { b'_' } else { byte })).wrapping_mul(0x0100_0193)
    })
}
