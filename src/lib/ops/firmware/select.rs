//! Selecting modules together with their dependencies, including soft and weak ones.
//!
//! This module owns the meaning of names, patterns, devices and loaded modules in a selection. Contract:
//! modprobe's for names and devices; modules that the configuration prevents from being loaded for a device
//! are not selected for one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::context::loaded;
use crate::context::{Context, IndexKind};
use crate::error::{Error, Result};
use crate::name;
use crate::sys::devices::modaliases;

/// A selection of modules; an empty selection means all modules.
#[derive(Debug, Default, Clone)]
pub struct Selection {
    /// Module names, aliases, and patterns of module names.
    pub names: Vec<BString>,
    /// The sysfs mount point with the devices whose drivers are selected.
    pub devices: Option<PathBuf>,
    /// Whether the loaded modules are selected.
    pub loaded: bool,
}

/// The selected modules by normalised name, with their files; `None` for built-in ones.
pub type SelectedModules = BTreeMap<BString, Option<PathBuf>>;

/// The reason why the selection failed.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// No module has this name or alias.
    #[error("module {0} not found")]
    Unknown(BString),
    /// This directory has no module index.
    #[error("no index of modules in {}", .0.display())]
    NoIndex(PathBuf),
    /// The devices, or the loaded modules, cannot be listed.
    #[error(transparent)]
    Unread(#[from] Error),
}

/// Returns the selected modules and everything that they need.
pub fn select(context: &Context, selection: &Selection) -> std::result::Result<SelectedModules, SelectError> {
    let everything = selection.names.is_empty() && selection.devices.is_none() && !selection.loaded;
    let all = all_modules(context)?;
    if everything {
        return Ok(all);
    }
    let mut wanted: Vec<BString> = Vec::new();
    for name in &selection.names {
        let found = named(context, &all, name);
        if found.is_empty() {
            return Err(SelectError::Unknown(name.clone()));
        }
        wanted.extend(found);
    }
    if let Some(sys) = &selection.devices {
        wanted.extend(devices(context, sys)?);
    }
    if selection.loaded {
        wanted.extend(loaded::list()?.into_iter().map(|module| module.name));
    }
    Ok(closure(context, &all, wanted))
}

/// Returns all modules.
fn all_modules(context: &Context) -> std::result::Result<SelectedModules, SelectError> {
    let mut all = SelectedModules::new();
    context.dump(IndexKind::Builtin, |name, _| {
        all.insert(name.into(), None);
    });
    context.dump(IndexKind::Dep, |name, line| {
        if let Some(dep) = crate::formats::index::text::Dep::parse(line) {
            all.insert(name.into(), Some(context.in_dir(dep.path)));
        }
    });
    // An index without modules is valid; a missing index is an error.
    if context.has_index(IndexKind::Dep) {
        Ok(all)
    } else {
        Err(SelectError::NoIndex(context.dir().to_path_buf()))
    }
}

/// Returns the modules that a name, an alias or a pattern of names stands for.
fn named(context: &Context, all: &SelectedModules, operand: &BString) -> Vec<BString> {
    let known = |name: &BString| all.contains_key(name);
    let found = context.lookup(operand).unwrap_or_default();
    let found: Vec<BString> = found.into_iter().map(|module| module.name).filter(known).collect();
    let is_pattern = operand.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    match name::normalize_alias(operand) {
        Ok(pattern) if found.is_empty() && is_pattern => {
            all.keys().filter(|name| name::fnmatch(&pattern, name)).cloned().collect()
        }
        _ => found,
    }
}

/// Returns the modules for the devices below `sys`, except those that the configuration prevents from being
/// loaded for a device.
///
/// Errors: the devices cannot be listed.
pub fn devices(context: &Context, sys: &Path) -> Result<BTreeSet<BString>> {
    let config = context.config();
    let is_excluded = |name: &BString| config.blacklisted(name).is_some() || config.forbidden(name).is_some();
    let modaliases: BTreeSet<Vec<u8>> =
        modaliases(&sys.join("devices"))?.into_iter().map(|(_, modalias)| modalias).collect();
    let found = modaliases.iter().flat_map(|modalias| context.lookup(modalias).unwrap_or_default());
    Ok(found.map(|module| module.name).filter(|name| !is_excluded(name)).collect())
}

/// Returns the modules with these names and everything that they need, each once.
fn closure(context: &Context, all: &SelectedModules, wanted: Vec<BString>) -> SelectedModules {
    let mut selected = SelectedModules::new();
    let mut pending = wanted;
    while let Some(name) = pending.pop() {
        let Some((name, path)) = all.get_key_value(name.as_bstr()) else { continue };
        if selected.insert(name.clone(), path.clone()).is_some() {
            continue;
        }
        pending.extend(context.dependencies(name).into_iter().map(|module| module.name));
        let softdeps = context.config().softdeps_of(name);
        let soft = softdeps.pre.into_iter().chain(softdeps.post);
        for name in soft.chain(context.config().weakdeps_of(name)) {
            pending.extend(context.lookup(name).unwrap_or_default().into_iter().map(|module| module.name));
        }
    }
    selected
}
