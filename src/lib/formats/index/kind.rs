//! The five indexes of a module directory: their file names, and how each is made from its text file.

use std::borrow::Cow;

use super::{Builder, text};
use crate::error::FormatError;
use crate::name;

/// One of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From a normalised module name to the module's line of modules.dep.
    Dep,
    /// From a pattern to a module name.
    Alias,
    /// From `symbol:NAME` to a module name.
    Symbol,
    /// The names of built-in modules; the values are empty.
    Builtin,
    /// From a pattern to the name of a built-in module.
    BuiltinAlias,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Dep, Self::Alias, Self::Symbol, Self::Builtin, Self::BuiltinAlias];

    /// Returns the names of the binary index and of the text file that it is made from.
    pub(crate) fn file_names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dep => ("modules.dep.bin", "modules.dep"),
            Self::Alias => ("modules.alias.bin", "modules.alias"),
            Self::Symbol => ("modules.symbols.bin", "modules.symbols"),
            Self::Builtin => ("modules.builtin.bin", "modules.builtin"),
            Self::BuiltinAlias => ("modules.builtin.alias.bin", "modules.builtin.modinfo"),
        }
    }
}

/// A key and its value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Builds the binary index that depmod would make from `text`. The priorities may be other numbers than depmod's, but
/// they are in the same order, that of the lines.
///
/// Errors: the index exceeds the limits of its format.
pub fn index_of_text(kind: Kind, text: &[u8]) -> Result<Vec<u8>, FormatError> {
    let entries: Vec<Pair<'_>> = match kind {
        Kind::Dep => text::deps(text).map(|dep| (name::from_path(dep.path), dep.line().into())).collect(),
        Kind::Alias => text::entries(text, "alias")
            .filter_map(|(pattern, module)| Some((name::normalize_alias(pattern).ok()?, module.into())))
            .collect(),
        Kind::Symbol => {
            text::entries(text, "alias").map(|(symbol, module)| (symbol.into(), module.into())).collect()
        }
        Kind::Builtin => text::names(text).map(|module| (module, Cow::default())).collect(),
        Kind::BuiltinAlias => text::builtin_aliases(text)
            .filter_map(|info| Some((name::normalize_alias(info.value).ok()?, info.module.into())))
            .collect(),
    };
    let flat = matches!(kind, Kind::Builtin | Kind::BuiltinAlias);
    let mut builder = Builder::default();
    for ((key, value), line) in entries.iter().zip(0_u32..) {
        // Entries that an index cannot represent (non-ASCII) are missing from depmod's index too.
        let _ = builder.insert(key, value, if flat { 0 } else { line });
    }
    builder.write()
}
