//! What a firmware directory holds: files and links by their paths, and the way from a name to the file it leads to.
//!
//! No link is followed out of the directory, nor more than forty of them for a name. WHENCE may add links to those that
//! are there; in a directory of compressed files they lead from one suffix to the same. Must not know what files hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use bstr::{BString, ByteSlice};

use super::name;

/// How many links may lie between a name and its file, as in the kernel.
const MAX_LINKS: usize = 40;
/// How many parts of paths are looked at for a pattern: real ones take a few thousand.
const MAX_STEPS: usize = 1 << 20;

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
    /// The pattern stands for too many names.
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
        let (_, dir) = self.walk(dir, |path| self.node(path)).ok()?;
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
            _ => Err(Dead::Absent),
        }
    }

    /// Goes along a path and all links on it, to what is no link.
    fn walk<'c>(&'c self, path: &[u8], node: impl Fn(&[u8]) -> Option<Cow<'c, Node>>) -> Result<Way, Dead> {
        let owned = |path: &[u8]| name::parts(path).map(BString::from).collect::<VecDeque<_>>();
        let (mut ahead, mut here) = (owned(path), BString::default());
        let mut links: Vec<(BString, BString)> = Vec::new();
        let mut followed = 0;
        while let Some(part) = ahead.pop_front() {
            if part == ".." {
                let at = here.rfind_byte(b'/').unwrap_or(0);
                if here.is_empty() {
                    return Err(Dead::Leaves(links.pop().map_or_else(|| path.into(), |(link, _)| link)));
                }
                here.truncate(at);
                continue;
            }
            let next = name::join(&here, &part);
            match node(&next).as_deref() {
                Some(Node::Link(target)) => {
                    followed += 1;
                    if target.starts_with(b"/") {
                        return Err(Dead::Leaves(next));
                    } else if followed > MAX_LINKS {
                        return Err(Dead::Loop(next));
                    }
                    for part in owned(target).into_iter().rev() {
                        ahead.push_front(part);
                    }
                    let link = (next, target.clone());
                    if !links.contains(&link) {
                        links.push(link);
                    }
                }
                Some(Node::File { .. }) if ahead.is_empty() => here = next,
                // Of a list, an ending may be both.
                _ if self.is_directory(&next) => here = next,
                _ => return Err(Dead::Absent),
            }
        }
        Ok((links, here))
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        has_below(&self.nodes, path) || has_below(&self.said, path)
    }

    /// The names without suffix below the directory `start` that a pattern stands for, relative to it and sorted. Whether
    /// they lead to files is not looked at.
    ///
    /// Errors: too many.
    pub fn expand(&self, start: &[u8], pattern: &[u8]) -> Result<BTreeSet<BString>, Dead> {
        let parts: Vec<&[u8]> = name::parts(pattern).collect();
        let mut found = BTreeSet::from([BString::default()]);
        let mut steps = 0;
        for (at, part) in parts.iter().enumerate() {
            if !name::is_pattern(part) {
                found = found.iter().map(|directory| name::join(directory, part)).collect();
                continue;
            }
            let mut longer = BTreeSet::new();
            for directory in &found {
                let children = self.children(&name::join(start, directory));
                steps += children.len() + at + 1;
                if steps > MAX_STEPS {
                    return Err(Dead::TooMany);
                }
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
        let Ok((_, directory)) = self.walk(directory, |path| self.node(path)) else { return BTreeSet::new() };
        let mut inside = directory;
        if !inside.is_empty() {
            inside.push(b'/');
        }
        let mut names = children_in(&self.nodes, &inside);
        names.extend(children_in(&self.said, &inside));
        names
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
