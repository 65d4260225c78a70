//! The five indexes of a module directory, each read at its first use.
//!
//! Owns the choice between a binary index and the text file beside it: where kmod gives up on an
//! absent, empty, truncated or damaged `.bin`, the same trie is built in memory from the text, with
//! one notice. Must not interpret values.
//!
//! Where a depmod died while it put a new set into its place, the set is whole all the same: what has not been moved is
//! read where it was made.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Cause, Error, FormatError};
use crate::formats::index::{Builder, Index, Match, text};
use crate::formats::source::Source;
use crate::name;
use crate::notice::{Notice, Sink};
use crate::sys::{self, publish};

use super::block_file::BlockFile;

/// Which index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Normalised module name to its line of modules.dep.
    Dep,
    /// Pattern to module name.
    Alias,
    /// `symbol:NAME` to module name.
    Symbol,
    /// Names of built-in modules; the values are empty.
    Builtin,
    /// Pattern to the name of a built-in module.
    BuiltinAlias,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Dep, Self::Alias, Self::Symbol, Self::Builtin, Self::BuiltinAlias];

    /// Names of the binary index and of the text that it is made from.
    pub(super) fn file_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dep => ("modules.dep.bin", "modules.dep"),
            Self::Alias => ("modules.alias.bin", "modules.alias"),
            Self::Symbol => ("modules.symbols.bin", "modules.symbols"),
            Self::Builtin => ("modules.builtin.bin", "modules.builtin"),
            Self::BuiltinAlias => ("modules.builtin.alias.bin", "modules.builtin.modinfo"),
        }
    }
}

/// All indexes of one directory.
pub(super) struct Indexes<'a> {
    dir: PathBuf,
    /// The set that was there first, then those that were found in its place.
    sets: [OnceCell<Set>; 4],
    /// Which of them is asked.
    set: Cell<usize>,
    sink: Sink<'a>,
}

/// The indexes of one set, as far as can be helped.
#[derive(Default)]
struct Set {
    /// Whether it was not wholly in its place.
    staged: bool,
    /// By their [`Kind`], each from its first use on.
    slots: [OnceCell<Slot>; 5],
}

struct Slot {
    /// Where the files belong.
    binary: PathBuf,
    text: PathBuf,
    staged: bool,
    /// The binary index; `None` when it cannot be read.
    stored: OnceCell<Option<BlockFile>>,
    /// An index made from the text after the stored one had failed; `None` without a text.
    rebuilt: OnceCell<Option<Vec<u8>>>,
}

impl<'a> Indexes<'a> {
    pub(super) fn new(dir: &Path, staged: bool, sink: Sink<'a>) -> Self {
        let indexes = Self { dir: dir.to_path_buf(), sets: Default::default(), set: Cell::new(0), sink };
        indexes.sets[0].get_or_init(|| Set { staged, ..Set::default() });
        indexes
    }

    fn set(&self) -> &Set {
        self.sets[self.set.get()].get_or_init(Set::default)
    }

    fn slot(&self, kind: Kind) -> &Slot {
        let set = self.set();
        set.slots[kind as usize].get_or_init(|| {
            let (binary, text) = kind.file_names();
            Slot {
                binary: self.dir.join(binary),
                text: self.dir.join(text),
                staged: set.staged,
                stored: OnceCell::new(),
                rebuilt: OnceCell::new(),
            }
        })
    }

    /// Turns to the files that are there now; `false` if they are the ones that were opened. For answers that do not go
    /// together, which those of two sets need not: a depmod may have come between the opening of two files.
    pub(super) fn renew(&self) -> bool {
        let staged = publish::is_staged(&self.dir);
        let mut slots = self.set().slots.iter().filter_map(OnceCell::get);
        let replaced = slots.any(|slot| slot.is_replaced(staged));
        let next = self.set.get() + 1;
        let Some(set) = self.sets.get(next).filter(|_| replaced) else { return false };
        set.get_or_init(|| Set { staged, ..Set::default() });
        self.set.set(next);
        true
    }

    /// The first value stored under exactly `key`.
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Option<&[u8]> {
        self.ask(kind, |index| index.get(key)).flatten()
    }

