//! The options of a depmod run.

use std::path::PathBuf;

use crate::formats::config::depmod::DepmodConfig;
use crate::formats::symvers::KernelSymbols;
use crate::setters::setters;

/// The options of a depmod run, except for the directories. The default is that of `depmod` without configuration files.
#[derive(Debug, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct DepmodOptions {
    /// The configuration from depmod.d.
    pub config: DepmodConfig,
    /// The kernel's own symbols, if known (`-E`, `-F`).
    pub kernel_symbols: Option<KernelSymbols>,
    /// A character that precedes every symbol on this architecture (`-P`).
    pub symbol_prefix: Option<u8>,
    /// Report symbols that nothing exports and, if versions are known, symbols of another version (`-e`). Without kernel
    /// symbols this would report most symbols.
    pub report_unknown: bool,
    /// Report each dependency with the symbol that causes it (`-v`).
    pub verbose: bool,
    /// Report duplicate entries (`-w`).
    pub warn_duplicates: bool,
    /// How to use the cache of the previous run.
    pub cache_use: CacheUse,
    /// Whether to write a cache for the next run.
    pub cache_output: CacheOutput,
    /// Also write meta.pb (`--meta`).
    pub meta: bool,
    /// A file to use instead of the module directory's modules.builtin.modinfo.
    pub builtin_modinfo: Option<PathBuf>,
}

/// Whether to write the cache for the next run and for modinfo.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutput {
    /// Write the cache.
    #[default]
    Write,
    /// Do not write it: the cache contains timestamps and inode numbers, which would make the output irreproducible.
    Omit,
}

/// How the cache of the previous run is used.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// Modules that are unchanged are not read again.
    #[default]
    Reuse,
    /// Every module is read (`--full`).
    Ignore,
    /// If nothing would change, nothing is done (`-A`).
    Quick,
}

setters!(DepmodOptions {
    config: DepmodConfig,
    kernel_symbols: Option<KernelSymbols>,
    symbol_prefix: Option<u8>,
    report_unknown: bool,
    verbose: bool,
    warn_duplicates: bool,
    cache_use: CacheUse,
    cache_output: CacheOutput,
    meta: bool,
    builtin_modinfo: Option<PathBuf>,
});

impl DepmodOptions {
    /// Whether the versions of symbols are compared.
    pub(super) fn checks_versions(&self) -> bool {
        self.report_unknown && self.kernel_symbols.as_ref().is_some_and(|symbols| symbols.versions)
    }
}
