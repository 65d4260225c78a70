//! A view of a whole file: its modules by position and name, its patterns.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::{FormatError, FormatKind};
use crate::formats::source::Source;
use crate::name;

use super::directory::Directory;
use super::module::MetaModule;
use super::wire::{self, WireFields, WireValue, wrong_wire_type};
use super::{search, walk};

type Result<T> = std::result::Result<T, FormatError>;

/// A set of aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aliases {
    /// The aliases of modules that have a file.
    Loadable,
    /// The aliases of built-in modules. Only files written by oxmod have them.
    Builtin,
}

/// A file and the locations of its parts.
pub struct MetaReader {
    source: Box<dyn Source + Send>,
    directory: Directory,
    /// Several trees count as one with the branches of all.
    device_trees: Vec<Range<usize>>,
    builtin_trees: Vec<Range<usize>>,
    release: Option<Range<usize>>,
}

impl MetaReader {
    /// Locates the parts of the file. Their contents are read on demand.
    ///
    /// Errors: the file cannot be read; malformed; not this format if the file does not contain any known field.
    pub fn open(source: Box<dyn Source + Send>) -> Result<Self> {
        let stored = Directory::find(&*source)?;
        let (directory, start) = stored.unwrap_or_else(|| (Directory::new(), 0));
        Self::read(source, directory, start)
    }

    /// Does the same as [`MetaReader::open`], but ignores the index.
    ///
    /// Errors: those of [`MetaReader::open`].
    pub fn open_unindexed(source: Box<dyn Source + Send>) -> Result<Self> {
        Self::read(source, Directory::new(), 0)
    }

    fn read(source: Box<dyn Source + Send>, mut directory: Directory, start: usize) -> Result<Self> {
        let (mut device_trees, mut builtin_trees) = (Vec::new(), Vec::new());
        let mut release = None;
        let mut fields = WireFields::of(&*source, start..wire::size(&*source));
        let mut place = start;
        while let Some(field) = fields.next()? {
            match field {
                (1, WireValue::Bytes(module)) => {
                    directory.push(place, &MetaModule::parse(&*source, module)?)?;
                }
                (2, WireValue::Bytes(tree)) => device_trees.push(tree),
                (100, WireValue::Bytes(tree)) => builtin_trees.push(tree),
                (101, WireValue::Bytes(range)) => release = Some(range),
                (1 | 2 | 100 | 101, _) => return Err(wrong_wire_type()),
                _ => {}
            }
            place = fields.offset();
        }
        if directory.len() == 0 && device_trees.is_empty() {
            return Err(FormatError::new(FormatKind::NotThisFormat, "not a Meta message"));
        }
        if u32::try_from(directory.len()).is_err() {
            return Err(FormatError::new(FormatKind::Limit, "too many modules"));
        }
        Ok(Self { source, directory, device_trees, builtin_trees, release })
    }

    /// Whether lookups use the index of the file.
    pub fn has_index(&self) -> bool {
        self.directory.is_stored()
    }

    /// Whether the index at the start of the file, if there is one, is used.
    ///
    /// Errors: the file cannot be read.
    pub fn keeps_its_index(&self) -> Result<bool> {
        Ok(self.directory.is_stored() || !Directory::is_claimed(&*self.source)?)
    }

    /// Returns the offset of a module in the file, which identifies the module.
    ///
    /// Errors: malformed.
    pub fn offset_of(&self, position: u32) -> Result<Option<usize>> {
        self.directory.offset_of(&*self.source, position)
    }

    /// Whether the file was written by oxmod: other writers do not store closures or the kernel release.
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

    /// The number of modules.
    pub fn len(&self) -> u32 {
        u32::try_from(self.directory.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are no modules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All modules, in the order of their positions.
    pub fn modules(&self) -> impl Iterator<Item = Result<MetaModule<'_>>> {
        (0..self.len()).map(|position| self.module(position))
    }

    /// Returns the module at a position.
    ///
    /// Errors: malformed; the position is out of range.
    pub fn module(&self, position: u32) -> Result<MetaModule<'_>> {
        let place = self.directory.offset_of(&*self.source, position)?;
        let place = place.ok_or_else(|| FormatError::malformed("module position out of range"))?;
        match WireFields::of(&*self.source, place..wire::size(&*self.source)).next()? {
            Some((1, WireValue::Bytes(module))) => MetaModule::parse(&*self.source, module),
            _ => Err(FormatError::malformed("index entry does not point to a module")),
        }
    }

    /// Returns the normalised name of the module at a position.
    ///
    /// Errors: those of [`MetaReader::module`].
    pub fn name(&self, position: u32) -> Result<Cow<'_, [u8]>> {
        self.module(position).map(|module| name::normalize(module.name))
    }

    /// Returns the position of the first module with a normalised name.
    ///
    /// Errors: malformed.
    pub fn position(&self, wanted: &[u8]) -> Result<Option<u32>> {
        for position in self.directory.with_same_hash(&*self.source, wanted)? {
            if *self.name(position)? == *wanted {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// Returns the positions of all modules to load before a module, the last one to be loaded first. If the file does
    /// not store them, which only oxmod does, they are computed from the direct dependencies; cycles are broken where
    /// they close.
    ///
    /// Errors: malformed.
    pub fn closure(&self, position: u32) -> Result<Vec<u32>> {
        if let Some(closure) = self.module(position)?.closure()? {
            return Ok(closure);
        }
        let mut seen = BTreeSet::from([position]);
        let mut closure = Vec::new();
        // Each module on the path, with its dependencies that have not been visited yet.
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

    /// Returns the lines that modules.softdep and modules.weakdep would have.
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

    /// Returns the kernel release, if the file records it.
    ///
    /// Errors: the file cannot be read.
    pub fn release(&self) -> Result<Option<&[u8]>> {
        self.release.as_ref().map(|range| wire::string(&*self.source, range)).transpose()
    }

    /// Returns the positions of the modules with a pattern that matches a normalised modalias.
    ///
    /// Errors: those of [`search()`].
    pub fn search(&self, aliases: Aliases, key: &[u8]) -> Result<Vec<u32>> {
        search(&*self.source, self.trees(aliases), key)
    }

    /// Calls `visit` with each pattern and the position of its module, in the order of the tree.
    ///
    /// Errors: malformed; limit for a tree that is too deep or whose patterns are much longer than the tree.
    pub fn patterns(&self, aliases: Aliases, mut visit: impl FnMut(&[u8], u32)) -> Result<()> {
        self.trees(aliases).iter().try_for_each(|tree| walk::patterns(&*self.source, tree, &mut visit))
    }

    /// Whether the file has any of these aliases.
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

impl std::fmt::Debug for MetaReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meta").field("modules", &self.len()).finish_non_exhaustive()
    }
}
