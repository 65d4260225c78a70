//! The contents of a firmware directory: files and links by path, and the resolution of a name to a file.
//!
//! Must not access the disk. The caller resolves links that lead out of the directory and puts the result in their
//! place with [`Catalogue::replace_outward`]; an unresolved link of this kind is an error. At most 40 links are followed
//! for a name. WHENCE may declare further links; in a directory of compressed files, such a link leads from a name with
//! a suffix to the target with the same suffix. Must not know the contents of files.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bstr::{BString, ByteSlice};

use super::name;
use crate::path_walk::{self, PathEntry, PathTree};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueNode {
    /// A file.
    File {
        /// The path of the file to read.
        source: BString,
        /// Its size in bytes, as far as it is known.
        size: u64,
        /// The other candidates, if the source is ambiguous.
        alternatives: Vec<BString>,
    },
    /// A symbolic link.
    Link(BString),
}

/// The paths in a firmware directory, relative to it. A directory exists if it contains an entry.
#[derive(Debug, Default, Clone)]
pub struct Catalogue {
    nodes: BTreeMap<BString, CatalogueNode>,
    /// Links that WHENCE declares, by their names without suffix.
    declared: BTreeMap<BString, BString>,
    /// The links that lead out of the directory, each with the links that follow it outside, as paths on the disk and
    /// targets. The nodes contain what these links lead to, as if it were in their place.
    outward: BTreeMap<BString, Vec<(BString, BString)>>,
}

/// The remaining number of path components that may be matched against patterns. The modules of a machine need a few
/// thousand steps. All patterns of a job share one budget.
#[derive(Debug)]
pub struct Steps(usize);

impl Default for Steps {
    fn default() -> Self {
        Self(1 << 20)
    }
}

impl Steps {
    /// Uses up `steps` steps.
    ///
    /// Errors: not enough steps are left; the budget is then exhausted.
    fn take(&mut self, steps: usize) -> Result<(), Unavailable> {
        let left = self.0.checked_sub(steps);
        self.0 = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Unavailable::TooMany)
    }
}

/// A resolved path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedFile {
    /// The links that were followed, in order: path, and target as written.
    pub links: Vec<(BString, BString)>,
    /// The path of the file.
    pub file: BString,
}

/// The reason why a name does not lead to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// The path does not exist.
    Absent,
    /// This link, or the name itself, leads out of the directory.
    Leaves(BString),
    /// This link leads to itself, or more than 40 links were followed.
    Loop(BString),
    /// This is a directory instead of a file.
    Directory(BString),
    /// This is a file instead of a directory.
    NoDirectory(BString),
    /// This file is empty, so the kernel cannot load it.
    Empty(BString),
    /// The patterns match too many names.
    TooMany,
}

/// The links that were followed, and the path that they lead to.
type Route = (Vec<(BString, BString)>, BString);

impl Catalogue {
    /// Adds the entry at a path, replacing an earlier one.
    pub fn insert(&mut self, path: BString, node: CatalogueNode) {
        self.nodes.insert(path, node);
    }

    /// Adds a link that WHENCE declares. An existing entry at the path takes precedence. If the link is already known
    /// with a target that differs from `target`, returns that target.
    pub fn declare_link(&mut self, path: BString, target: BString) -> Option<BString> {
        let other = match self.nodes.get(&path) {
            _ if has_below(&self.nodes, &path) => return None,
            Some(CatalogueNode::File { .. }) => {
                self.declared.entry(path).or_insert(target);
                return None;
            }
            Some(CatalogueNode::Link(existing)) => Some(existing),
            None => self.declared.get(&path),
        };
        if let Some(other) = other {
            return (*other != target).then(|| other.clone());
        }
        self.declared.insert(path, target);
        None
    }

    /// Returns the links that lead out of the directory and have not been resolved yet.
    pub fn outward_links(&self) -> Vec<BString> {
        let links = self
            .nodes
            .iter()
            .filter(|(_, node)| matches!(node, CatalogueNode::Link(_)))
            .map(|(path, _)| path);
        let leaves =
            |link: &&BString| matches!(self.follow(link), Err(Unavailable::Leaves(at)) if at == **link);
        links.filter(leaves).cloned().collect()
    }

