//! Looking up modules by name or alias.
//!
//! This module owns the stages of a lookup and their order. It must not decide what happens to a module
//! that was found. Contract: kmod's `kmod_module_new_from_lookup` and `kmod_module_new_from_name_lookup`;
//! only the first stage that finds something contributes to the result.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::{Context, IndexKind};
use crate::name::{self, UnmatchedBracket};

/// A module found by a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The normalised name, or whatever an alias refers to (such as `off`); a file need not exist.
    pub name: BString,
    /// The alias by which the module was found, if it was not found by its own name: the pattern of an
    /// `alias` line, or the string that was looked up in an index.
    pub alias: Option<BString>,
    /// The module file, if the module was requested by path; otherwise modules.dep has the path.
    pub file: Option<PathBuf>,
    /// Whether it was found among the built-in modules.
    pub builtin: bool,
}

impl Module {
    /// Returns a module that is identified by its own name.
    pub fn named(name: impl Into<BString>) -> Self {
        Self { name: name.into(), alias: None, file: None, builtin: false }
    }

    /// The alias by which the module was found, if it was not found by its name.
    pub fn alias_bytes(&self) -> Option<&[u8]> {
        self.alias.as_ref().map(|alias| alias.as_bytes())
    }

    fn aliased(name: &[u8], alias: &[u8]) -> Self {
        Self { alias: Some(alias.into()), ..Self::named(name) }
    }

    /// Returns the module that the file at this path provides. The file is not opened.
    pub fn from_file(path: &Path) -> Self {
        let name = name::from_path(path.as_os_str().as_bytes()).into_owned();
        Self { file: Some(path.to_path_buf()), ..Self::named(name) }
    }
}

/// One stage of a lookup: returns the modules for a normalised key; an empty result continues with the next
/// stage.
type Stage<C> = fn(&C, &[u8]) -> Vec<Module>;

impl Context {
    /// Returns every module that `alias`, a module name or an alias, stands for. The stages are: aliases in
    /// the configuration, module names, symbols, names with install or remove commands, module aliases,
    /// built-in modules, and their aliases. Empty if nothing is found.
    ///
    /// Errors: unmatched brackets.
    pub fn lookup(&self, alias: &[u8]) -> Result<Vec<Module>, UnmatchedBracket> {
        let key = name::normalize_alias(alias)?;
        let stages: [Stage<Self>; 7] = [
            Self::by_config_alias,
            Self::by_name,
            Self::by_symbol,
            Self::by_command,
            |context, key| context.by_index(IndexKind::Alias, key),
            Self::by_builtin_name,
            Self::by_builtin_alias,
        ];
        Ok(first_hit(stages.iter().map(|stage| stage(self, &key))))
    }

    /// Like [`lookup`](Self::lookup), but only for module names: modules.dep, built-in modules and their
    /// aliases. `name` is cut at its first `.` and normalised.
    pub fn lookup_name(&self, name: &[u8]) -> Vec<Module> {
        let stem = name.split(|&byte| byte == b'.').next().unwrap_or_default();
        let key = name::normalize(stem);
        let stages: [Stage<Self>; 3] = [Self::by_name, Self::by_builtin_name, Self::by_builtin_alias];
        first_hit(stages.iter().map(|stage| stage(self, &key)))
    }

    /// Returns the built-in modules with this normalised alias, whether or not other modules have it too.
    pub fn builtins_for(&self, key: &[u8]) -> Vec<Module> {
        self.by_builtin_alias(key)
    }

    /// Returns the dependencies of a normalised module name in the order of modules.dep: the one to be
    /// loaded first comes last.
    pub fn dependencies(&self, name: &[u8]) -> Vec<Module> {
        let Some(dep) = self.checked_dep(name) else { return Vec::new() };
        dep.dependencies().map(|path| Module::named(name::from_path(path).into_owned())).collect()
    }

    fn by_config_alias(&self, key: &[u8]) -> Vec<Module> {
        let found = self.config().aliases_of(key);
        found.map(|alias| Module::aliased(&alias.module, &alias.pattern)).collect()
    }

    fn by_name(&self, key: &[u8]) -> Vec<Module> {
        // Names have no colons but most aliases do, so most aliases do not cause this index to be read.
        let found = !key.contains(&b':') && self.dep(key).is_some();
        if found { vec![Module::named(key)] } else { Vec::new() }
    }

    fn by_symbol(&self, key: &[u8]) -> Vec<Module> {
        if key.starts_with(b"symbol:") { self.by_index(IndexKind::Symbol, key) } else { Vec::new() }
    }

    fn by_command(&self, key: &[u8]) -> Vec<Module> {
        let config = self.config();
        let mut commands = config.installs.iter().chain(&config.removes);
        match commands.find(|command| command.pattern.as_bytes() == key) {
            Some(_) => vec![Module::named(key)],
            None => Vec::new(),
        }
    }

    fn by_index(&self, kind: IndexKind, key: &[u8]) -> Vec<Module> {
        let found = self.backend.search(kind, key).into_iter();
        found.map(|name| Module { alias: Some(key.into()), ..Module::named(name) }).collect()
    }

    fn by_builtin_name(&self, key: &[u8]) -> Vec<Module> {
        let found = self.is_builtin(key);
        if found { vec![Module { builtin: true, ..Module::named(key) }] } else { Vec::new() }
    }

    fn by_builtin_alias(&self, key: &[u8]) -> Vec<Module> {
        let found = self.by_index(IndexKind::BuiltinAlias, key).into_iter();
        found.map(|module| Module { builtin: true, ..module }).collect()
    }
}

fn first_hit(mut stages: impl Iterator<Item = Vec<Module>>) -> Vec<Module> {
    stages.find(|found| !found.is_empty()).unwrap_or_default()
}
