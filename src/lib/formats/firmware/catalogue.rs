//! What a firmware directory holds: files and links by their paths, and the way from a name to the file it leads to.
//!
//! Nothing here looks at the disk: what links lead to outside of the directory is for others to find out and to put in
//! their places by [`Catalogue::lead`]; a link of which nobody has said it leads nowhere. No more than forty are followed
//! for a name. WHENCE may add links to those that are there; in a directory of compressed files they lead from one suffix
//! to the same. Must not know what files hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bstr::{BString, ByteSlice};

use super::name;
use crate::path_walk::{self, Entry, Tree};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file.
    File {
        /// Where its bytes are.
        source: BString,
        /// How many there are, as far as is known.
        size: u64,
        /// What else there is that could be meant, where that is not certain.
        rivals: Vec<BString>,
    },
    /// A symbolic link.
    Link(BString),
}

/// The paths of a firmware directory, relative to it. Directories are there when something is in them.
#[derive(Debug, Default, Clone)]
pub struct Catalogue {
    nodes: BTreeMap<BString, Node>,
    /// Links that somebody says should be there, by names without suffix.
    said: BTreeMap<BString, BString>,
    /// The links that lead out, each with those that follow it outside: paths on the disk and targets. What they lead to
    /// is among the nodes as if it were there.
    outward: BTreeMap<BString, Vec<(BString, BString)>>,
}

/// How many parts of paths may still be looked at for patterns: a machine's modules take a few thousand. One budget is for
/// all the patterns of a job, however many there are.
#[derive(Debug)]
pub struct Steps(usize);

impl Default for Steps {
    fn default() -> Self {
        Self(1 << 20)
    }
}

impl Steps {
    /// Takes some.
    ///
    /// Errors: there are too few left, and none from then on.
    fn take(&mut self, steps: usize) -> Result<(), Dead> {
        let left = self.0.checked_sub(steps);
        self.0 = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Dead::TooMany)
    }
}

/// The way to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chased {
    /// The links on it in their order: path and target as it is written.
    pub links: Vec<(BString, BString)>,
    /// The file's own path.
    pub file: BString,
}

/// Why a name leads to no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dead {
    /// There is nothing.
    Absent,
    /// This link, or the name itself, leads out of the directory.
    Leaves(BString),
    /// This link leads to itself, or there are more than forty.
    Loop(BString),
    /// This is a directory and should be a file.
    Directory(BString),
    /// This is a file and should be a directory.
    NoDirectory(BString),
    /// This file is empty, from which the kernel reads nothing.
    Empty(BString),
    /// The patterns stand for too many names.
    TooMany,
}

type Way = (Vec<(BString, BString)>, BString);

impl Catalogue {
    /// Adds what is at a path. The last word counts.
    pub fn insert(&mut self, path: BString, node: Node) {
        self.nodes.insert(path, node);
    }

    /// Adds a link that is only said to be there. Where there is something else, that counts; the answer is what the
    /// link is known to lead to already, if that is another target.
    pub fn say(&mut self, path: BString, target: BString) -> Option<BString> {
        let other = match self.nodes.get(&path) {
            _ if has_below(&self.nodes, &path) => return None,
            Some(Node::File { .. }) => {
                self.said.entry(path).or_insert(target);
                return None;
            }
            Some(Node::Link(there)) => Some(there),
            None => self.said.get(&path),
        };
        if let Some(other) = other {
            return (*other != target).then(|| other.clone());
        }
        self.said.insert(path, target);
        None
    }

    /// The links that lead out of the directory, and of which it is not known where to.
    pub fn leaving(&self) -> Vec<BString> {
        let links = self.nodes.iter().filter(|(_, node)| matches!(node, Node::Link(_))).map(|(path, _)| path);
        let leaves = |link: &&BString| matches!(self.real(link), Err(Dead::Leaves(at)) if at == **link);
        links.filter(leaves).cloned().collect()
    }

    /// Puts what a link leads to in its place: a file, or another link; nothing if it is a directory, whose contents are
    /// to be added, or if there is nothing. `links` are those on the way there, the first one itself, as they are on the
    /// disk.
    pub fn lead(&mut self, link: BString, links: Vec<(BString, BString)>, to: Option<Node>) {
        self.nodes.remove(&link);
        self.nodes.extend(to.map(|node| (link.clone(), node)));
        self.outward.insert(link, links);
    }

