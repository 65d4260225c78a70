//! A whole file: its modules by position and name, its patterns.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;
use crate::name;

use super::directory::Directory;
use super::module::Module;
use super::wire::{self, Fields, Value, of_other_kind};
use super::{search, walk};

type Result<T> = std::result::Result<T, FormatError>;

/// Whose aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// Those of modules that have a file.
    Loadable,
    /// Those of modules that are built in; only files of ours have them.
    Builtin,
}

/// A file, and where in it things are.
pub struct Meta {
    source: Box<dyn Source + Send>,
    directory: Directory,
    /// More than one tree are one with all their branches.
    device_trees: Vec<Range<usize>>,
    builtin_trees: Vec<Range<usize>>,
    release: Option<Range<usize>>,
}

impl Meta {
    /// Finds the parts of the file. What is in them is read when it is asked for.
    ///
    /// Errors: it cannot be read, malformed, or not this format where there is nothing in it.
    pub fn open(source: Box<dyn Source + Send>) -> Result<Self> {
        let stored = Directory::find(&*source)?;
        let (directory, start) = stored.unwrap_or_else(|| (Directory::new(), 0));
        Self::read(source, directory, start)
    }

    /// The same without belief in an index.
    ///
    /// Errors: as those of [`Meta::open`].
    pub fn open_unindexed(source: Box<dyn Source + Send>) -> Result<Self> {
        Self::read(source, Directory::new(), 0)
    }

