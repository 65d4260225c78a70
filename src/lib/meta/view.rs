//! A whole file in memory: its modules by position and name, its patterns.

use crate::error::{FormatError, FormatKind};
use crate::name;

use super::outline::{Module, Outline, Range};
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

/// A file over its bytes.
#[derive(Debug, Clone)]
pub struct Meta<'a> {
    bytes: &'a [u8],
    outline: Outline,
    modules: Vec<Module<'a>>,
}

impl<'a> Meta<'a> {
    /// Decodes the modules. The trees are looked into when they are asked.
    ///
    /// Errors: malformed, or not this format where there is nothing in it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let outline = Outline::of(bytes)?;
        if outline == Outline::default() {
            return Err(FormatError::new(FormatKind::NotThisFormat, "nothing of a Meta is in it"));
        }
        let modules = outline.modules.iter().map(|range| Module::parse(part(bytes, range)));
        Ok(Self { bytes, modules: modules.collect::<Result<_>>()?, outline })
    }

    /// All modules, by position.
    pub fn modules(&self) -> &[Module<'a>] {
        &self.modules
    }

    /// The name of the module at a position, normalised; `None` outside of the list.
    pub fn name(&self, position: u32) -> Option<std::borrow::Cow<'a, [u8]>> {
        self.modules.get(position as usize).map(|module| name::normalize(module.name))
    }

    /// The kernel's version, if the file tells it.
    pub fn release(&self) -> Option<&'a [u8]> {
        self.outline.release.as_ref().map(|range| part(self.bytes, range))
    }

    /// The positions of the modules with a pattern that matches a normalised modalias.
    ///
    /// Errors: those of [`search()`].
    pub fn search(&self, aliases: Aliases, key: &[u8]) -> Result<Vec<u32>> {
        search(&self.trees(aliases), key)
    }

    /// Calls `visit` with each pattern and the position of its module, in the order of the tree.
    ///
    /// Errors: malformed, limit for a tree that is too deep or holds more than its size can account for.
    pub fn patterns(&self, aliases: Aliases, mut visit: impl FnMut(&[u8], u32)) -> Result<()> {
        self.trees(aliases).into_iter().try_for_each(|tree| walk::patterns(tree, &mut visit))
    }

    /// Whether there are any of those.
    pub fn has(&self, aliases: Aliases) -> bool {
        !self.trees(aliases).is_empty()
    }

    fn trees(&self, aliases: Aliases) -> Vec<&'a [u8]> {
        let trees = match aliases {
            Aliases::Loadable => &self.outline.device_trees,
            Aliases::Builtin => &self.outline.builtin_trees,
        };
        trees.iter().map(|range| part(self.bytes, range)).collect()
    }
}

fn part<'a>(bytes: &'a [u8], range: &Range) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}
