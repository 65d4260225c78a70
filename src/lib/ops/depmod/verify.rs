//! `--verify`: compares the existing files with those that would be written now, and with each other.
//!
//! This module owns the comparison, entry by entry; nothing is written. The files are untrusted: the memory used for a
//! file is bounded by its size, not by what it claims to contain.

use std::cmp::Ordering;
use std::path::Path;

use bstr::BString;

use crate::context::{IndexKind, cache as context_cache, index_of_text};
use crate::error::{Error, FormatError, FormatKind};
use crate::formats::cache::{self, Cache, MAKER, Record};
use crate::formats::index::{Index, text};
use crate::sys::file;

use super::image::OutputFile;
use super::read::KnownModule;

/// A problem with one file.
#[derive(Debug)]
pub struct Finding {
    /// The file's name in the module directory.
    pub file: &'static str,
    /// The problem.
    pub problem: Problem,
}

/// The kinds of problems.
#[derive(Debug)]
pub enum Problem {
    /// The file does not exist.
    Absent,
    /// The file cannot be read; the errno value.
    Unreadable(i32),
    /// The file is malformed.
    Damaged(FormatError),
    /// The file has surplus or missing entries.
    Entries(Difference),
    /// The file has the right entries in a wrong order, which matters if several entries match.
    Order,
    /// The file has the right entries, but not the bytes that depmod writes.
    Format,
    /// An index disagrees with its text twin of this name. `surplus` lists the entries that only the index
    /// has.
    Disagrees(&'static str, Difference),
    /// The cache has wrong records for these modules.
    WrongRecords(Vec<BString>),
}

/// The differences between two sets of entries, as lines of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries that the file should not have.
    pub surplus: Vec<BString>,
    /// Entries that the file lacks.
    pub missing: Vec<BString>,
}

/// The texts and their binary indexes.
const PAIRS: [(&str, &str, IndexKind); 3] = [
    ("modules.dep", "modules.dep.bin", IndexKind::Dep),
    ("modules.alias", "modules.alias.bin", IndexKind::Alias),
    ("modules.symbols", "modules.symbols.bin", IndexKind::Symbol),
];

/// Compares the files in `out` with those that were just built, and the cache with what was just read.
pub(super) fn compare(out: &Path, outputs: &[OutputFile], known: &[KnownModule<'_>]) -> Vec<Finding> {
    let existing: Vec<Result<Vec<u8>, Error>> =
        outputs.iter().map(|output| file::read(&out.join(output.name))).collect();
    let existing_text = |name| {
        let mut files = outputs.iter().zip(&existing);
        files.find(|(output, _)| output.name == name)?.1.as_deref().ok()
    };
    let mut findings = Vec::new();
    for (expected, existing) in outputs.iter().zip(&existing) {
        let Some(problem) = problem_of_file(existing, expected) else { continue };
        let twin = PAIRS.iter().find(|(_, index, _)| *index == expected.name);
        let disagreement = twin.and_then(|&(name, _, kind)| {
            let difference = text_difference(kind, existing_text(name)?, existing.as_deref().ok()?)?;
            Some(Problem::Disagrees(name, difference))
        });
        for problem in [Some(problem), disagreement].into_iter().flatten() {
            findings.push(Finding { file: expected.name, problem });
        }
    }
    findings.extend(cache_problem(out, known).map(|problem| Finding { file: cache::FILE_NAME, problem }));
    findings
}

fn problem_of_file(existing: &Result<Vec<u8>, Error>, expected: &OutputFile) -> Option<Problem> {
    let existing = match existing {
        Ok(existing) => existing,
        Err(error) if error.errno() == libc::ENOENT => return Some(Problem::Absent),
        Err(error) => return Some(Problem::Unreadable(error.errno())),
    };
    if *existing == expected.bytes {
        return None;
    }
    let entries = |bytes| if expected.is_index() { index_entries(bytes) } else { Ok(text_entries(bytes)) };
    // The index of a list that does not exist is an empty file.
    let expected_entries = entries(&expected.bytes).unwrap_or_default();
    Some(match entries(existing) {
        Ok(existing) => problem_of_entries(&existing, &expected_entries),
        Err(error) => Problem::Damaged(error),
    })
}

/// An entry as a line of text, and its priority if the file has one.
type Entry = (BString, u32);

fn problem_of_entries(existing: &[Entry], expected: &[Entry]) -> Problem {
    let difference = Difference::between(existing, expected);
    if difference != Difference::default() {
        Problem::Entries(difference)
    } else if existing == expected {
        Problem::Format
    } else {
        Problem::Order
    }
}

/// Returns the differences between an index and its text; `None` if they agree or one of them is malformed.
fn text_difference(kind: IndexKind, text: &[u8], index: &[u8]) -> Option<Difference> {
    let expected = index_of_text(kind, text).ok()?;
    let difference = Difference::between(&index_entries(index).ok()?, &index_entries(&expected).ok()?);
    (difference != Difference::default()).then_some(difference)
}

impl Difference {
    fn between(existing: &[Entry], expected: &[Entry]) -> Self {
        let sorted = |entries: &[Entry]| {
            let mut lines: Vec<BString> = entries.iter().map(|(line, _)| line.clone()).collect();
            lines.sort_unstable();
            lines.into_iter().peekable()
        };
        let (mut existing, mut expected) = (sorted(existing), sorted(expected));
        let mut difference = Self::default();
        loop {
            // The lesser of the two next lines has no counterpart.
            let order = match (existing.peek(), expected.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(existing), Some(expected)) => existing.cmp(expected),
            };
            match order {
                Ordering::Less => difference.surplus.extend(existing.next()),
                Ordering::Greater => difference.missing.extend(expected.next()),
                Ordering::Equal => drop((existing.next(), expected.next())),
            }
        }
    }
}

