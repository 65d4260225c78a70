//! Where firmware is: the directories that the kernel searches, in its order, or a list of files that others made.
//!
//! Contract: the kernel's firmware loader. It tries the name itself everywhere, then with `.zst`, then with `.xz`; in the
//! directory that its parameter names, in updates/RELEASE, updates, RELEASE and at the top of the firmware directory. What
//! cannot be read, such as an empty file, does not keep it from looking in the next directory; but in the last one it
//! ends the search, whatever there is with a suffix.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::FIRMWARE;
use super::gather::{Gathered, gather};
use crate::context::absolute;
use crate::error::{Error, FormatError, Result};
use crate::formats::firmware::whence::Whence;
use crate::formats::firmware::{Catalogue, Chased, Dead, Node, Steps, name};
use crate::sys::{file, sysfs};

/// What is done where more than one thing could be meant.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing is made.
    Error,
    /// It is told, and the first is taken.
    #[default]
    Warn,
    /// The first is taken.
    First,
}

/// More than one thing that could be meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// Files for a name: the one taken, and the others.
    Files {
        /// The name, or the path in the image.
        name: BString,
        /// What is taken.
        taken: BString,
        /// What could be meant as well.
        others: Vec<BString>,
    },
    /// Targets of a link.
    Targets {
        /// The link.
        name: BString,
        /// Where it leads.
        taken: BString,
        /// Where WHENCE has it lead.
        other: BString,
    },
}

/// A file for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path in that directory that was tried.
    pub path: BString,
    /// The way to it.
    pub way: Chased,
    /// The directory of the search, by number.
    pub root: usize,
}

/// A directory with what is in it.
#[derive(Debug, Default)]
struct Root {
    /// What its paths begin with on the disk; empty where each file has a place of its own.
    dir: PathBuf,
    /// The same without links.
    real: PathBuf,
    catalogue: Catalogue,
}

/// The directories in which firmware is looked for.
#[derive(Debug, Default)]
pub struct Search {
    roots: Vec<Root>,
    /// Which directory of which root comes first.
    order: Vec<(usize, BString)>,
    /// A directory counts only where those before it have nothing, whatever the suffix.
    in_turn: bool,
    /// The root whose paths are only endings of others: the name of a link of WHENCE is more certain.
    uncertain: Option<usize>,
}

/// A place to look for a name.
#[derive(Clone, Copy)]
struct Attempt<'s> {
    root: usize,
    start: &'s BString,
    suffix: &'static str,
    /// Whether links that are only said to be there count more than what is.
    said_first: bool,
    /// Whether the kernel looks nowhere else for the name with this suffix.
    is_last: bool,
}

impl<'s> Attempt<'s> {
    fn new((root, start): &'s (usize, BString), suffix: &'static str) -> Self {
        Self { root: *root, start, suffix, said_first: false, is_last: false }
    }
}

type Answer<T> = std::result::Result<T, Dead>;

/// The only name of a parameter of the kernel's firmware loader.
const PARAMETER: &str = "parameters/path";

