//! Unit tests: independently of what the cache reads and keeps, it returns the bytes of the file.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::{BlockCache, ReadAt, Source};
use crate::error::{Cause, FormatError};

/// A file that may have been truncated after it was opened.
struct Fake {
    bytes: Vec<u8>,
    cut: Cell<usize>,
    /// The size of blocks that can only be read as a whole; `None` for a file without such blocks.
    step: Option<u64>,
    fails: Cell<bool>,
    reads: RefCell<Vec<(u64, u64)>>,
}

fn contents(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 % 251).to_le_bytes()[0]).collect()
}

fn fake(size: usize, step: Option<u64>) -> Fake {
    Fake {
        bytes: contents(size),
        cut: Cell::new(size),
        step,
        fails: Cell::new(false),
        reads: RefCell::default(),
    }
}

fn cache(size: usize, step: Option<u64>) -> BlockCache<Fake> {
    BlockCache::new(fake(size, step), Vec::new(), Vec::new())
}

impl Fake {
    fn reads(&self) -> Vec<(u64, u64)> {
        self.reads.take()
    }
}

impl ReadAt for Fake {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn block(&self, wanted: Range<u64>) -> Range<u64> {
        match self.step {
            Some(step) => wanted.start / step * step..((wanted.start / step + 1) * step).min(self.size()),
            None => wanted.start.saturating_sub(10)..(wanted.end + 10).min(self.size()),
        }
    }

    fn read_at(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        assert!(range.start < range.end && range.end <= self.size());
        self.reads.borrow_mut().push((range.start, range.end));
        if self.fails.get() {
            return Err(FormatError::malformed("unreadable").into());
        }
        let end = self.cut.get().min(usize::try_from(range.end).unwrap());
        let start = usize::try_from(range.start).unwrap();
        bytes.extend_from_slice(self.bytes.get(start..end).unwrap_or_default());
        Ok(())
    }

    fn window(&self) -> Option<u64> {
        self.step.is_none().then_some(1000)
    }
}

/// Returns pseudo-random numbers, the same in each run.
fn random() -> impl FnMut(u64) -> u64 {
    let mut state = 1_u64;
    move |limit| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % limit
    }
}

#[test]
fn bytes_in_memory_are_a_source() {
    let bytes = &b"0123456789"[..];
    assert_eq!((bytes.size(), bytes.to_vec().size()), (10, 10));
    assert_eq!(bytes.read_from(7, 1).unwrap(), b"789");
    assert_eq!(bytes.read_from(10, 1).unwrap(), b"");
    assert_eq!(bytes.read_from(u64::MAX, 1).unwrap(), b"");
    assert_eq!(bytes.read_at(2, 3).unwrap(), b"234");
    assert_eq!(bytes.read_at(10, 0).unwrap(), b"");
    for (offset, len) in [(8, 3), (11, 0), (u64::MAX, 1), (1, u64::MAX)] {
        assert!(bytes.read_at(offset, len).is_err(), "{offset} {len}");
    }
}

#[test]
fn the_cache_returns_the_bytes_of_the_file() {
    for (size, step) in [(0, None), (1, None), (100_000, None), (100_000, Some(30_000)), (100_000, Some(900))]
    {
        let (all, mut random) = (contents(size), random());
        for _ in 0..20 {
            let cache = cache(size, step);
            let mut buffer = Vec::new();
            for _ in 0..200 {
                let (offset, len) = (random(size as u64 + 10), 1 + random(5000) * random(2) * random(9));
                let whole = usize::try_from(offset).ok().and_then(|at| all.get(at..)).unwrap_or_default();
                let least = whole.len().min(usize::try_from(len).unwrap());
                let found = match random(4) {
                    0 => cache.window(offset, len, &mut buffer).unwrap(),
                    1 => {
                        cache.announce(&[
                            offset..offset + len,
                            5..7,
                            90_000..95_000,
                            Range { start: 9, end: 3 },
                        ]);
                        cache.read_from(offset, len).unwrap()
                    }
                    _ => cache.read_from(offset, len).unwrap(),
                };
                assert!(whole.starts_with(found) && found.len() >= least, "{offset} {len}");
            }
            let (count, kept) = cache.kept();
            assert!(count <= 32 && kept <= 3 * size as u64);
        }
    }
}

