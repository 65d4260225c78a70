//! A plain module file, read where it lies.
//!
//! Owns the choice of what to read together: a module is asked for half a dozen ranges, and each system call costs as
//! much as copying some kilobytes.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::fs::File;
use std::ops::Range;

use crate::error::{Cause, FormatError};
use crate::formats::elf::{self, Source};
use crate::sys::file;

/// How far apart two ranges may be to be read as one, 8 KiB.
const GAP: u64 = 8 << 10;
/// What is read before and behind a range that was not announced: around the section table, which is asked for first,
/// there are the names of the sections and the signature.
const BEFORE: u64 = 1 << 10;
const BEHIND: u64 = 2 << 10;
/// The largest buffer that is kept for the next file.
const KEPT: usize = 8 << 20;

/// Buffers for windows, kept from file to file.
pub(super) type Spare = [Cell<Vec<u8>>; 2];

/// An open plain file.
pub(super) struct Plain<'o> {
    file: File,
    size: u64,
    head: &'o [u8],
    windows: [OnceCell<Window>; 2],
    spare: &'o Spare,
}

/// Parts of the file in memory.
struct Window {
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
}

/// Where a part begins in the file and lies in the window.
struct Piece {
    offset: u64,
    place: Range<usize>,
}

impl<'o> Plain<'o> {
    /// A file of `size` bytes that begins with `head`.
    pub(super) fn new(file: File, size: u64, head: &'o [u8], spare: &'o Spare) -> Self {
        Self { file, size, head, windows: Default::default(), spare }
    }

    /// Reads `ranges` into the next free window; where that fails, or there is none, nothing is kept.
    fn open_window(&self, ranges: &[Range<u64>]) {
        let Some((window, spare)) =
            self.windows.iter().zip(self.spare).find(|(cell, _)| cell.get().is_none())
        else {
            return;
        };
        let mut bytes = spare.take();
        let len = ranges.iter().fold(0, |sum: u64, range| sum.saturating_add(range.end - range.start));
        bytes.clear();
        if usize::try_from(len)
            .ok()
            .is_none_or(|len| crate::memory::attempt(|| bytes.try_reserve_exact(len)).is_err())
        {
            return;
        }
        let mut pieces = Vec::with_capacity(ranges.len());
        for range in ranges {
            let start = bytes.len();
            if file::append_range(&self.file, range.start, range.end - range.start, &mut bytes).is_err() {
                return;
            }
            pieces.push(Piece { offset: range.start, place: start..bytes.len() });
        }
        window.get_or_init(|| Window { pieces, bytes });
    }

    /// The range, if it has been read.
    fn known(&self, offset: u64, len: u64) -> Option<&[u8]> {
        let windows = self.windows.iter().filter_map(OnceCell::get);
        part(self.head, 0, offset, len).or_else(|| {
            windows.flat_map(Window::parts).find_map(|(start, bytes)| part(bytes, start, offset, len))
        })
    }
}

impl Window {
    /// The parts, each with where it begins in the file.
    fn parts(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.pieces.iter().filter_map(|piece| Some((piece.offset, self.bytes.get(piece.place.clone())?)))
    }
}

/// The bytes at `offset` of a file, of which `bytes` begin at `start`.
fn part(bytes: &[u8], start: u64, offset: u64, len: u64) -> Option<&[u8]> {
    let from = usize::try_from(offset.checked_sub(start)?).ok()?;
    bytes.get(from..from.checked_add(usize::try_from(len).ok()?)?)
}

impl Source for Plain<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, offset: u64, len: u64) -> elf::Result<Cow<'_, [u8]>> {
        let end = offset.checked_add(len).filter(|&end| end <= self.size);
        let end = end.ok_or_else(|| FormatError::malformed("range outside of the file"))?;
        if let Some(bytes) = self.known(offset, len) {
            return Ok(Cow::Borrowed(bytes));
        }
        let around = offset.saturating_sub(BEFORE)..end.saturating_add(BEHIND).min(self.size);
        self.open_window(&[around]);
        if let Some(bytes) = self.known(offset, len) {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = Vec::new();
        file::read_range(&self.file, offset, len, &mut bytes)?;
        // The file was cut since it was opened.
        if bytes.len() as u64 != len {
            return Err(Cause::Format(FormatError::malformed("file became shorter while it was read")));
        }
        Ok(Cow::Owned(bytes))
    }

    fn announce(&self, ranges: &[Range<u64>]) {
        let inside = |range: &&Range<u64>| range.start < range.end && range.end <= self.size;
        let unknown = |range: &&Range<u64>| self.known(range.start, range.end - range.start).is_none();
        let mut ranges: Vec<Range<u64>> = ranges.iter().filter(inside).filter(unknown).cloned().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut().filter(|last| range.start <= last.end.saturating_add(GAP)) {
                Some(last) => last.end = last.end.max(range.end),
                None => merged.push(range),
            }
        }
        if !merged.is_empty() {
            self.open_window(&merged);
        }
    }
}

impl Drop for Plain<'_> {
    fn drop(&mut self) {
        for (window, spare) in self.windows.iter_mut().zip(self.spare) {
            if let Some(window) = window.take().filter(|window| window.bytes.capacity() <= KEPT) {
                spare.set(window.bytes);
            }
        }
    }
}
