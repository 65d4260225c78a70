//! The five indexes of a module directory and their file names.

/// One of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
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

impl IndexKind {
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