#[test]
fn each_block_is_read_once() {
    let cache = cache(1000, Some(100));
    let all = contents(1000);
    assert_eq!(cache.read_at(120, 50).unwrap(), &all[120..170]);
    assert_eq!(cache.read_at(180, 20).unwrap(), &all[180..200]);
    assert_eq!(cache.reader().reads(), [(100, 200)]);
    // Of several blocks only those that are missing are read, and the answer is kept.
    for _ in 0..3 {
        assert_eq!(cache.read_at(150, 200).unwrap(), &all[150..350]);
    }
    assert_eq!(cache.reader().reads(), [(200, 300), (300, 400)]);
}

#[test]
fn announced_ranges_are_read_together() {
    let cache = cache(100_000, None);
    cache.announce(&[50_000..51_000, 1000..2000, 9000..9001, 99_999..100_001]);
    assert_eq!(cache.reader().reads(), [(990, 9011), (49_990, 51_010)]);
    cache.announce(std::slice::from_ref(&(9000..9001)));
    assert_eq!(cache.read_at(50_500, 500).unwrap(), &contents(100_000)[50_500..51_000]);
    assert!(cache.reader().reads().is_empty());
}

#[test]
fn after_many_reads_the_whole_file_is_read() {
    let (cache, all) = (cache(1_000_000, None), contents(1_000_000));
    for (offset, &byte) in (0..).zip(&all).step_by(999) {
        assert_eq!(cache.read_from(offset, 1).unwrap()[0], byte);
    }
    let reads = cache.reader().reads();
    assert_eq!((reads.len(), reads.last().copied()), (32, Some((0, 1_000_000))));
}

#[test]
fn truncated_files_are_reported_as_malformed() {
    for step in [None, Some(300)] {
        let cache = cache(10_000, step);
        let early = cache.read_at(8000, 100).unwrap();
        cache.reader().cut.set(1000);
        assert_eq!(cache.size(), 10_000);
        assert_eq!(early, cache.read_at(8000, 100).unwrap());
        assert!(cache.read_from(900, 200).unwrap().len() < 200);
        for _ in 0..100 {
            assert!(cache.read_at(950, 100).is_err());
            assert!(cache.read_at(5000, 1).is_err());
            assert!(cache.window(5000, 1, &mut Vec::new()).unwrap().is_empty());
        }
        assert_eq!(cache.read_at(10, 100).unwrap(), &contents(1000)[10..110]);
    }
}

#[test]
fn errors_are_not_cached() {
    let cache = cache(10_000, Some(100));
    cache.reader().fails.set(true);
    cache.announce(std::slice::from_ref(&(0..500)));
    assert!(cache.read_at(0, 1).is_err());
    cache.reader().fails.set(false);
    assert_eq!(cache.read_at(0, 300).unwrap(), &contents(300)[..]);
}

#[test]
fn windows_are_not_cached() {
    let cache = cache(10_000, None);
    let (all, mut buffer) = (contents(10_000), Vec::new());
    assert_eq!(cache.window(100, 10, &mut buffer).unwrap(), &all[100..1100]);
    assert_eq!(cache.window(9000, 5000, &mut buffer).unwrap(), &all[9000..]);
    assert_eq!(cache.kept(), (0, 0));
    assert_eq!(cache.reader().reads(), [(100, 1100), (9000, 10_000)]);
}

#[test]
fn buffers_are_reused() {
    let mut first = cache(10_000, None);
    let places = [first.read_from(5000, 1000).unwrap().as_ptr(), first.read_from(100, 50).unwrap().as_ptr()];
    let second = BlockCache::new(fake(10_000, None), Vec::new(), first.take_buffers());
    assert_eq!(first.kept(), (0, 0));
    assert_eq!(second.read_from(6000, 900).unwrap().as_ptr(), places[0]);
    assert_eq!(second.read_from(300, 40).unwrap().as_ptr(), places[1]);
}