    fn read(source: Box<dyn Source + Send>, mut directory: Directory, start: usize) -> Result<Self> {
        let (mut device_trees, mut builtin_trees) = (Vec::new(), Vec::new());
        let mut release = None;
        let mut fields = Fields::of(&*source, start..wire::size(&*source));
        let mut place = start;
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(module)) => directory.push(place, &Module::parse(&*source, module)?)?,
                (2, Value::Bytes(tree)) => device_trees.push(tree),
                (100, Value::Bytes(tree)) => builtin_trees.push(tree),
                (101, Value::Bytes(range)) => release = Some(range),
                (1 | 2 | 100 | 101, _) => return Err(of_other_kind()),
                _ => {}
            }
            place = fields.place();
        }
        if directory.len() == 0 && device_trees.is_empty() {
            return Err(FormatError::new(FormatKind::NotThisFormat, "nothing of a Meta is in it"));
        }
        if u32::try_from(directory.len()).is_err() {
            return Err(FormatError::new(FormatKind::Limit, "too many modules"));
        }
        Ok(Self { source, directory, device_trees, builtin_trees, release })
    }

    /// Whether look-ups go by its index.
    pub fn has_index(&self) -> bool {
        self.directory.is_stored()
    }

    /// Whether it has the index that it begins with, if it begins with one.
    ///
    /// Errors: it cannot be read.
    pub fn keeps_its_index(&self) -> Result<bool> {
        Ok(self.directory.is_stored() || !Directory::is_claimed(&*self.source)?)
    }

    /// Where a module is in the file, which tells it from every other.
    ///
    /// Errors: malformed.
    pub fn place(&self, position: u32) -> Result<Option<usize>> {
        self.directory.place(&*self.source, position)
    }

    /// Whether it is of oxmod's making: others have no closures and no kernel's version.
    ///
    /// Errors: malformed.
    pub fn is_ours(&self) -> Result<bool> {
        if self.release.is_some() || self.has(Aliases::Builtin) {
            return Ok(true);
        }
        for module in self.modules() {
            if module?.closure()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many modules there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.directory.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All modules, by position.
    pub fn modules(&self) -> impl Iterator<Item = Result<Module<'_>>> {
        (0..self.len()).map(|position| self.module(position))
    }

    /// The module at a position.
    ///
    /// Errors: malformed, there is none.
    pub fn module(&self, position: u32) -> Result<Module<'_>> {
        let place = self.directory.place(&*self.source, position)?;
        let place = place.ok_or_else(|| FormatError::malformed("it has no such module"))?;
        match Fields::of(&*self.source, place..wire::size(&*self.source)).next()? {
            Some((1, Value::Bytes(module))) => Module::parse(&*self.source, module),
            _ => Err(FormatError::malformed("its index leads to what is no module")),
        }
    }

    /// The name of the module at a position, normalised.
    ///
    /// Errors: as those of [`Meta::module`].
    pub fn name(&self, position: u32) -> Result<Cow<'_, [u8]>> {
        self.module(position).map(|module| name::normalize(module.name))
    }

    /// The position of the first module of a normalised name.
    ///
    /// Errors: malformed.
    pub fn position(&self, wanted: &[u8]) -> Result<Option<u32>> {
        for position in self.directory.alike(&*self.source, wanted)? {
            if *self.name(position)? == *wanted {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The positions of everything that is to be loaded before a module, what comes last first. Where the file does not
    /// tell, as those of others do not, by what each module needs itself; a circle is cut where it closes.
    ///
    /// Errors: malformed.
    pub fn closure(&self, position: u32) -> Result<Vec<u32>> {
        if let Some(closure) = self.module(position)?.closure()? {
            return Ok(closure);
        }
        let mut seen = HashSet::from([position]);
        let mut closure = Vec::new();
        // Each with what it needs and has not been looked at yet.
        let mut path = vec![(position, self.module(position)?.depends()?)];
        while let Some((here, needed)) = path.last_mut() {
            match needed.pop() {
                Some(on) if seen.insert(on) => path.push((on, self.module(on)?.depends()?)),
                Some(_) => {}
                None => {
                    closure.push(*here);
                    path.pop();
                }
            }
        }
        closure.pop();
        closure.reverse();
        Ok(closure)
    }

    /// The lines that modules.softdep and modules.weakdep would have.
    ///
    /// Errors: malformed.
    pub fn soft_and_weak(&self) -> Result<Vec<u8>> {
        if let Some(lines) = self.directory.lines(&*self.source)? {
            return Ok(lines);
        }
        let mut text = Vec::new();
        for module in self.modules() {
            let module = module?;
            for (keyword, values) in
                [(&b"softdep "[..], module.softdeps()?), (b"weakdep ", module.weakdeps()?)]
            {
                for value in values {
                    text.extend_from_slice(&[keyword, module.name, b" ", value, b"\n"].concat());
                }
            }
        }
        Ok(text)
    }

    /// The kernel's version, if the file tells it.
    ///
    /// Errors: it cannot be read.
    pub fn release(&self) -> Result<Option<&[u8]>> {
        self.release.as_ref().map(|range| wire::string(&*self.source, range)).transpose()
    }

    /// The positions of the modules with a pattern that matches a normalised modalias.
    ///
    /// Errors: those of [`search()`].
    pub fn search(&self, aliases: Aliases, key: &[u8]) -> Result<Vec<u32>> {
        search(&*self.source, self.trees(aliases), key)
    }

    /// Calls `visit` with each pattern and the position of its module, in the order of the tree.
    ///
    /// Errors: malformed, limit for a tree that is too deep or holds more than its size can account for.
    pub fn patterns(&self, aliases: Aliases, mut visit: impl FnMut(&[u8], u32)) -> Result<()> {
        self.trees(aliases).iter().try_for_each(|tree| walk::patterns(&*self.source, tree, &mut visit))
    }

    /// Whether there are any of those.
    pub fn has(&self, aliases: Aliases) -> bool {
        !self.trees(aliases).is_empty()
    }

    fn trees(&self, aliases: Aliases) -> &[Range<usize>] {
        match aliases {
            Aliases::Loadable => &self.device_trees,
            Aliases::Builtin => &self.builtin_trees,
        }
    }
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meta").field("modules", &self.len()).finish_non_exhaustive()
    }
}
