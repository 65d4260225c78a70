//! Searching firmware: in the directories that the kernel searches, in its order, or in a given list of
//! files.
//!
//! Contract: the kernel's firmware loader. It tries the name itself in every directory, then with `.zst`,
//! then with `.xz`. The directories are the one that its parameter names, then updates/RELEASE, updates,
//! RELEASE and the top of the firmware directory. After a file that cannot be read, such as an empty one,
//! the kernel continues with the next directory; but in the last directory such a file ends the search,
//! even if there are files with a suffix.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::FIRMWARE;
use super::gather::{FirmwareDir, gather};
use crate::context::absolute;
use crate::error::{Error, FormatError, Result};
use crate::formats::firmware::whence::Whence;
use crate::formats::firmware::{Catalogue, CatalogueNode, ResolvedFile, Steps, Unavailable, name};
use crate::sys::{file, sysfs};

/// What to do about ambiguities.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum AmbiguityPolicy {
    /// Fail.
    Error,
    /// Report them and use the first candidate.
    #[default]
    Warn,
    /// Use the first candidate.
    First,
}

/// A request that has more than one candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// Several files for a name.
    Files {
        /// The name, or the path in the image.
        name: BString,
        /// The file that is used.
        taken: BString,
        /// The other candidates.
        others: Vec<BString>,
    },
    /// Several targets for a link.
    Targets {
        /// The link.
        name: BString,
        /// The existing target.
        taken: BString,
        /// The target in WHENCE.
        other: BString,
    },
}

/// A file that was found for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// The path, in that directory, that was tried.
    pub path: BString,
    /// The file, and the links that lead to it.
    pub resolved: ResolvedFile,
    /// The position of the directory in the search.
    pub root: usize,
}

/// A directory and its contents.
#[derive(Debug, Default)]
struct Root {
    /// The prefix of its paths on the disk; empty if each file has its own location.
    dir: PathBuf,
    /// The same with all links resolved.
    real: PathBuf,
    catalogue: Catalogue,
}

/// The directories that are searched for firmware.
#[derive(Debug, Default)]
pub struct FirmwareSearch {
    roots: Vec<Root>,
    /// The search order: directories within roots.
    order: Vec<(usize, BString)>,
    /// Whether all suffixes are tried in a directory before the next directory is searched.
    by_directory: bool,
    /// The root whose paths are only the endings of other paths: there, a link from WHENCE is more
    /// reliable.
    uncertain: Option<usize>,
}

/// A place to search for a name.
#[derive(Clone, Copy)]
struct Attempt<'s> {
    root: usize,
    start: &'s BString,
    suffix: &'static str,
    /// Whether links from WHENCE take precedence over existing files.
    declared_first: bool,
    /// Whether this is the last place where the kernel searches for the name with this suffix.
    is_last: bool,
}

impl<'s> Attempt<'s> {
    fn new((root, start): &'s (usize, BString), suffix: &'static str) -> Self {
        Self { root: *root, start, suffix, declared_first: false, is_last: false }
    }
}

type Answer<T> = std::result::Result<T, Unavailable>;

/// The module parameter that contains the directory.
const PARAMETER: &str = "parameters/path";

