//! The five indexes of a module directory, each read when it is first used.
//!
//! This module owns the choice between a binary index and its text twin: if the `.bin` file is absent, empty, truncated
//! or damaged, which is an error for kmod, the same trie is built in memory from the text, and one notice is sent. It
//! must not interpret values.
//!
//! If a depmod was killed while it was publishing a new set, the complete new set is still used: files that have not been
//! moved yet are read from the staging directory.

use std::cell::{Cell, OnceCell};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Cause, Error, FormatError};
use crate::formats::index::{Index, IndexKind};
use crate::formats::source::Source;
use crate::notice::{Notice, Sink};
use crate::sys::{self, publish};

use bstr::BString;

use super::block_file::BlockFile;
use super::index_of_text::index_of_text;

/// The indexes of a module directory.
pub(super) struct Indexes {
    dir: PathBuf,
    /// The set that was found first, then those that replaced it.
    sets: [OnceCell<Set>; 4],
    /// The position of the set in use.
    set: Cell<usize>,
    /// modules.builtin.modinfo, read when it is first used.
    builtin_info: OnceCell<Vec<u8>>,
    sink: Sink,
}

/// The indexes of one set. If depmod replaces files while they are being opened, they may be of different sets.
#[derive(Default)]
struct Set {
    /// Whether some of its files were still staged.
    staged: bool,
    /// By [`IndexKind`], each created when it is first used.
    slots: [OnceCell<Slot>; 5],
}

struct Slot {
    /// The path of the binary index once it is published.
    binary: PathBuf,
    text: PathBuf,
    staged: bool,
    /// The binary index; `None` when it cannot be read.
    stored: OnceCell<Option<BlockFile>>,
    /// The index that was built from the text because the binary one could not be used; `None` if the text could not be
    /// used either.
    rebuilt: OnceCell<Option<Vec<u8>>>,
}

impl Indexes {
    pub(super) fn new(dir: &Path, staged: bool, sink: &Sink) -> Self {
        let indexes = Self {
            dir: dir.to_path_buf(),
            sets: Default::default(),
            set: Cell::new(0),
            builtin_info: OnceCell::new(),
            sink: sink.clone(),
        };
        indexes.sets[0].get_or_init(|| Set { staged, ..Set::default() });
        indexes
    }

    fn set(&self) -> &Set {
        self.sets[self.set.get()].get_or_init(Set::default)
    }

