//! `--verify`: whether the files that are there are those that would be made now, and agree with each other.
//!
//! Owns the comparison, entry by entry; nothing is written. The files are hostile: what is remembered of one is bounded by
//! its size, not by what it claims to hold.

use std::cmp::Ordering;
use std::path::Path;

use bstr::BString;

use crate::context::{IndexKind, cache as side_car, index_of_text};
use crate::error::{Error, FormatError, FormatKind};
use crate::formats::cache::{self, Facts, MAKER, Record};
use crate::formats::index::{Index, text};
use crate::sys::file;

use super::image::Output;
use super::read::Known;

/// What is wrong with one file.
#[derive(Debug)]
pub struct Finding {
    /// Its name in the module directory.
    pub file: &'static str,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Why a file is not as it should be.
#[derive(Debug)]
pub enum Wrong {
    /// It is not there.
    Absent,
    /// It cannot be read: the errno value.
    Unreadable(i32),
    /// It is there and makes no sense.
    Damaged(FormatError),
    /// It has other entries than it should.
    Entries(Difference),
    /// It has the right entries in a wrong order, which decides when several answer.
    Order,
    /// It says what it should in other bytes than depmod writes.
    Form,
    /// An index says something else than the text of this name beside it. What it has and the text has not is `surplus`.
    Disagrees(&'static str, Difference),
    /// The side-car has something false about these modules.
    False(Vec<BString>),
}

/// What two sets of entries do not share, as lines of text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Entries that are there and should not be.
    pub surplus: Vec<BString>,
    /// Entries that should be there and are not.
    pub missing: Vec<BString>,
}

/// The texts with the indexes that say the same.
const PAIRS: [(&str, &str, IndexKind); 3] = [
    ("modules.dep", "modules.dep.bin", IndexKind::Dep),
    ("modules.alias", "modules.alias.bin", IndexKind::Alias),
    ("modules.symbols", "modules.symbols.bin", IndexKind::Symbol),
];

/// Compares the files in `out` with those that were just made, and the side-car with what was just read.
pub(super) fn compare(out: &Path, outputs: &[Output], known: &[Known<'_>]) -> Vec<Finding> {
    let there: Vec<Result<Vec<u8>, Error>> =
        outputs.iter().map(|made| file::read(&out.join(made.name))).collect();
    let text_there = |name| outputs.iter().zip(&there).find(|(made, _)| made.name == name)?.1.as_deref().ok();
    let mut findings = Vec::new();
    for (made, there) in outputs.iter().zip(&there) {
        let Some(wrong) = against_made(there, made) else { continue };
        let beside = PAIRS.iter().find(|(_, index, _)| *index == made.name);
        let disagreement = beside.and_then(|&(name, _, kind)| {
            let difference = between(kind, text_there(name)?, there.as_deref().ok()?)?;
            Some(Wrong::Disagrees(name, difference))
        });
        for wrong in [Some(wrong), disagreement].into_iter().flatten() {
            findings.push(Finding { file: made.name, wrong });
        }
    }
    findings.extend(side_car_wrong(out, known).map(|wrong| Finding { file: cache::FILE_NAME, wrong }));
    findings
}

fn against_made(there: &Result<Vec<u8>, Error>, made: &Output) -> Option<Wrong> {
    let there = match there {
        Ok(there) => there,
        Err(error) if error.errno() == libc::ENOENT => return Some(Wrong::Absent),
        Err(error) => return Some(Wrong::Unreadable(error.errno())),
    };
    if *there == made.bytes {
        return None;
    }
    let entries = |bytes| if made.is_index() { index_entries(bytes) } else { Ok(text_entries(bytes)) };
    // Where nothing is to be said, the index is an empty file.
    let expected = entries(&made.bytes).unwrap_or_default();
    Some(match entries(there) {
        Ok(there) => against(&there, &expected),
        Err(error) => Wrong::Damaged(error),
    })
}

/// An entry as a line of text, and its priority where the file has one.
type Entry = (BString, u32);

fn against(there: &[Entry], expected: &[Entry]) -> Wrong {
    let difference = Difference::between(there, expected);
    if difference != Difference::default() {
        Wrong::Entries(difference)
    } else if there == expected {
        Wrong::Form
    } else {
        Wrong::Order
    }
}

/// What an index has that its text has not, and the other way; `None` when they agree or make no sense.
fn between(kind: IndexKind, text: &[u8], index: &[u8]) -> Option<Difference> {
    let made = index_of_text(kind, text).ok()?;
    let difference = Difference::between(&index_entries(index).ok()?, &index_entries(&made).ok()?);
    (difference != Difference::default()).then_some(difference)
}

impl Difference {
    fn between(there: &[Entry], expected: &[Entry]) -> Self {
        let sorted = |entries: &[Entry]| {
            let mut lines: Vec<BString> = entries.iter().map(|(line, _)| line.clone()).collect();
            lines.sort_unstable();
            lines.into_iter().peekable()
        };
        let (mut there, mut expected) = (sorted(there), sorted(expected));
        let mut difference = Self::default();
        loop {
            // The lesser of the two heads has no counterpart.
            let order = match (there.peek(), expected.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(there), Some(expected)) => there.cmp(expected),
            };
            match order {
                Ordering::Less => difference.surplus.extend(there.next()),
                Ordering::Greater => difference.missing.extend(expected.next()),
                Ordering::Equal => drop((there.next(), expected.next())),
            }
        }
    }
}

fn text_entries(bytes: &[u8]) -> Vec<Entry> {
    text::lines(bytes).map(|line| (line.into(), 0)).collect()
}

/// How many times its own size the entries of an index may take, and how much in any case. Keys share their beginnings,
/// so a hostile file could hold entries without end.
const GROWTH: usize = 64;
const LEAST: usize = 1 << 20;

fn index_entries(bytes: &[u8]) -> Result<Vec<Entry>, FormatError> {
    let mut room = LEAST.saturating_add(bytes.len().saturating_mul(GROWTH));
    let mut entries = Vec::new();
    Index::parse(bytes)?.dump(|key, found| {
        room = room.saturating_sub(key.len() + found.value.len() + 1);
        if room > 0 {
            entries.push(([key, b" ", found.value].concat().into(), found.priority));
        }
    })?;
    if room == 0 {
        return Err(FormatError::new(
            FormatKind::Limit,
            "its entries are longer than the file can account for",
        ));
    }
    Ok(entries)
}

/// A side-car that is not there, is of another version or knows of other states of the modules does no harm.
fn side_car_wrong(out: &Path, known: &[Known<'_>]) -> Option<Wrong> {
    let bytes = side_car::read(out)?;
    let facts = match Facts::open(&bytes[..], MAKER) {
        Ok(facts) => facts,
        Err(error) if error.kind == FormatKind::Unsupported => return None,
        Err(error) => return Some(Wrong::Damaged(error)),
    };
    let is_false = |fresh: &Record<'_>, bytes: &[u8]| {
        let found = facts.find(fresh.path());
        let same_file =
            |found: &[u8]| Record::view(found).map(|found| found.identity()) == Some(fresh.identity());
        found.is_some_and(|found| same_file(found) && found != bytes)
    };
    let wrong: Vec<BString> = known
        .iter()
        .filter_map(|known| Some((Record::view(&known.record)?, &known.record)))
        .filter(|(fresh, bytes)| is_false(fresh, bytes))
        .map(|(fresh, _)| fresh.path().into())
        .collect();
    (!wrong.is_empty()).then_some(Wrong::False(wrong))
}
