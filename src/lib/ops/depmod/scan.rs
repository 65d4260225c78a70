//! Finding the module files, and choosing one of several with the same name.
//!
//! Contract: depmod.d(5). As with kmod, the result may depend on the order in which the file system lists a directory:
//! of several files that no `search` line distinguishes, the first one is kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::error::Result;
use crate::formats::config::depmod::{DepmodConfig, KernelPattern, SearchPlace};
use crate::name;
use crate::notice::{DepmodNotice, Sink};
use crate::sys::regex;
use crate::sys::tree::{TreeEntry, TreeWalk};

use super::notify;

/// A module file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundModule {
    /// The normalised module name.
    pub name: BString,
    /// The absolute path.
    pub path: PathBuf,
}

/// Directories of the kernel's build tree that a module directory links to.
pub const BUILD_LINKS: [&str; 2] = ["build", "source"];

/// Finds the modules below `dir` and below the external directories of `config` for `release`.
///
/// Errors: `dir` cannot be listed. Anything else that cannot be read is reported to `sink` and skipped.
pub(super) fn scan(
    dir: &Path,
    release: &[u8],
    config: &DepmodConfig,
    sink: &Sink,
) -> Result<Vec<FoundModule>> {
    let rules = Rules::new(dir, release, config);
    let mut chosen = Chosen { rules: &rules, by_name: BTreeMap::new() };
    let skip = |name: &OsString, is_dir: bool| {
        (is_dir && BUILD_LINKS.iter().any(|link| name == link))
            || config.excludes.iter().any(|exclude| exclude.name == name.as_bytes())
    };
    chosen.walk(TreeWalk::new(dir, &skip)?, sink)?;
    for external in &rules.externals {
        match TreeWalk::new(external, &skip) {
            Ok(walk) => chosen.walk(walk, sink)?,
            Err(error) if error.is_shortage() => return Err(error),
            Err(error) => notify(sink, DepmodNotice::DirectoryUnreadable(error)),
        }
    }
    Ok(chosen.by_name.into_iter().map(|(name, path)| FoundModule { name, path }).collect())
}

/// Returns the module that a file given by the user provides.
pub fn module_file(path: &Path) -> FoundModule {
    FoundModule { name: name::from_path(path.as_os_str().as_bytes()).into_owned().into(), path: path.into() }
}

struct Chosen<'a> {
    rules: &'a Rules,
    by_name: BTreeMap<BString, PathBuf>,
}

impl Chosen<'_> {
    /// Errors: too little memory or too many open files, so that modules would be missing.
    fn walk(&mut self, walk: TreeWalk<'_>, sink: &Sink) -> Result<()> {
        for found in walk {
            match found {
                TreeEntry::File(path) => self.offer(path),
                TreeEntry::Other(path, mode) => {
                    notify(sink, DepmodNotice::UnsupportedFileType { path, mode });
                }
                TreeEntry::Error(error) if error.is_shortage() => return Err(error),
                TreeEntry::Error(error) => notify(sink, DepmodNotice::EntryUnreadable(error)),
            }
        }
        Ok(())
    }

    fn offer(&mut self, path: PathBuf) {
        let file_name = path.file_name().unwrap_or_default().as_bytes();
        if name::module_file_stem(file_name).is_none_or(<[u8]>::is_empty) {
            return;
        }
        match self.by_name.entry(name::from_path(file_name).into_owned().into()) {
            Entry::Vacant(vacant) => {
                vacant.insert(path);
            }
            Entry::Occupied(mut occupied) => {
                if self.rules.prefers(&path, occupied.get()) {
                    occupied.insert(path);
                }
            }
        }
    }
}

/// The depmod.d configuration for one module directory and one release.
#[derive(Debug)]
struct Rules {
    /// Paths without suffix that always take precedence; the latest line comes first.
    overrides: Vec<Vec<u8>>,
    /// Lowest priority first.
    search: Vec<Place>,
    externals: Vec<PathBuf>,
}

#[derive(Debug)]
enum Place {
    BuiltIn,
    /// Files below this directory, which ends in a slash.
    Below(Vec<u8>),
}

impl Rules {
    fn new(dir: &Path, release: &[u8], config: &DepmodConfig) -> Self {
        let applies = |pattern: &KernelPattern| match pattern {
            KernelPattern::Any => true,
            KernelPattern::Expression(expression) => regex::matches(expression, release).unwrap_or(false),
        };
        let externals: Vec<PathBuf> = config
            .externals
            .iter()
            .filter(|external| applies(&external.kernel))
            .map(|external| PathBuf::from(OsStr::from_bytes(&external.dir)))
            .collect();
        let overrides = config.overrides.iter().rev().filter(|line| applies(&line.kernel));
        let below = |path: &[u8]| Place::Below([path, b"/"].concat());
        let in_dir = |word: &[u8]| join(dir, &[word]);
        let mut search = Vec::new();
        for entry in config.search.iter().rev() {
            match &entry.place {
                SearchPlace::BuiltIn => search.push(Place::BuiltIn),
                SearchPlace::Dir(word) => search.push(below(&in_dir(word))),
                SearchPlace::External => {
                    search.extend(externals.iter().rev().map(|path| below(path.as_os_str().as_bytes())));
                }
            }
        }
        if config.search.is_empty() {
            search.push(below(&in_dir(b"updates")));
        }
        Self {
            overrides: overrides.map(|line| join(dir, &[&line.subdir, &line.module])).collect(),
            search,
            externals,
        }
    }

    /// Whether `new` replaces `old`.
    fn prefers(&self, new: &Path, old: &Path) -> bool {
        let (new, old) =
            (name::path_stem(new.as_os_str().as_bytes()), name::path_stem(old.as_os_str().as_bytes()));
        for path in &self.overrides {
            if path == new {
                return true;
            }
            if path == old {
                return false;
            }
        }
        let (mut new_rank, mut old_rank, mut built_in) = (None, None, None);
        for (rank, place) in self.search.iter().enumerate() {
            match place {
                Place::BuiltIn => built_in = Some(rank),
                Place::Below(dir) if new.starts_with(dir) => new_rank = Some(rank),
                // Not reached if both are below this directory: then the new one wins.
                Place::Below(dir) if old.starts_with(dir) => old_rank = Some(rank),
                Place::Below(_) => {}
            }
        }
        new_rank.or(built_in) > old_rank.or(built_in)
    }
}

/// Returns `dir/part/part`, byte for byte: a trailing slash in a part is kept and does not match anything.
fn join(dir: &Path, parts: &[&[u8]]) -> Vec<u8> {
    let mut path = dir.as_os_str().to_owned().into_vec();
    for part in parts {
        path.push(b'/');
        path.extend_from_slice(part.as_bytes());
    }
    path
}
