//! The source of a context's answers: the indexes that depmod writes, or a meta.pb.
//!
//! This module owns the interface; a context knows nothing else about either source. Values have the format
//! of the indexes. A problem with the files is reported to the sink once, and the answers are then as if
//! the files were empty.

use std::path::Path;

use bstr::BString;

use super::IndexKind;
use crate::formats::index::text::Dep;

/// A source of answers. Names and keys are normalised.
pub(super) trait Backend: Send {
    /// Returns the modules.dep entry of a module name.
    fn dep(&self, name: &[u8]) -> Option<Dep<'_>>;

    /// Like `dep`, but also checks that each dependency is listed under its own name.
    fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>>;

    /// Whether the module with this name is built in.
    fn is_builtin(&self, name: &[u8]) -> bool;

    /// Returns the modules whose patterns in an index match `key`, by priority.
    fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString>;

    /// Calls `visit` with every key and value of an index, ordered by key bytes; the values of one key are
    /// ordered by priority.
    fn dump(&self, kind: IndexKind, visit: &mut dyn FnMut(&[u8], &[u8]));

    /// Whether an index could be read when it was last used.
    fn is_usable(&self, kind: IndexKind) -> bool;

    /// Returns the contents of modules.builtin.modinfo, or the part of them that is known.
    fn builtin_modinfo(&self) -> &[u8];

    /// The meta.pb, if the answers come from one.
    fn meta_file(&self) -> Option<&Path> {
        None
    }

    /// Returns the part of a module's `.modinfo` that is known without its file.
    fn strings(&self, _name: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
