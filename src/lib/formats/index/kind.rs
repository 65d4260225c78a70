//! The five indexes of a module directory and their file names.

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