/// The directory that the running kernel searches before all others, if its parameter names one.
pub fn kernel_path() -> Option<PathBuf> {
    let text = sysfs::attribute(b"firmware_class", PARAMETER).ok()?;
    let path = text.trim_ascii();
    (!path.is_empty()).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

impl Search {
    /// The firmware directory below `root`, as a kernel of this `release` searches it; before it `first`.
    ///
    /// Errors: a directory that is there cannot be listed.
    pub fn system(root: &Path, release: &[u8], first: Option<&Path>) -> Result<Self> {
        let mut search = Self::default();
        if let Some(first) = first {
            search.add_if_there(root, first)?;
        }
        let dir = root.join(FIRMWARE.trim_start_matches('/'));
        let root = search.add_if_there(root, &dir)?;
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

    /// Exactly these directories, each once; absolute links in them lead below `root`.
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

    fn add_if_there(&mut self, root: &Path, dir: &Path) -> Result<usize> {
        let gathered = file::unless_absent(read(root, dir))?;
        Ok(match gathered {
            Some(gathered) => self.add(gathered),
            None => self.push(Root { dir: dir.into(), real: dir.into(), ..Root::default() }),
        })
    }

    fn add(&mut self, gathered: Gathered) -> usize {
        let Gathered { dir, real, catalogue } = gathered;
        self.push(Root { dir, real, catalogue })
    }

    /// The files of a list, a path a line, wherever they are. A name stands for a path that ends in it: first of all for
    /// that below the directory that all of them are in, then for the shortest.
    ///
    /// Errors: malformed for a line that is too long for a path.
    pub fn listed(list: &[u8]) -> std::result::Result<Self, FormatError> {
        if let Some((_, number)) = list.lines().zip(1..).find(|(line, _)| line.len() >= name::MAX_LENGTH) {
            return Err(FormatError::malformed(format!("line {number} is too long for a path")));
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
        let mut search = Self { in_turn: true, ..Self::default() };
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

    /// Adds the links of WHENCE to what is there. The answer is those that lead elsewhere than what is there.
    pub fn add_links(&mut self, whence: &Whence) -> Vec<Ambiguity> {
        let (mut ambiguities, mut told) = (Vec::new(), BTreeSet::new());
        for link in &whence.links {
            let Some(name) = name::tidy(&link.name) else { continue };
            for root in &mut self.roots {
                if let Some(taken) = root.catalogue.say(name.clone(), link.target.clone()) {
                    let other = link.target.clone();
                    let ambiguity = Ambiguity::Targets { name: name.clone(), taken, other };
                    if told.insert(ambiguity.clone()) {
                        ambiguities.push(ambiguity);
                    }
                }
            }
        }
        ambiguities
    }

    /// The files for what a module asks for: for the name itself, or else, if it may be a pattern, for all names that it
    /// stands for.
    ///
    /// Errors: why there is none.
    pub fn find(&self, wanted: &[u8], steps: &mut Steps) -> Answer<Vec<Found>> {
        let Some(tidy) = name::tidy(wanted) else {
            return Err(if wanted.contains_str("..") { Dead::Leaves(wanted.into()) } else { Dead::Absent });
        };
        let missing = match self.exactly(&tidy) {
            Ok(found) => return Ok(vec![found]),
            Err(missing) => missing,
        };
        if !name::is_pattern(&tidy) {
            return Err(missing);
        }
        let mut found: Vec<Found> = Vec::new();
        let mut why = missing;
        for name in self.expand(&tidy, steps)? {
            match self.exactly(&name) {
                Ok(one) => found.push(one),
                Err(Dead::Absent) => {}
                Err(other) => why = other,
            }
        }
        if found.is_empty() { Err(why) } else { Ok(found) }
    }

    /// The names without suffix that a pattern stands for.
    fn expand(&self, pattern: &[u8], steps: &mut Steps) -> Answer<BTreeSet<BString>> {
        let mut names = BTreeSet::new();
        for (root, start) in &self.order {
            if let Some(root) = self.roots.get(*root).filter(|_| !self.in_turn || names.is_empty()) {
                names.extend(root.catalogue.expand(start, pattern, steps)?);
            }
        }
        Ok(names)
    }

    /// The file that a kernel opens for a name.
    fn exactly(&self, wanted: &[u8]) -> Answer<Found> {
        let mut why = Dead::Absent;
        for attempt in self.attempts() {
            let failure = match self.attempt(&attempt, wanted) {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let ends = attempt.is_last && is_error(&failure);
            // What is said first is what is tried first.
            if why == Dead::Absent {
                why = failure;
            }
            if ends {
                break;
            }
        }
        Err(why)
    }

    /// The file for a name at one place.
    fn attempt(&self, attempt: &Attempt<'_>, wanted: &[u8]) -> Answer<Found> {
        let Some(Root { catalogue, .. }) = self.roots.get(attempt.root) else { return Err(Dead::Absent) };
        let path = name::join(attempt.start, &[wanted, attempt.suffix.as_bytes()].concat());
        let way = if attempt.said_first { catalogue.chase_said(&path) } else { catalogue.chase(&path) }?;
        // Of a list no sizes are known.
        match catalogue.node(&way.file).as_deref() {
            Some(Node::File { size: 0, .. }) if !self.in_turn => Err(Dead::Empty(way.file)),
            _ => Ok(Found { path, way, root: attempt.root }),
        }
    }

    /// Where a name is looked for, one after the other.
    fn attempts(&self) -> Vec<Attempt<'_>> {
        let suffixes = name::SUFFIXES;
        if !self.in_turn {
            let last = self.order.len().saturating_sub(1);
            let everywhere = |suffix| {
                let places = self.order.iter().enumerate();
                places.map(move |(at, place)| Attempt { is_last: at == last, ..Attempt::new(place, suffix) })
            };
            return suffixes.into_iter().flat_map(everywhere).collect();
        }
        let in_turn = self.order.iter().flat_map(|place| {
            let plainly = suffixes.map(|suffix| Attempt::new(place, suffix));
            let said = plainly.map(|attempt| Attempt { said_first: true, ..attempt });
            let said = if self.uncertain == Some(place.0) { &said[..] } else { &[] };
            said.iter().copied().chain(plainly).collect::<Vec<_>>()
        });
        in_turn.collect()
    }

    /// What is at a path of a directory of the search.
    pub(super) fn node(&self, root: usize, path: &[u8]) -> Option<Node> {
        self.roots.get(root)?.catalogue.node(path).map(std::borrow::Cow::into_owned)
    }

    /// The links on the disk that lead out of a directory of the search on the way to a path in it.
    pub(super) fn outward(&self, root: usize, path: &[u8]) -> impl Iterator<Item = &(BString, BString)> {
        self.roots.get(root).into_iter().flat_map(move |root| root.catalogue.outward(path))
    }

    /// Whether a path in a directory of the search is a link that leads out of it.
    pub(super) fn leads_out(&self, root: usize, path: &[u8]) -> bool {
        self.roots.get(root).is_some_and(|root| root.catalogue.leads_out(path))
    }

    /// The names by which modules could ask for a path of a directory of the search, of which only one need lead to it.
    pub(super) fn names(&self, root: usize, path: &[u8]) -> Vec<BString> {
        let starts = self.order.iter().filter(|(of, _)| *of == root).map(|(_, start)| start);
        let below = starts.filter_map(|start| {
            let below = path.strip_prefix(start.as_slice())?;
            let below = if start.is_empty() { below } else { below.strip_prefix(b"/")? };
            Some(BString::from(name::plain(below).0))
        });
        below.collect()
    }

    /// Where a path of a directory of the search is on the disk.
    pub fn on_disk(&self, root: usize, path: &[u8]) -> BString {
        let dir = self.roots.get(root).map_or(Path::new(""), |root| &root.dir);
        name::join(dir.as_os_str().as_bytes(), path)
    }

    /// How many files there are, and their bytes.
    pub fn total(&self) -> (u64, u64) {
        let nodes = self.roots.iter().flat_map(|root| root.catalogue.nodes());
        let files = nodes.filter_map(|(_, node)| match node {
            Node::File { source, size, .. } => Some((source, size)),
            Node::Link(_) => None,
        });
        // One may be there by way of two directories.
        let files: BTreeMap<&BString, &u64> = files.collect();
        (files.len() as u64, files.values().copied().sum())
    }

    /// Every file and link that is there, by directory of the search and path.
    pub fn everything(&self) -> impl Iterator<Item = (usize, &BString)> {
        let roots = self.roots.iter().enumerate();
        roots.flat_map(|(at, root)| root.catalogue.nodes().map(move |(path, _)| (at, path)))
    }
}

/// Reads a directory of firmware; links that are absolute lead below `root`.
fn read(root: &Path, dir: &Path) -> Result<Gathered> {
    // Without doubled slashes and the like, which would be in every path.
    let tidy = |path: &Path| path.components().collect::<PathBuf>();
    let whole = |path: &Path| Ok(tidy(Path::new(&absolute(path.as_os_str()).map_err(Error::at(path))?)));
    gather(&whole(root)?, &tidy(dir), &whole(dir)?)
}

/// Whether the kernel takes a failure for one that it does not look any further after, once all directories are done: all
/// but that there is nothing.
fn is_error(failure: &Dead) -> bool {
    matches!(failure, Dead::Empty(_) | Dead::Loop(_) | Dead::Directory(_) | Dead::NoDirectory(_))
}

fn listed_file(line: &[u8], rivals: Vec<BString>) -> Node {
    Node::File { source: line.into(), size: 0, rivals }
}

/// How many parts all paths begin with, less those that are a path's last.
fn common_directory(paths: &[Vec<&[u8]>]) -> usize {
    let Some((first, others)) = paths.split_first() else { return 0 };
    let most = first.len().saturating_sub(1);
    others.iter().fold(most, |common, path| {
        let same = first.iter().zip(path).take_while(|(one, other)| one == other).count();
        common.min(same).min(path.len().saturating_sub(1))
    })
}
