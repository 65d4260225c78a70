//! Whether what a binary index says can be true.
//!
//! A wrong byte may leave an index well formed. What then gives it away: an entry of modules.dep.bin holds the path of the
//! module that it is for, and has dependencies that are entries themselves; the other indexes name modules
//! that modules.dep.bin has, or that are built in; nothing is both built in and a file. Where that does not hold, the text beside the
//! index answers. No check tells a letter that was changed in a pattern, or that makes one module's name
//! another's, or an entry that cannot be found any more: there is no checksum in these files.

use bstr::BString;

use super::IndexKind;
use super::backend::Backend;
use super::indexes::Indexes;
use crate::error::FormatError;
use crate::formats::index::text::Dep;
use crate::formats::modinfo;
use crate::name;

impl Backend for Indexes {
    fn dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        let entry = || self.get(IndexKind::Dep, name);
        // No index holds more than ASCII.
        let is_right = |dep: &Dep<'_>| *name::from_path(dep.path) == *name && dep.line().is_ascii();
        match Dep::parse(entry()?).filter(is_right) {
            None if self.doubt(IndexKind::Dep, "it has something else for", name) => Dep::parse(entry()?),
            dep => dep,
        }
    }

    fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        let dep = self.dep(name)?;
        if self.is_rebuilt(IndexKind::Dep) {
            return Some(dep);
        }
        let listed = |path: &[u8]| self.dep(&name::from_path(path)).is_some_and(|dep| dep.path == path);
        if let Some(path) = dep.dependencies().find(|path| !listed(path)) {
            self.doubt(IndexKind::Dep, "it has nothing for", path);
        }
        // The answer to one of these questions may have shown what the answer to the first is worth.
        if self.is_rebuilt(IndexKind::Dep) { self.dep(name) } else { Some(dep) }
    }

    fn is_builtin(&self, name: &[u8]) -> bool {
        let listed = || self.get(IndexKind::Builtin, name).is_some();
        if !listed() {
            return false;
        }
        let doubtful = !self.is_rebuilt(IndexKind::Builtin)
            && self.dep(name).is_some()
            && self.in_text(IndexKind::Builtin, name) == Some(false);
        !(doubtful && self.doubt(IndexKind::Builtin, "it wrongly lists", name)) || listed()
    }

    fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString> {
        // An index that misleads is given up, so this ends.
        loop {
            let found = self.matches(kind, key);
            if !found.iter().any(|name| self.misleads(kind, name)) {
                return found;
            }
        }
    }

    fn dump(&self, kind: IndexKind, visit: &mut dyn FnMut(&[u8], &[u8])) {
        self.visit(kind, visit);
    }

    fn is_usable(&self, kind: IndexKind) -> bool {
        self.has(kind)
    }

    fn builtin_modinfo(&self) -> &[u8] {
        self.builtin_info()
    }
}

impl Indexes {
    /// Whether an index leads to a name that is not a module's, and looking again may help.
    fn misleads(&self, kind: IndexKind, name: &[u8]) -> bool {
        let lost = if kind == IndexKind::BuiltinAlias {
            self.never_built(name)
        } else if self.dep(name).is_some() {
            false
        } else if self.renew() {
            return true;
        } else {
            self.has_no_file(name)
        };
        lost && self.doubt(kind, "it leads to what is not a module:", name)
    }

    /// Whether not even the text lists a name that the index lacks.
    fn has_no_file(&self, name: &[u8]) -> bool {
        if !self.has(IndexKind::Dep) {
            return false;
        }
        let misses = self.in_text(IndexKind::Dep, name) == Some(true);
        if misses {
            self.doubt(IndexKind::Dep, "it has nothing for", name);
        }
        !misses
    }

    /// Some of what has aliases there, such as debugfs, is in no list of built-in modules.
    fn never_built(&self, name: &[u8]) -> bool {
        let info = || modinfo::builtin_modinfo(self.builtin_info());
        self.get(IndexKind::Builtin, name).is_none()
            && info().next().is_some()
            && !info().any(|info| info.module == name)
    }

    /// Gives up a binary index; `false` if that was done before.
    fn doubt(&self, kind: IndexKind, why: &str, what: &[u8]) -> bool {
        let reason = || FormatError::malformed(format!("{why} {}", what.escape_ascii()));
        self.give_up(kind, reason)
    }
}
