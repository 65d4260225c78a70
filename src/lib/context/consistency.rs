//! Whether what a binary index says can be true.
//!
//! A wrong byte may leave an index well formed. What then gives it away: an entry of modules.dep.bin holds the path of the
//! module that it is for, and has dependencies that are entries themselves; the other indexes name modules
//! that modules.dep.bin has, or that are built in; nothing is both built in and a file. Where that does not hold, the text beside the
//! index answers. No check tells a letter that was changed in a pattern, or that makes one module's name
//! another's, or an entry that cannot be found any more: there is no checksum in these files.

use crate::error::FormatError;
use crate::formats::index::text::{self, Dep};
use crate::name;

use super::{Context, IndexKind};

impl Context<'_> {
    /// The line of modules.dep for a normalised module name.
    pub fn dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        if let Some(meta) = &self.meta {
            return Dep::parse(meta.line(name)?);
        }
        let entry = || self.indexes.get(IndexKind::Dep, name);
        // No index holds more than ASCII.
        let is_right = |dep: &Dep<'_>| *name::from_path(dep.path) == *name && dep.line().is_ascii();
        match Dep::parse(entry()?).filter(is_right) {
            None if self.doubt(IndexKind::Dep, "it has something else for", name) => Dep::parse(entry()?),
            dep => dep,
        }
    }

    /// The same for a module whose dependencies count: each is found where the line has it.
    pub fn line(&self, name: &[u8]) -> Option<Dep<'_>> {
        let dep = self.dep(name)?;
        if self.meta.is_some() || self.indexes.is_rebuilt(IndexKind::Dep) {
            return Some(dep);
        }
        let listed = |path: &[u8]| self.dep(&name::from_path(path)).is_some_and(|dep| dep.path == path);
        if let Some(path) = dep.dependencies().find(|path| !listed(path)) {
            self.doubt(IndexKind::Dep, "it has nothing for", path);
        }
        // The answer to one of these questions may have shown what the answer to the first is worth.
        if self.indexes.is_rebuilt(IndexKind::Dep) { self.dep(name) } else { Some(dep) }
    }

    /// Whether a normalised module name is built into the kernel.
    pub fn is_builtin(&self, name: &[u8]) -> bool {
        if let Some(meta) = &self.meta {
            return meta.is_builtin(name);
        }
        let listed = || self.indexes.get(IndexKind::Builtin, name).is_some();
        if !listed() {
            return false;
        }
        let doubtful = !self.indexes.is_rebuilt(IndexKind::Builtin)
            && self.dep(name).is_some()
            && self.indexes.in_text(IndexKind::Builtin, name) == Some(false);
        !(doubtful && self.doubt(IndexKind::Builtin, "it wrongly lists", name)) || listed()
    }

    /// Whether a name that an index leads to is no module's, and looking again may help.
    pub(super) fn leads_astray(&self, kind: IndexKind, name: &[u8]) -> bool {
        let lost = if kind == IndexKind::BuiltinAlias {
            self.never_built(name)
        } else if self.dep(name).is_some() {
            false
        } else if self.indexes.renew() {
            return true;
        } else {
            self.has_no_file(name)
        };
        lost && self.doubt(kind, "it leads to what is no module:", name)
    }

    /// Not even by the text, for a name that the index has not.
    fn has_no_file(&self, name: &[u8]) -> bool {
        if !self.indexes.is_usable(IndexKind::Dep) {
            return false;
        }
        let misses = self.indexes.in_text(IndexKind::Dep, name) == Some(true);
        if misses {
            self.doubt(IndexKind::Dep, "it has nothing for", name);
        }
        !misses
    }

    /// Some of what has aliases there, such as debugfs, is in no list of built-in modules.
    fn never_built(&self, name: &[u8]) -> bool {
        let info = || text::builtin_modinfo(self.builtin_modinfo());
        self.indexes.get(IndexKind::Builtin, name).is_none()
            && info().next().is_some()
            && !info().any(|info| info.module == name)
    }

    /// Gives up a binary index; `false` if that was done before.
    fn doubt(&self, kind: IndexKind, why: &str, what: &[u8]) -> bool {
        let reason = || FormatError::malformed(format!("{why} {}", what.escape_ascii()));
        self.indexes.give_up(kind, reason)
    }
}
