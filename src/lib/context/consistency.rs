//! Plausibility checks of the binary indexes.
//!
//! An index with a wrong byte may still be well formed. These checks detect wrong bytes by their effects: an entry of
//! modules.dep.bin contains the path of the module that it is for, and its dependencies are entries themselves; the other
//! indexes refer to modules that are in modules.dep.bin or built in; no module is both built in and a file. If one of
//! these does not hold, the text twin of the index is used instead. No check detects a changed letter in a pattern, a
//! module name that became another module's name, or an entry that can no longer be found, because the index formats have
//! no checksums.

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
        // Indexes contain only ASCII.
        let is_plausible = |dep: &Dep<'_>| *name::from_path(dep.path) == *name && dep.line().is_ascii();
        match Dep::parse(entry()?).filter(is_plausible) {
            None if self.stop_using(IndexKind::Dep, "wrong entry for", name) => Dep::parse(entry()?),
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
            self.stop_using(IndexKind::Dep, "no entry for", path);
        }
        // One of these lookups may have shown that the index is damaged, and that the first result is
        // wrong.
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
        !(doubtful && self.stop_using(IndexKind::Builtin, "wrongly lists", name)) || listed()
    }

    fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString> {
        // An index that misleads is no longer used afterwards, so this loop ends.
        loop {
            let found = self.matches(kind, key);
            if !found.iter().any(|name| self.refers_to_unknown(kind, name)) {
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
    /// Whether an index refers to a name that is not a module, and a second lookup may give another result.
    fn refers_to_unknown(&self, kind: IndexKind, name: &[u8]) -> bool {
        let unknown = if kind == IndexKind::BuiltinAlias {
            self.is_not_builtin(name)
        } else if self.dep(name).is_some() {
            false
        } else if self.renew() {
            return true;
        } else {
            self.has_no_file(name)
        };
        unknown && self.stop_using(kind, "refers to unknown module", name)
    }

    /// Whether a name that the index lacks is missing from the text twin too.
    fn has_no_file(&self, name: &[u8]) -> bool {
        if !self.has(IndexKind::Dep) {
            return false;
        }
        let misses = self.in_text(IndexKind::Dep, name) == Some(true);
        if misses {
            self.stop_using(IndexKind::Dep, "no entry for", name);
        }
        !misses
    }

    /// Whether nothing indicates that `name` is built in. Some parts of the kernel that have aliases in this index,
    /// such as debugfs, are not in the list of built-in modules.
    fn is_not_builtin(&self, name: &[u8]) -> bool {
        let info = || modinfo::builtin_modinfo(self.builtin_info());
        self.get(IndexKind::Builtin, name).is_none()
            && info().next().is_some()
            && !info().any(|info| info.module == name)
    }

    /// Stops using a binary index; `false` if that happened before.
    fn stop_using(&self, kind: IndexKind, why: &str, what: &[u8]) -> bool {
        let reason = || FormatError::malformed(format!("{why} {}", what.escape_ascii()));
        self.give_up(kind, reason)
    }
}