    fn slot(&self, kind: IndexKind) -> &Slot {
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

    /// Switches to the current files; `false` if they are the ones that are already open. To be called when results
    /// contradict each other: a depmod may have published a new set after one file was opened and before another.
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

    /// Returns the first value stored under exactly `key`.
    pub(super) fn get(&self, kind: IndexKind, key: &[u8]) -> Option<&[u8]> {
        self.query(kind, |index| index.get(key)).flatten()
    }

    /// Returns the values of all patterns that match `key`, by priority.
    pub(super) fn matches(&self, kind: IndexKind, key: &[u8]) -> Vec<BString> {
        let found = self.query(kind, |index| index.search(key)).unwrap_or_default();
        found.into_iter().map(|found| found.value.into()).collect()
    }

    /// Returns the contents of modules.builtin.modinfo; empty if the file does not exist.
    pub(super) fn builtin_info(&self) -> &[u8] {
        self.builtin_info.get_or_init(|| read_builtin_modinfo(&self.dir, &self.sink).unwrap_or_default())
    }

    /// Calls `visit` with each key and value. If the index turns out to be damaged midway, the text
    /// continues after the entries already visited: both have the same order.
    pub(super) fn visit(&self, kind: IndexKind, visit: &mut dyn FnMut(&[u8], &[u8])) {
        let mut visited = 0_usize;
        self.query(kind, |index| {
            let (before, mut entries) = (visited, 0);
            let outcome = index.dump(|key, found| {
                entries += 1;
                if entries > before {
                    visit(key, found.value);
                }
            });
            visited = visited.max(entries);
            outcome
        });
    }

    /// Whether the binary index has failed and the text is used instead, if there is one.
    pub(super) fn is_rebuilt(&self, kind: IndexKind) -> bool {
        self.slot(kind).rebuilt.get().is_some()
    }

    /// Whether there is a usable index, as far as is known.
    pub(super) fn has(&self, kind: IndexKind) -> bool {
        !matches!(self.slot(kind).rebuilt.get(), Some(None))
    }

    /// Uses the text from now on, for this reason; `false` if it is already used.
    pub(super) fn give_up(&self, kind: IndexKind, reason: impl FnOnce() -> FormatError) -> bool {
        let slot = self.slot(kind);
        let is_first = slot.rebuilt.get().is_none();
        if is_first {
            let error = Error::new(slot.binary.clone(), reason());
            slot.rebuilt.get_or_init(|| self.rebuild(kind, error));
        }
        is_first
    }

    /// Whether the text contains exactly this key; `None` if there is no readable text.
    pub(super) fn in_text(&self, kind: IndexKind, key: &[u8]) -> Option<bool> {
        let slot = self.slot(kind);
        let text = slot.read(&slot.text, sys::file::read).ok()?;
        let index = index_of_text(kind, &text).ok()?;
        Some(Index::parse(&index).ok()?.get(key).ok()?.is_some())
    }

    /// Runs a query on the binary index, or on the rebuilt one if the binary one cannot be used.
    fn query<'s, T>(
        &'s self,
        kind: IndexKind,
        mut query: impl FnMut(&Index<'s>) -> Result<T, FormatError>,
    ) -> Option<T> {
        let slot = self.slot(kind);
        let mut over = |stored: &'s BlockFile| query(&Index::over(stored)?);
        if slot.rebuilt.get().is_none() {
            match slot.stored().and_then(|stored| over(stored).map_err(Error::at(&slot.binary))) {
                Ok(found) => return Some(found),
                Err(error) => {
                    slot.rebuilt.get_or_init(|| self.rebuild(kind, error));
                }
            }
        }
        let rebuilt = Index::parse(slot.rebuilt.get()?.as_deref()?);
        rebuilt.and_then(|index| query(&index)).ok()
    }

    /// Builds the index from its text. `error` is the reason why the binary index cannot be used.
    fn rebuild(&self, kind: IndexKind, error: Error) -> Option<Vec<u8>> {
        let slot = self.slot(kind);
        let text = match sys::file::unless_absent(slot.read(&slot.text, sys::file::read)) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.report_unusable(slot, error);
                return None;
            }
            Err(unreadable) => {
                self.sink.send(&Notice::Unreadable(error));
                self.sink.send(&Notice::Unreadable(unreadable));
                return None;
            }
        };
        // Older versions of depmod did not write this index, so its absence must not cause a warning at
        // each boot.
        if kind != IndexKind::BuiltinAlias || !is_absent(&error) {
            self.sink.send(&Notice::IndexUnusable { error, instead: slot.text.clone() });
        }
        index_of_text(kind, &text)
            .map_err(|error| {
                self.sink.send(&Notice::Unreadable(Error::new(slot.text.clone(), error)));
            })
            .ok()
    }

    /// Reports that neither index nor text can be used, except for files that depmod itself omits or writes
    /// empty.
    fn report_unusable(&self, slot: &Slot, error: Error) {
        let empty =
            slot.stored.get().is_some_and(|stored| stored.as_ref().is_some_and(|stored| stored.size() == 0));
        if !empty && !is_absent(&error) {
            self.sink.send(&Notice::Unreadable(error));
        }
    }
}

impl Slot {
    /// Reads one of the files, staged or published.
    fn read<T>(&self, path: &Path, read: impl Fn(&Path) -> Result<T, Error>) -> Result<T, Error> {
        if self.staged { publish::read(path, read) } else { read(path) }
    }

    /// Whether the file that was opened has been replaced since.
    fn is_replaced(&self, staged: bool) -> bool {
        let Some(Some(stored)) = self.stored.get() else { return false };
        let new = if staged { publish::staged(&self.binary) } else { None };
        !stored.is_at(new.as_deref().unwrap_or(&self.binary))
    }

    /// Returns the binary index. If it cannot be opened, the error is returned once, and `ENOENT`
    /// afterwards.
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

/// Reads modules.builtin.modinfo; `None` if the file does not exist.
pub(super) fn read_builtin_modinfo(dir: &Path, sink: &Sink) -> Option<Vec<u8>> {
    sys::file::read_if_exists(&dir.join("modules.builtin.modinfo")).unwrap_or_else(|error| {
        sink.send(&Notice::Unreadable(error));
        Some(Vec::new())
    })
}

fn is_absent(error: &Error) -> bool {
    matches!(error.cause, Cause::Io(_)) && matches!(error.errno(), libc::ENOENT | libc::ENOTDIR)
}
