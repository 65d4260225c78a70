//! Where the answers about a module directory come from: the indexes that depmod makes, or one meta.pb.
//!
//! Owns the questions; a context knows nothing else of either. Answers have the form of the indexes'. What is wrong with the
//! files goes to the sink, once, and the answers are as if there were nothing.

use std::path::Path;

use bstr::BString;

use super::IndexKind;
use crate::formats::index::text::Dep;

/// One source of answers. Names and keys are normalised.
pub(super) trait Backend: Send {
    /// The line of modules.dep for a module name.
    fn dep(&self, name: &[u8]) -> Option<Dep<'_>>;

    /// The same, where it matters that each dependency is listed under its own name too.
    fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>>;

    /// Whether a module name is built into the kernel.
    fn is_builtin(&self, name: &[u8]) -> bool;

    /// The names of the modules that the patterns of an index lead to, by priority.
    fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString>;

    /// Calls `visit` with every key and value of an index: keys by their bytes, values of one key by priority.
    fn dump(&self, kind: IndexKind, visit: &mut dyn FnMut(&[u8], &[u8]));

    /// Whether an index could be read when it was last asked.
    fn is_usable(&self, kind: IndexKind) -> bool;

    /// The contents of modules.builtin.modinfo, or what is known of them.
    fn builtin_modinfo(&self) -> &[u8];

    /// The meta.pb, if that is the source.
    fn meta_file(&self) -> Option<&Path> {
        None
    }

    /// What is known of a module's `.modinfo` without its file.
    fn strings(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