/// Returns the directory that the running kernel searches before all others, if its parameter is set.
pub fn kernel_path() -> Option<PathBuf> {
    let text = sysfs::attribute(b"firmware_class", PARAMETER).ok()?;
    let path = text.trim_ascii();
    (!path.is_empty()).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

impl FirmwareSearch {
    /// Returns a search of the firmware directory below `root`, as a kernel of this `release` would search
    /// it; `first` is searched before it.
    ///
    /// Errors: an existing directory cannot be listed.
    pub fn system(root: &Path, release: &[u8], first: Option<&Path>) -> Result<Self> {
        let mut search = Self::default();
        if let Some(first) = first {
            search.add_if_present(root, first)?;
        }
        let dir = root.join(FIRMWARE.trim_start_matches('/'));
        let root = search.add_if_present(root, &dir)?;
        search.order.retain(|&(of, _)| of != root);
        let below = |parts: &[&[u8]]| (root, BString::from(bstr::join("/", parts)));
        if !release.is_empty() {
            search.order.push(below(&[b"updates", release]));
        }
        search.order.push(below(&[b"updates"]));
        if !release.is_empty() {
            search.order.push(below(&[release]));
        }
        search.order.push(below(&[]));
        Ok(search)
    }

    /// Returns a search of exactly these directories, each once; absolute links in them are resolved below
    /// `root`.
    ///
    /// Errors: one of them cannot be listed.
    pub fn directories(root: &Path, dirs: &[PathBuf]) -> Result<Self> {
        let mut search = Self::default();
        for dir in dirs {
            let gathered = read(root, dir)?;
            if !search.roots.iter().any(|root| root.real == gathered.real) {
                search.add(gathered);
            }
        }
        Ok(search)
    }

    fn add_if_present(&mut self, root: &Path, dir: &Path) -> Result<usize> {
        let gathered = file::unless_absent(read(root, dir))?;
        Ok(match gathered {
            Some(gathered) => self.add(gathered),
            None => self.push(Root { dir: dir.into(), real: dir.into(), ..Root::default() }),
        })
    }

    fn add(&mut self, gathered: FirmwareDir) -> usize {
        let FirmwareDir { dir, real, catalogue } = gathered;
        self.push(Root { dir, real, catalogue })
    }

    /// Returns a search of the files in a list with one path per line; the files need not exist. A name
    /// stands for a path that ends in it: preferably for the one relative to the directory that all files
    /// have in common, otherwise for the shortest.
    ///
    /// Errors: malformed for a line that is too long for a path.
    pub fn listed(list: &[u8]) -> std::result::Result<Self, FormatError> {
        if let Some((_, number)) = list.lines().zip(1..).find(|(line, _)| line.len() >= name::MAX_LENGTH) {
            return Err(FormatError::malformed(format!("line {number}: path too long")));
        }
        let mut seen = BTreeSet::new();
        let lines: Vec<&[u8]> = list.lines().filter(|line| !line.is_empty() && seen.insert(*line)).collect();
        let parts: Vec<Vec<&[u8]>> = lines.iter().map(|line| name::parts(line).collect()).collect();
        let common = common_directory(&parts);
        let (mut exact, mut endings) = (Catalogue::default(), BTreeMap::<BString, Vec<usize>>::new());
        for (at, parts) in parts.iter().enumerate() {
            for from in 0..parts.len() {
                endings.entry(bstr::join("/", &parts[from..]).into()).or_default().push(at);
            }
            if common < parts.len() {
                exact.insert(bstr::join("/", &parts[common..]).into(), listed_file(lines[at], Vec::new()));
            }
        }
        let mut suffixes = Catalogue::default();
        for (ending, mut places) in endings {
            places.sort_by_key(|&place| parts[place].len());
            let mut lines = places.into_iter().map(|place| lines[place]);
            if let Some(first) = lines.next() {
                suffixes.insert(ending, listed_file(first, lines.map(BString::from).collect()));
            }
        }
        let mut search = Self { by_directory: true, ..Self::default() };
        search.push(Root { catalogue: exact, ..Root::default() });
        let uncertain = search.push(Root { catalogue: suffixes, ..Root::default() });
        Ok(Self { uncertain: Some(uncertain), ..search })
    }

    fn push(&mut self, root: Root) -> usize {
        self.roots.push(root);
        let root = self.roots.len() - 1;
        self.order.push((root, BString::default()));
        root
    }

    /// Adds the links in WHENCE. Returns those that contradict existing links.
    pub fn add_links(&mut self, whence: &Whence) -> Vec<Ambiguity> {
        let (mut ambiguities, mut seen) = (Vec::new(), BTreeSet::new());
        for link in &whence.links {
            let Some(name) = name::tidy(&link.name) else { continue };
            for root in &mut self.roots {
                if let Some(taken) = root.catalogue.declare_link(name.clone(), link.target.clone()) {
                    let other = link.target.clone();
                    let ambiguity = Ambiguity::Targets { name: name.clone(), taken, other };
                    if seen.insert(ambiguity.clone()) {
                        ambiguities.push(ambiguity);
                    }
                }
            }
        }
        ambiguities
    }

    /// Returns the files for a request of a module: the file with that name, or, if there is none and it
    /// may be a pattern, the files for all names that match it.
    ///
    /// Errors: why there is none.
    pub fn find(&self, wanted: &[u8], steps: &mut Steps) -> Answer<Vec<FoundFile>> {
        let Some(tidy) = name::tidy(wanted) else {
            return Err(if wanted.contains_str("..") {
                Unavailable::Leaves(wanted.into())
            } else {
                Unavailable::Absent
            });
        };
        let missing = match self.exact_file(&tidy) {
            Ok(found) => return Ok(vec![found]),
            Err(missing) => missing,
        };
        if !name::is_pattern(&tidy) {
            return Err(missing);
        }
        let mut found: Vec<FoundFile> = Vec::new();
        let mut why = missing;
        for name in self.expand(&tidy, steps)? {
            match self.exact_file(&name) {
                Ok(one) => found.push(one),
                Err(Unavailable::Absent) => {}
                Err(other) => why = other,
            }
        }
        if found.is_empty() { Err(why) } else { Ok(found) }
    }

    /// Returns the names, without suffix, that match a pattern.
    fn expand(&self, pattern: &[u8], steps: &mut Steps) -> Answer<BTreeSet<BString>> {
        let mut names = BTreeSet::new();
        for (root, start) in &self.order {
            if let Some(root) = self.roots.get(*root).filter(|_| !self.by_directory || names.is_empty()) {
                names.extend(root.catalogue.expand(start, pattern, steps)?);
            }
        }
        Ok(names)
    }

    /// Returns the file that the kernel would open for a name.
    fn exact_file(&self, wanted: &[u8]) -> Answer<FoundFile> {
        let mut why = Unavailable::Absent;
        for attempt in self.attempts() {
            let failure = match self.attempt(&attempt, wanted) {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let ends = attempt.is_last && is_error(&failure);
            // The first specific failure is reported.
            if why == Unavailable::Absent {
                why = failure;
            }
            if ends {
                break;
            }
        }
        Err(why)
    }

    /// Returns the file for a name at one place.
    fn attempt(&self, attempt: &Attempt<'_>, wanted: &[u8]) -> Answer<FoundFile> {
        let Some(Root { catalogue, .. }) = self.roots.get(attempt.root) else {
            return Err(Unavailable::Absent);
        };
        let path = name::join(attempt.start, &[wanted, attempt.suffix.as_bytes()].concat());
        let resolved = if attempt.declared_first {
            catalogue.resolve_declared_first(&path)
        } else {
            catalogue.resolve(&path)
        }?;
        // The sizes of files in a list are unknown.
        match catalogue.node(&resolved.file).as_deref() {
            Some(CatalogueNode::File { size: 0, .. }) if !self.by_directory => {
                Err(Unavailable::Empty(resolved.file))
            }
            _ => Ok(FoundFile { path, resolved, root: attempt.root }),
        }
    }

    /// Returns the places to search for a name, in order.
    fn attempts(&self) -> Vec<Attempt<'_>> {
        let suffixes = name::SUFFIXES;
        if !self.by_directory {
            let last = self.order.len().saturating_sub(1);
            let everywhere = |suffix| {
                let places = self.order.iter().enumerate();
                places.map(move |(at, place)| Attempt { is_last: at == last, ..Attempt::new(place, suffix) })
            };
            return suffixes.into_iter().flat_map(everywhere).collect();
        }
        let by_directory = self.order.iter().flat_map(|place| {
            let normal = suffixes.map(|suffix| Attempt::new(place, suffix));
            let declared = normal.map(|attempt| Attempt { declared_first: true, ..attempt });
            let declared = if self.uncertain == Some(place.0) { &declared[..] } else { &[] };
            declared.iter().copied().chain(normal).collect::<Vec<_>>()
        });
        by_directory.collect()
    }

    /// Returns the entry at a path in a directory of the search.
    pub(super) fn node(&self, root: usize, path: &[u8]) -> Option<CatalogueNode> {
        self.roots.get(root)?.catalogue.node(path).map(std::borrow::Cow::into_owned)
    }

    /// Returns the links on the disk that lead out of a directory of the search and are part of a path in it.
    pub(super) fn outward(&self, root: usize, path: &[u8]) -> impl Iterator<Item = &(BString, BString)> {
        self.roots.get(root).into_iter().flat_map(move |root| root.catalogue.outward(path))
    }

    /// Whether a path in a directory of the search is a link that leads out of it.
    pub(super) fn leads_out(&self, root: usize, path: &[u8]) -> bool {
        self.roots.get(root).is_some_and(|root| root.catalogue.leads_out(path))
    }

    /// Returns the names by which modules could request a path in a directory of the search, if the search does not
    /// find another file first.
    pub(super) fn names(&self, root: usize, path: &[u8]) -> Vec<BString> {
        let starts = self.order.iter().filter(|(of, _)| *of == root).map(|(_, start)| start);
        let below = starts.filter_map(|start| {
            let below = path.strip_prefix(start.as_slice())?;
            let below = if start.is_empty() { below } else { below.strip_prefix(b"/")? };
            Some(BString::from(name::plain(below).0))
        });
        below.collect()
    }

    /// Returns the path on the disk for a path in a directory of the search.
    pub fn on_disk(&self, root: usize, path: &[u8]) -> BString {
        let dir = self.roots.get(root).map_or(Path::new(""), |root| &root.dir);
        name::join(dir.as_os_str().as_bytes(), path)
    }

    /// Returns the number of files and their total size in bytes.
    pub fn total(&self) -> (u64, u64) {
        let nodes = self.roots.iter().flat_map(|root| root.catalogue.nodes());
        let files = nodes.filter_map(|(_, node)| match node {
            CatalogueNode::File { source, size, .. } => Some((source, size)),
            CatalogueNode::Link(_) => None,
        });
        // A file may be reachable through two directories.
        let files: BTreeMap<&BString, &u64> = files.collect();
        (files.len() as u64, files.values().copied().sum())
    }

    /// Returns every file and link, with the position of its directory and its path.
    pub fn everything(&self) -> impl Iterator<Item = (usize, &BString)> {
        let roots = self.roots.iter().enumerate();
        roots.flat_map(|(at, root)| root.catalogue.nodes().map(move |(path, _)| (at, path)))
    }
}

/// Reads a firmware directory; absolute links are resolved below `root`.
fn read(root: &Path, dir: &Path) -> Result<FirmwareDir> {
    // Removes repeated slashes and the like, which would otherwise be part of every path.
    let tidy = |path: &Path| path.components().collect::<PathBuf>();
    let whole = |path: &Path| Ok(tidy(Path::new(&absolute(path.as_os_str()).map_err(Error::at(path))?)));
    gather(&whole(root)?, &tidy(dir), &whole(dir)?)
}

/// Whether the kernel stops searching after this failure in the last directory: any failure except that the
/// file does not exist.
fn is_error(failure: &Unavailable) -> bool {
    matches!(
        failure,
        Unavailable::Empty(_)
            | Unavailable::Loop(_)
            | Unavailable::Directory(_)
            | Unavailable::NoDirectory(_)
    )
}

fn listed_file(line: &[u8], alternatives: Vec<BString>) -> CatalogueNode {
    CatalogueNode::File { source: line.into(), size: 0, alternatives }
}

/// Returns the number of leading components that all paths share, not counting file names.
fn common_directory(paths: &[Vec<&[u8]>]) -> usize {
    let Some((first, others)) = paths.split_first() else { return 0 };
    let most = first.len().saturating_sub(1);
    others.iter().fold(most, |common, path| {
        let same = first.iter().zip(path).take_while(|(one, other)| one == other).count();
        common.min(same).min(path.len().saturating_sub(1))
    })
}
