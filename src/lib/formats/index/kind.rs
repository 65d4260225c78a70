//! The five indexes of a module directory: their file names, and how each is made from the text beside it.

use std::borrow::Cow;

use super::{Builder, text};
use crate::error::FormatError;
use crate::name;

/// Which index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Normalised module name to its line of modules.dep.
    Dep,
    /// Pattern to module name.
    Alias,
    /// `symbol:NAME` to module name.
    Symbol,
    /// Names of built-in modules; the values are empty.
    Builtin,
    /// Pattern to the name of a built-in module.
    BuiltinAlias,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Dep, Self::Alias, Self::Symbol, Self::Builtin, Self::BuiltinAlias];

    /// Names of the binary index and of the text that it is made from.
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

/// The bytes of the binary index that depmod would make of `text`, up to the numbers of
/// priorities, whose order is that of the lines.
///
/// Errors: the index outgrows its format.
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
        // What an index cannot hold (non-ASCII) is missing from depmod's too.
        let _ = builder.insert(key, value, if flat { 0 } else { line });
    }
    builder.write()
}