    /// Whether a path was put there by [`Catalogue::lead`].
    pub fn leads_out(&self, path: &[u8]) -> bool {
        self.outward.contains_key(path.as_bstr())
    }

    /// The links on the disk that lead out of the directory on the way to a path without other links.
    pub fn outward(&self, path: &[u8]) -> impl Iterator<Item = &(BString, BString)> {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let heads =
            slashes.chain([path.len()]).filter_map(|end| self.outward.get(path.get(..end)?.as_bstr()));
        heads.flatten()
    }

    /// What is there, by path.
    pub fn nodes(&self) -> impl Iterator<Item = (&BString, &Node)> {
        self.nodes.iter()
    }

    /// What is at just this path.
    pub fn node(&self, path: &[u8]) -> Option<Cow<'_, Node>> {
        let node = self.nodes.get(path.as_bstr()).map(Cow::Borrowed);
        node.or_else(|| self.said_node(path))
    }

    /// The link that is said to be at just this path.
    fn said_node(&self, path: &[u8]) -> Option<Cow<'_, Node>> {
        let link = |plain: &[u8], suffix: &str| {
            let target = self.said.get(plain.as_bstr())?;
            Some(Cow::Owned(Node::Link([target.as_slice(), suffix.as_bytes()].concat().into())))
        };
        let (plain, suffix) = name::plain(path);
        link(path, "").or_else(|| if suffix.is_empty() { None } else { link(plain, suffix) })
    }

    /// The way from a path to the file that it leads to.
    ///
    /// Errors: why it leads to none.
    pub fn chase(&self, path: &[u8]) -> Result<Chased, Dead> {
        self.chase_by(path, |path| self.node(path))
    }

    /// The same with links that are only said to be there before what is there: for paths that are no certain ones.
    ///
    /// Errors: why it leads to none.
    pub fn chase_said(&self, path: &[u8]) -> Result<Chased, Dead> {
        self.chase_by(path, |path| self.said_node(path).or_else(|| self.node(path)))
    }

    /// Where a path itself is once the links to its directory are followed; `None` where there is none.
    pub fn locate(&self, path: &[u8]) -> Option<BString> {
        let (dir, last) = path.rsplit_once_str("/").unwrap_or((b"", path));
        let (_, dir) = self.real(dir).ok()?;
        Some(name::join(&dir, last))
    }

    fn chase_by<'c>(
        &'c self,
        path: &[u8],
        node: impl Fn(&[u8]) -> Option<Cow<'c, Node>>,
    ) -> Result<Chased, Dead> {
        let (links, end) = self.walk(path, node)?;
        match self.nodes.get(&end) {
            Some(Node::File { .. }) => Ok(Chased { links, file: end }),
            _ => Err(Dead::Directory(end)),
        }
    }

    /// The way to what is no link, which is there.
    fn real(&self, path: &[u8]) -> Result<Way, Dead> {
        self.walk(path, |path| self.node(path))
    }

    /// Goes along a path and all links on it, to what is no link.
    fn walk<'c>(&'c self, path: &[u8], node: impl Fn(&[u8]) -> Option<Cow<'c, Node>>) -> Result<Way, Dead> {
        let mut inside = Inside { catalogue: self, path, node, here: BString::default(), links: Vec::new() };
        path_walk::walk(&mut inside, path)?;
        Ok((inside.links, inside.here))
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        has_below(&self.nodes, path) || has_below(&self.said, path)
    }

    /// The names without suffix below the directory `start` that a pattern stands for, relative to it and sorted. Whether
    /// they lead to files is not looked at.
    ///
    /// Errors: too many.
    pub fn expand(&self, start: &[u8], pattern: &[u8], steps: &mut Steps) -> Result<BTreeSet<BString>, Dead> {
        let parts: Vec<&[u8]> = name::parts(pattern).collect();
        let mut found = BTreeSet::from([BString::default()]);
        for (at, part) in parts.iter().enumerate() {
            if !name::is_pattern(part) {
                found = found.iter().map(|directory| name::join(directory, part)).collect();
                continue;
            }
            let mut longer = BTreeSet::new();
            for directory in &found {
                let children = self.children(&name::join(start, directory));
                steps.take(children.len() + at + 1)?;
                for child in children {
                    let child = if at + 1 == parts.len() { name::plain(&child).0 } else { &child[..] };
                    if name::part_matches(part, child) {
                        longer.insert(name::join(directory, child));
                    }
                }
            }
            found = longer;
        }
        Ok(found)
    }

    /// The names in a directory, or in one that a link leads to.
    fn children(&self, directory: &[u8]) -> BTreeSet<BString> {
        let Ok((_, directory)) = self.real(directory) else { return BTreeSet::new() };
        let mut inside = directory;
        if !inside.is_empty() {
            inside.push(b'/');
        }
        let mut names = children_in(&self.nodes, &inside);
        names.extend(children_in(&self.said, &inside));
        names
    }
}