fn text_entries(bytes: &[u8]) -> Vec<Entry> {
    text::lines(bytes).map(|line| (line.into(), 0)).collect()
}

/// The limit for the total size of an index's entries is this multiple of the file size, plus [`BASE_LIMIT`] bytes. Keys
/// share prefixes, so a hostile file could contain an unlimited number of entries.
const GROWTH: usize = 64;
const BASE_LIMIT: usize = 1 << 20;

fn index_entries(bytes: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut room = BASE_LIMIT.saturating_add(bytes.len().saturating_mul(GROWTH));
    let mut entries = Vec::new();
    Index::parse(bytes)?.dump(|key, found| {
        room = room.saturating_sub(key.len() + found.value.len() + 1);
        if room > 0 {
            entries.push(([key, b" ", found.value].concat().into(), found.priority));
        }
    })?;
    if room == 0 {
        return Err(FormatError::new(FormatKind::Limit, "too many entries for the size of the file"));
    }
    Ok(entries)
}

/// Checks the cache. A cache that is missing, has another version, or was written for other contents of the modules is
/// not a problem.
fn cache_problem(out: &Path, known: &[KnownModule<'_>]) -> Option<Problem> {
    let bytes = context_cache::read(out)?;
    let cache = match Cache::open(&bytes[..], MAKER) {
        Ok(cache) => cache,
        Err(error) if error.kind == FormatKind::Unsupported => return None,
        Err(error) => return Some(Problem::Damaged(error)),
    };
    let is_wrong = |expected: &Record<'_>, bytes: &[u8]| {
        let found = cache.find(expected.path());
        let same_file =
            |found: &[u8]| Record::view(found).map(|found| found.identity()) == Some(expected.identity());
        found.is_some_and(|found| same_file(found) && found != bytes)
    };
    let wrong: Vec<BString> = known
        .iter()
        .filter_map(|known| Some((Record::view(&known.record)?, &known.record)))
        .filter(|(expected, bytes)| is_wrong(expected, bytes))
        .map(|(expected, _)| expected.path().into())
        .collect();
    (!wrong.is_empty()).then_some(Problem::WrongRecords(wrong))
}