    /// Replaces a link that leads out of the directory by what it leads to: a file or another link; `None` for a
    /// directory, whose contents the caller adds, or if the target does not exist. `links` are the links on the way to
    /// the target as they are on the disk, starting with this one.
    pub fn replace_outward(
        &mut self,
        link: BString,
        links: Vec<(BString, BString)>,
        to: Option<CatalogueNode>,
    ) {
        self.nodes.remove(&link);
        self.nodes.extend(to.map(|node| (link.clone(), node)));
        self.outward.insert(link, links);
    }

    /// Whether the entry at a path replaces a link, see [`Catalogue::replace_outward`].
    pub fn leads_out(&self, path: &[u8]) -> bool {
        self.outward.contains_key(path.as_bstr())
    }

    /// Returns the links on the disk that lead out of the directory and are part of a path, which has no other links.
    pub fn outward(&self, path: &[u8]) -> impl Iterator<Item = &(BString, BString)> {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let heads =
            slashes.chain([path.len()]).filter_map(|end| self.outward.get(path.get(..end)?.as_bstr()));
        heads.flatten()
    }

    /// All entries with their paths.
    pub fn nodes(&self) -> impl Iterator<Item = (&BString, &CatalogueNode)> {
        self.nodes.iter()
    }

    /// Returns the entry at exactly this path.
    pub fn node(&self, path: &[u8]) -> Option<Cow<'_, CatalogueNode>> {
        let node = self.nodes.get(path.as_bstr()).map(Cow::Borrowed);
        node.or_else(|| self.declared_node(path))
    }

    /// Returns the link that WHENCE declares at exactly this path.
    fn declared_node(&self, path: &[u8]) -> Option<Cow<'_, CatalogueNode>> {
        let link = |plain: &[u8], suffix: &str| {
            let target = self.declared.get(plain.as_bstr())?;
            Some(Cow::Owned(CatalogueNode::Link([target.as_slice(), suffix.as_bytes()].concat().into())))
        };
        let (plain, suffix) = name::plain(path);
        link(path, "").or_else(|| if suffix.is_empty() { None } else { link(plain, suffix) })
    }

    /// Resolves a path to a file.
    ///
    /// Errors: the reason why it does not lead to a file.
    pub fn resolve(&self, path: &[u8]) -> Result<ResolvedFile, Unavailable> {
        self.resolve_with(path, |path| self.node(path))
    }

    /// Does the same as [`Catalogue::resolve`], but declared links take precedence over existing entries. For directories
    /// whose contents are not certain.
    ///
    /// Errors: the reason why it does not lead to a file.
    pub fn resolve_declared_first(&self, path: &[u8]) -> Result<ResolvedFile, Unavailable> {
        self.resolve_with(path, |path| self.declared_node(path).or_else(|| self.node(path)))
    }

    /// Returns the path with the links to its directory resolved; `None` if that directory does not exist.
    pub fn locate(&self, path: &[u8]) -> Option<BString> {
        let (dir, last) = path.rsplit_once_str("/").unwrap_or((b"", path));
        let (_, dir) = self.follow(dir).ok()?;
        Some(name::join(&dir, last))
    }

    fn resolve_with<'c>(
        &'c self,
        path: &[u8],
        node: impl Fn(&[u8]) -> Option<Cow<'c, CatalogueNode>>,
    ) -> Result<ResolvedFile, Unavailable> {
        let (links, end) = self.walk(path, node)?;
        match self.nodes.get(&end) {
            Some(CatalogueNode::File { .. }) => Ok(ResolvedFile { links, file: end }),
            _ => Err(Unavailable::Directory(end)),
        }
    }

    /// Resolves a path to an existing file or directory.
    fn follow(&self, path: &[u8]) -> Result<Route, Unavailable> {
        self.walk(path, |path| self.node(path))
    }

    /// Follows a path and all links on it.
    fn walk<'c>(
        &'c self,
        path: &[u8],
        node: impl Fn(&[u8]) -> Option<Cow<'c, CatalogueNode>>,
    ) -> Result<Route, Unavailable> {
        let mut position =
            Position { catalogue: self, path, node, here: BString::default(), links: Vec::new() };
        path_walk::walk(&mut position, path)?;
        Ok((position.links, position.here))
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        has_below(&self.nodes, path) || has_below(&self.declared, path)
    }

    /// Returns the names without suffix below the directory `start` that a pattern matches, relative to it and sorted.
    /// They are not checked to lead to files.
    ///
    /// Errors: too many.
    pub fn expand(
        &self,
        start: &[u8],
        pattern: &[u8],
        steps: &mut Steps,
    ) -> Result<BTreeSet<BString>, Unavailable> {
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

    /// Returns the names in a directory, after resolving links.
    fn children(&self, directory: &[u8]) -> BTreeSet<BString> {
        let Ok((_, directory)) = self.follow(directory) else { return BTreeSet::new() };
        let mut inside = directory;
        if !inside.is_empty() {
            inside.push(b'/');
        }
        let mut names = children_in(&self.nodes, &inside);
        names.extend(children_in(&self.declared, &inside));
        names
    }
}

