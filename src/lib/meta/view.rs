//! A whole file in memory: its modules by position and name, its patterns.

use std::borrow::Cow;

use crate::error::{FormatError, FormatKind};
use crate::name;

use super::module::Module;
use super::wire::{Fields, Value};
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
#[derive(Debug, Default, Clone)]
pub struct Meta<'a> {
    modules: Vec<Module<'a>>,
    /// More than one tree are one with all their branches.
    device_trees: Vec<&'a [u8]>,
    builtin_trees: Vec<&'a [u8]>,
    release: Option<&'a [u8]>,
}

impl<'a> Meta<'a> {
    /// Decodes the modules. The trees are looked into when they are asked.
    ///
    /// Errors: malformed, or not this format where there is nothing in it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut meta = Self::default();
        let mut fields = Fields::of(bytes);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Bytes(module)) => meta.modules.push(Module::parse(module)?),
                (2, Value::Bytes(tree)) => meta.device_trees.push(tree),
                (100, Value::Bytes(tree)) => meta.builtin_trees.push(tree),
                (101, Value::Bytes(release)) => meta.release = Some(release),
                (1 | 2 | 100 | 101, _) => {
                    return Err(FormatError::malformed("a field is not what its number says"));
                }
                _ => {}
            }
        }
        if meta.modules.is_empty() && meta.device_trees.is_empty() {
            return Err(FormatError::new(FormatKind::NotThisFormat, "nothing of a Meta is in it"));
        }
        if u32::try_from(meta.modules.len()).is_err() {
            return Err(FormatError::new(FormatKind::Limit, "too many modules"));
        }
        Ok(meta)
    }

    /// All modules, by position.
    pub fn modules(&self) -> &[Module<'a>] {
        &self.modules
    }

    /// The name of the module at a position, normalised; `None` outside of the list.
    pub fn name(&self, position: u32) -> Option<Cow<'a, [u8]>> {
        self.modules.get(position as usize).map(|module| name::normalize(module.name))
    }

    /// The kernel's version, if the file tells it.
    pub fn release(&self) -> Option<&'a [u8]> {
        self.release
    }

    /// The positions of the modules with a pattern that matches a normalised modalias.
    ///
    /// Errors: those of [`search()`].
    pub fn search(&self, aliases: Aliases, key: &[u8]) -> Result<Vec<u32>> {
        search(self.trees(aliases), key)
    }

    /// Calls `visit` with each pattern and the position of its module, in the order of the tree.
    ///
    /// Errors: malformed, limit for a tree that is too deep or holds more than its size can account for.
    pub fn patterns(&self, aliases: Aliases, mut visit: impl FnMut(&[u8], u32)) -> Result<()> {
        self.trees(aliases).iter().try_for_each(|tree| walk::patterns(tree, &mut visit))
    }

    /// Whether there are any of those.
    pub fn has(&self, aliases: Aliases) -> bool {
        !self.trees(aliases).is_empty()
    }

    fn trees(&self, aliases: Aliases) -> &[&'a [u8]] {
        match aliases {
            Aliases::Loadable => &self.device_trees,
            Aliases::Builtin => &self.builtin_trees,
        }
    }
}