    /// The values of all patterns that match `key`, by priority.
    pub(super) fn search(&self, kind: Kind, key: &[u8]) -> Vec<Match<'_>> {
        self.ask(kind, |index| index.search(key)).unwrap_or_default()
    }

    /// Calls `visit` with each key and value. When an index turns out to be damaged half-way, the text
    /// takes over behind what was visited: both have the same order.
    pub(super) fn dump(&self, kind: Kind, mut visit: impl FnMut(&[u8], &[u8])) {
        let mut visited = 0_usize;
        self.ask(kind, |index| {
            let mut again = visited;
            index.dump(|key, found| {
                if again > 0 {
                    again -= 1;
                } else {
                    visited += 1;
                    visit(key, found.value);
                }
            })
        });
    }

    /// Whether the text answers in place of the binary index, if anything does.
    pub(super) fn is_rebuilt(&self, kind: Kind) -> bool {
        self.slot(kind).rebuilt.get().is_some()
    }

    /// Whether there is an index to put questions to, as far as is known.
    pub(super) fn is_usable(&self, kind: Kind) -> bool {
        !matches!(self.slot(kind).rebuilt.get(), Some(None))
    }

    /// Lets the text answer from now on, for this reason; `false` if it does already.
    pub(super) fn give_up(&self, kind: Kind, reason: impl FnOnce() -> FormatError) -> bool {
        let slot = self.slot(kind);
        let begun = slot.rebuilt.get().is_none();
        if begun {
            let error = Error::new(slot.binary.clone(), reason());
            slot.rebuilt.get_or_init(|| self.rebuild(kind, error));
        }
        begun
    }

    /// Whether the text has exactly this key; `None` without a text that can be read.
    pub(super) fn in_text(&self, kind: Kind, key: &[u8]) -> Option<bool> {
        let slot = self.slot(kind);
        let text = slot.read(&slot.text, sys::file::read).ok()?;
        let index = index_of_text(kind, &text).ok()?;
        Some(Index::parse(&index).ok()?.get(key).ok()?.is_some())
    }

    /// Puts a question to the stored index, or to the rebuilt one once the stored one has failed.
    fn ask<'s, T>(
        &'s self,
        kind: Kind,
        mut question: impl FnMut(&Index<'s>) -> Result<T, FormatError>,
    ) -> Option<T> {
        let slot = self.slot(kind);
        let mut over = |stored: &'s BlockFile| question(&Index::over(stored)?);
        if slot.rebuilt.get().is_none() {
            match slot.stored().and_then(|stored| over(stored).map_err(Error::at(&slot.binary))) {
                Ok(found) => return Some(found),
                Err(error) => {
                    slot.rebuilt.get_or_init(|| self.rebuild(kind, error));
                }
            }
        }
        let rebuilt = Index::parse(slot.rebuilt.get()?.as_deref()?);
        rebuilt.and_then(|index| question(&index)).ok()
    }

    /// Makes the index from its text. `error` is why the stored one is of no use.
    fn rebuild(&self, kind: Kind, error: Error) -> Option<Vec<u8>> {
        let slot = self.slot(kind);
        let text = match sys::file::unless_absent(slot.read(&slot.text, sys::file::read)) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.without_text(slot, error);
                return None;
            }
            Err(unreadable) => {
                (self.sink)(&Notice::Unreadable(error));
                (self.sink)(&Notice::Unreadable(unreadable));
                return None;
            }
        };
        // Trees made by an older depmod never had this one, and nobody should be told at each boot.
        if kind != Kind::BuiltinAlias || !is_absent(&error) {
            (self.sink)(&Notice::IndexUnusable { error, instead: slot.text.clone() });
        }
        index_of_text(kind, &text)
            .map_err(|error| {
                (self.sink)(&Notice::Unreadable(Error::new(slot.text.clone(), error)));
            })
            .ok()
    }

    /// No index and no text either: silence for what depmod itself leaves out or writes empty.
    fn without_text(&self, slot: &Slot, error: Error) {
        let empty =
            slot.stored.get().is_some_and(|stored| stored.as_ref().is_some_and(|stored| stored.size() == 0));
        if !empty && !is_absent(&error) {
            (self.sink)(&Notice::Unreadable(error));
        }
    }
}

impl Slot {
    /// Reads one of the files where it is.
    fn read<T>(&self, path: &Path, read: impl Fn(&Path) -> Result<T, Error>) -> Result<T, Error> {
        if self.staged { publish::read(path, read) } else { read(path) }
    }

    /// Whether another file has taken the place of the one that was opened.
    fn is_replaced(&self, staged: bool) -> bool {
        let Some(Some(stored)) = self.stored.get() else { return false };
        let new = if staged { publish::staged(&self.binary) } else { None };
        !stored.is_at(new.as_deref().unwrap_or(&self.binary))
    }

    /// The binary index; the error that opening gave is told once, then `ENOENT`.
    fn stored(&self) -> Result<&BlockFile, Error> {
        let mut failure = None;
        let stored = self.stored.get_or_init(|| {
            self.read(&self.binary, BlockFile::open).map_err(|error| failure = Some(error)).ok()
        });
        match (stored, failure) {
            (Some(stored), _) => Ok(stored),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::new(self.binary.clone(), io::Error::from_raw_os_error(libc::ENOENT))),
        }
    }
}

fn is_absent(error: &Error) -> bool {
    matches!(error.cause, Cause::Io(_)) && matches!(error.errno(), libc::ENOENT | libc::ENOTDIR)
}

/// A key and its value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The bytes of the binary index that depmod would make of `text`, up to the numbers of
/// priorities, whose order is that of the lines.
///
/// Errors: the index outgrows its format.
pub fn index_of_text(kind: Kind, text: &[u8]) -> Result<Vec<u8>, FormatError> {
    let entries: Vec<Pair<'_>> = match kind {
        Kind::Dep => text::deps(text).map(|dep| (name::from_path(dep.path), dep.line().into())).collect(),
        Kind::Alias => text::entries(text, "alias")
            .filter_map(|(pattern, module)| Some((name::normalize_alias(pattern).ok()?, module.into())))
            .collect(),
        Kind::Symbol => {
            text::entries(text, "alias").map(|(symbol, module)| (symbol.into(), module.into())).collect()
        }
        Kind::Builtin => text::names(text).map(|module| (module, Cow::default())).collect(),
        Kind::BuiltinAlias => text::builtin_aliases(text)
            .filter_map(|info| Some((name::normalize_alias(info.value).ok()?, info.module.into())))
            .collect(),
    };
    let flat = matches!(kind, Kind::Builtin | Kind::BuiltinAlias);
    let mut builder = Builder::default();
    for ((key, value), line) in entries.iter().zip(0_u32..) {
        // What an index cannot hold (non-ASCII) is missing from depmod's too.
        let _ = builder.insert(key, value, if flat { 0 } else { line });
    }
    builder.write()
}