/// A position in a catalogue, with the links on the way there, each once.
struct Inside<'c, 'p, F> {
    catalogue: &'c Catalogue,
    /// The path of the walk.
    path: &'p [u8],
    node: F,
    here: BString,
    links: Vec<(BString, BString)>,
}

impl<'c, F: Fn(&[u8]) -> Option<Cow<'c, Node>>> Tree for Inside<'c, '_, F> {
    /// Its number among the links.
    type Link = usize;
    type Error = Dead;

    fn up(&mut self, of: Option<&usize>) -> Result<(), Dead> {
        let outward = &self.catalogue.outward;
        let link = of.and_then(|&of| self.links.get(of));
        // What is above a directory elsewhere is there too, for all links but those that were put here.
        let put_here = link.is_some_and(|(link, _)| outward.contains_key(link));
        if self.here.is_empty() || (outward.contains_key(&self.here) && !put_here) {
            return Err(Dead::Leaves(link.map_or_else(|| self.path.into(), |(link, _)| link.clone())));
        }
        let end = self.here.rfind_byte(b'/').unwrap_or(0);
        self.here.truncate(end);
        Ok(())
    }

    fn down(&mut self, part: &[u8], _: Option<&usize>, is_last: bool) -> Result<Entry<usize>, Dead> {
        let next = name::join(&self.here, part);
        match (self.node)(&next).as_deref() {
            Some(Node::Link(target)) if target.starts_with(b"/") => return Err(Dead::Leaves(next)),
            Some(Node::Link(target)) => {
                let link = (next, target.clone());
                let at = self.links.iter().position(|known| *known == link).unwrap_or_else(|| {
                    self.links.push(link);
                    self.links.len() - 1
                });
                return Ok(Entry::Link(at, target.to_vec()));
            }
            Some(Node::File { .. }) if is_last => self.here = next,
            // Of a list, an ending may be both.
            _ if self.catalogue.is_directory(&next) => self.here = next,
            Some(Node::File { .. }) => return Err(Dead::NoDirectory(next)),
            None => return Err(Dead::Absent),
        }
        Ok(Entry::Plain)
    }

    fn too_many_links(&self, &link: &usize) -> Dead {
        Dead::Loop(self.links.get(link).map(|(path, _)| path.clone()).unwrap_or_default())
    }
}

/// Whether there is a path in this directory.
fn has_below<T>(paths: &BTreeMap<BString, T>, directory: &[u8]) -> bool {
    let inside = BString::from([directory, b"/"].concat());
    paths.range::<BString, _>(&inside..).next().is_some_and(|(path, _)| path.starts_with(&inside))
}

/// The parts that follow `inside`, a directory with its slash. What lies deeper is skipped in one step.
fn children_in<T>(paths: &BTreeMap<BString, T>, inside: &BString) -> BTreeSet<BString> {
    let mut names = BTreeSet::new();
    let mut from = Bound::Included(inside.clone());
    while let Some((path, _)) = paths.range::<BString, _>((from, Bound::Unbounded)).next() {
        let Some(rest) = path.strip_prefix(inside.as_slice()) else { break };
        let name = rest.split_once_str("/").map_or(rest, |(name, _)| name);
        names.insert(name.into());
        from = if name.len() == rest.len() {
            Bound::Excluded(path.clone())
        } else {
            // The byte behind the slash.
            Bound::Included([inside.as_slice(), name, b"0"].concat().into())
        };
    }
    names
}