/// A position in a catalogue, with the links that led there, each once.
struct Position<'c, 'p, F> {
    catalogue: &'c Catalogue,
    /// The path of the walk.
    path: &'p [u8],
    node: F,
    here: BString,
    links: Vec<(BString, BString)>,
}

impl<'c, F: Fn(&[u8]) -> Option<Cow<'c, CatalogueNode>>> PathTree for Position<'c, '_, F> {
    /// Its number among the links.
    type Link = usize;
    type Error = Unavailable;

    fn up(&mut self, of: Option<&usize>) -> Result<(), Unavailable> {
        let outward = &self.catalogue.outward;
        let link = of.and_then(|&of| self.links.get(of));
        // The parent of a directory outside is outside too, except for a link whose target the caller has replaced.
        let is_replaced = link.is_some_and(|(link, _)| outward.contains_key(link));
        if self.here.is_empty() || (outward.contains_key(&self.here) && !is_replaced) {
            return Err(Unavailable::Leaves(link.map_or_else(|| self.path.into(), |(link, _)| link.clone())));
        }
        let end = self.here.rfind_byte(b'/').unwrap_or(0);
        self.here.truncate(end);
        Ok(())
    }

    fn down(
        &mut self,
        part: &[u8],
        _: Option<&usize>,
        is_last: bool,
    ) -> Result<PathEntry<usize>, Unavailable> {
        let next = name::join(&self.here, part);
        match (self.node)(&next).as_deref() {
            Some(CatalogueNode::Link(target)) if target.starts_with(b"/") => {
                return Err(Unavailable::Leaves(next));
            }
            Some(CatalogueNode::Link(target)) => {
                let link = (next, target.clone());
                let at = self.links.iter().position(|known| *known == link).unwrap_or_else(|| {
                    self.links.push(link);
                    self.links.len() - 1
                });
                return Ok(PathEntry::Link(at, target.to_vec()));
            }
            Some(CatalogueNode::File { .. }) if is_last => self.here = next,
            // In a list of files, the ending of a path may be both a file and a directory.
            _ if self.catalogue.is_directory(&next) => self.here = next,
            Some(CatalogueNode::File { .. }) => return Err(Unavailable::NoDirectory(next)),
            None => return Err(Unavailable::Absent),
        }
        Ok(PathEntry::Plain)
    }

    fn too_many_links(&self, &link: &usize) -> Unavailable {
        Unavailable::Loop(self.links.get(link).map(|(path, _)| path.clone()).unwrap_or_default())
    }
}

/// Whether there is a path in this directory.
fn has_below<T>(paths: &BTreeMap<BString, T>, directory: &[u8]) -> bool {
    let inside = BString::from([directory, b"/"].concat());
    paths.range::<BString, _>(&inside..).next().is_some_and(|(path, _)| path.starts_with(&inside))
}

/// Returns the components that follow `inside`, a directory with a trailing slash. Deeper paths are skipped in one
/// step.
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
            // '0' is the byte after '/'.
            Bound::Included([inside.as_slice(), name, b"0"].concat().into())
        };
    }
    names
}
