//! Building a binary index from its text twin, for use when the binary index is missing or damaged.

use std::borrow::Cow;

use crate::error::FormatError;
use crate::formats::index::{IndexBuilder, IndexKind, text};
use crate::formats::modinfo::builtin_aliases;
use crate::name;

/// A key and its value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Returns the contents of the binary index that depmod would write for `text`. The priorities may have other values,
/// but their order is that of the lines.
///
/// Errors: the index exceeds the limits of its format.
pub fn index_of_text(kind: IndexKind, text: &[u8]) -> Result<Vec<u8>, FormatError> {
    let entries: Vec<Pair<'_>> = match kind {
        IndexKind::Dep => {
            text::deps(text).map(|dep| (name::from_path(dep.path), dep.line().into())).collect()
        }
        IndexKind::Alias => text::entries(text, "alias")
            .filter_map(|(pattern, module)| Some((name::normalize_alias(pattern).ok()?, module.into())))
            .collect(),
        IndexKind::Symbol => {
            text::entries(text, "alias").map(|(symbol, module)| (symbol.into(), module.into())).collect()
        }
        IndexKind::Builtin => text::names(text).map(|module| (module, Cow::default())).collect(),
        IndexKind::BuiltinAlias => builtin_aliases(text)
            .filter_map(|info| Some((name::normalize_alias(info.value).ok()?, info.module.into())))
            .collect(),
    };
    let flat = matches!(kind, IndexKind::Builtin | IndexKind::BuiltinAlias);
    let mut builder = IndexBuilder::default();
    for ((key, value), line) in entries.iter().zip(0_u32..) {
        // Entries that an index cannot hold (non-ASCII) are missing from depmod's index too.
        let _ = builder.insert(key, value, if flat { 0 } else { line });
    }
    builder.write()
}
