//! Checks of a meta.pb: whether it is consistent, and whether it agrees with the modules.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bstr::{BString, ByteSlice};

use crate::error::FormatError;
use crate::formats::meta::{MetaModule, MetaReader};
use crate::graph::Graph;
use crate::hash::IndexMap;
use crate::name::{self, Element};

pub use crate::formats::meta::Aliases;

type Result<T> = std::result::Result<T, FormatError>;

/// A defect of a meta.pb.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The module at this position has no name.
    Nameless(usize),
    /// Several modules have this name.
    Twice(BString),
    /// A module depends on a position that does not exist.
    NoSuchModule {
        /// The module.
        module: BString,
        /// The position.
        position: u32,
    },
    /// Modules depend on each other in a cycle.
    Cycle(Vec<BString>),
    /// A tree is malformed.
    Tree(Aliases, FormatError),
    /// A pattern refers to a position that does not exist.
    NoSuchOwner {
        /// The pattern.
        pattern: BString,
        /// The position.
        position: u32,
    },
    /// A module of the directory is missing.
    Missing(BString),
    /// A module that the directory does not have.
    Surplus(BString),
    /// A module's file has another path.
    Path {
        /// The module.
        module: BString,
        /// The path in the meta.pb.
        there: BString,
        /// The actual path; empty for a built-in module.
        expected: BString,
    },
    /// A module's dependencies differ from those in the meta.pb.
    Depends {
        /// The module.
        module: BString,
        /// The dependencies in the meta.pb.
        there: Vec<BString>,
        /// The actual dependencies.
        expected: Vec<BString>,
    },
    /// The index at the beginning of the file disagrees with its modules.
    Index,
    /// A module's order of dependencies, its soft dependencies or its weak dependencies differ from those
    /// in the meta.pb.
    Order(BString),
    /// A pattern of a module is missing from the meta.pb, or is in it but not in the module.
    Pattern {
        /// The module.
        module: BString,
        /// The pattern.
        pattern: BString,
        /// Whether the pattern is missing.
        missing: bool,
    },
    /// The meta.pb is for another kernel.
    Release {
        /// The release in the meta.pb.
        there: BString,
        /// The actual release.
        expected: BString,
    },
    /// A lookup of a device does not find its module.
    NotFound {
        /// The module.
        module: BString,
        /// The modalias of the device.
        modalias: BString,
    },
}

/// Checks `meta` by itself: names, positions, cycles, the shape of the trees, its index. `unindexed` is the
/// same file, opened without its index.
pub fn check(meta: &MetaReader, unindexed: &MetaReader) -> Result<Vec<Flaw>> {
    let modules = unindexed.modules().collect::<Result<Vec<_>>>()?;
    let mut flaws = names(&modules);
    let count = unindexed.len();
    let mut graph = Graph::new(modules.len());
    for (at, module) in (0_u32..).zip(&modules) {
        let needed = module.depends()?.into_iter().chain(module.closure()?.unwrap_or_default());
        for position in needed {
            if position < count {
                graph.add(at, position);
            } else {
                flaws.push(Flaw::NoSuchModule { module: module.name.into(), position });
            }
        }
    }
    if let Err(cycles) = graph.topological_numbers() {
        let name = |position: u32| modules[position as usize].name.into();
        let named = cycles.cycles.into_iter().map(|cycle| Flaw::Cycle(cycle.into_iter().map(name).collect()));
        flaws.extend(named);
    }
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        let walked = unindexed.patterns(aliases, |pattern, position| {
            if position >= count {
                flaws.push(Flaw::NoSuchOwner { pattern: pattern.into(), position });
            }
        });
        flaws.extend(walked.err().map(|error| Flaw::Tree(aliases, error)));
    }
    if !is_index_correct(meta, unindexed, &modules)? {
        flaws.push(Flaw::Index);
    }
    Ok(flaws)
}

fn names(modules: &[MetaModule<'_>]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, module) in modules.iter().enumerate() {
        if module.name.is_empty() {
            flaws.push(Flaw::Nameless(at));
        } else if !seen.insert(name::normalize(module.name)) {
            flaws.push(Flaw::Twice(module.name.into()));
        }
    }
    flaws
}

/// Whether the index of the file agrees with its modules.
fn is_index_correct(meta: &MetaReader, unindexed: &MetaReader, modules: &[MetaModule<'_>]) -> Result<bool> {
    if !meta.has_index() {
        return meta.keeps_its_index();
    }
    let mut first = BTreeMap::new();
    for (at, module) in (0_u32..).zip(modules) {
        first.entry(name::normalize(module.name)).or_insert(at);
        if meta.offset_of(at) != unindexed.offset_of(at) {
            return Ok(false);
        }
    }
    let is_found = |(name, &at): (&Cow<'_, [u8]>, &u32)| meta.position(name) == Ok(Some(at));
    Ok(meta.len() == unindexed.len()
        && first.iter().all(is_found)
        && meta.soft_and_weak().is_ok_and(|there| Ok(there) == unindexed.soft_and_weak()))
}

/// Returns the differences between `meta` and `current`, which was just built from the modules. A file that was written
/// by another program only needs module files, their direct dependencies, and patterns that find them.
pub fn compare(meta: &MetaReader, current: &MetaReader) -> Result<Vec<Flaw>> {
    let is_ours = meta.is_ours()?;
    let there = by_name(meta)?;
    let expected = by_name(current)?;
    let surplus = there
        .iter()
        .filter(|(name, module)| !expected.contains_key(*name) && (is_ours || !module.is_builtin()));
    let mut flaws: Vec<Flaw> = surplus.map(|(name, _)| Flaw::Surplus(name.clone())).collect();
    for (name, new) in &expected {
        match there.get(name) {
            Some(old) => flaws.extend(differing(name, (meta, old), (current, new), is_ours)?),
            None if is_ours || !new.is_builtin() => flaws.push(Flaw::Missing(name.clone())),
            None => {}
        }
    }
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        if is_ours {
            patterns(meta, current, aliases, &mut flaws)?;
        } else {
            lookups(meta, current, aliases, &mut flaws)?;
        }
    }
    let release = |of: &MetaReader| Ok(of.release()?.unwrap_or_default().to_vec());
    let (old, new): (Vec<u8>, Vec<u8>) = (release(meta)?, release(current)?);
    // For a module directory that was given directly, the release is not known.
    if is_ours && old != new && !new.is_empty() {
        flaws.push(Flaw::Release { there: old.into(), expected: new.into() });
    }
    Ok(flaws)
}

/// Returns the differences for one module.
fn differing(
    name: &BString,
    (meta, old): (&MetaReader, &MetaModule<'_>),
    (current, new): (&MetaReader, &MetaModule<'_>),
    is_ours: bool,
) -> Result<Vec<Flaw>> {
    let mut flaws = Vec::new();
    let module = || name.clone();
    if old.path != new.path {
        flaws.push(Flaw::Path { module: module(), there: old.path.into(), expected: new.path.into() });
    }
    let (there, expected) = (needs(meta, &old.depends()?)?, needs(current, &new.depends()?)?);
    if there != expected {
        flaws.push(Flaw::Depends { module: module(), there, expected });
    }
    if is_ours {
        let closure = |of: &MetaReader, one: &MetaModule<'_>| -> Result<Vec<BString>> {
            let positions = one.closure()?.unwrap_or_default();
            positions.into_iter().map(|on| Ok(of.name(on)?.into_owned().into())).collect()
        };
        let same = closure(meta, old)? == closure(current, new)?
            && old.softdeps()? == new.softdeps()?
            && old.weakdeps()? == new.weakdeps()?
            && old.is_kernel_part()? == new.is_kernel_part()?;
        if !same {
            flaws.push(Flaw::Order(module()));
        }
    }
    Ok(flaws)
}

/// Adds the patterns that only one of the two files has.
fn patterns(meta: &MetaReader, current: &MetaReader, aliases: Aliases, flaws: &mut Vec<Flaw>) -> Result<()> {
    let pairs = |of: &MetaReader| -> Result<BTreeSet<(BString, BString)>> {
        let mut found = Vec::new();
        of.patterns(aliases, |pattern, at| found.push((BString::from(pattern), at)))?;
        found.into_iter().map(|(pattern, at)| Ok((pattern, of.name(at)?.into_owned().into()))).collect()
    };
    let (there, expected) = (pairs(meta)?, pairs(current)?);
    let flaw = |(pattern, module): &(BString, BString), missing| Flaw::Pattern {
        module: module.clone(),
        pattern: pattern.clone(),
        missing,
    };
    flaws.extend(expected.difference(&there).map(|pair| flaw(pair, true)));
    flaws.extend(there.difference(&expected).map(|pair| flaw(pair, false)));
    Ok(())
}

/// Returns the modules by their normalised names, in order.
fn by_name(meta: &MetaReader) -> Result<IndexMap<BString, MetaModule<'_>>> {
    meta.modules()
        .map(|module| module.map(|module| (name::normalize(module.name).into_owned().into(), module)))
        .collect()
}

/// Returns the sorted names of a module's direct dependencies.
fn needs(meta: &MetaReader, positions: &[u32]) -> Result<Vec<BString>> {
    let names = positions.iter().map(|&on| Ok(meta.name(on)?.into_owned().into()));
    let mut names = names.collect::<Result<Vec<BString>>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Looks up one device for each pattern of `current` in `meta`. A file that was written by another program has no
/// patterns of built-in modules; that is not a defect.
fn lookups(meta: &MetaReader, current: &MetaReader, aliases: Aliases, flaws: &mut Vec<Flaw>) -> Result<()> {
    if aliases == Aliases::Builtin && !meta.has(aliases) {
        return Ok(());
    }
    let mut outcome = Ok(());
    current.patterns(aliases, |pattern, position| {
        let Some(expected) = current.name(position).ok().filter(|_| outcome.is_ok()) else { return };
        let modalias = example(pattern);
        match meta.search(aliases, &modalias) {
            Ok(found) if found.iter().any(|&at| meta.name(at).is_ok_and(|name| name == expected)) => {}
            Ok(_) => {
                let module = expected.as_bstr().into();
                flaws.push(Flaw::NotFound { module, modalias: modalias.into() });
            }
            Err(error) => outcome = Err(error),
        }
    })?;
    outcome
}

/// Returns a normalised modalias that a pattern matches; each `*` matches the empty string.
pub fn example(pattern: &[u8]) -> Vec<u8> {
    let mut modalias = Vec::with_capacity(pattern.len());
    for element in name::elements(pattern).unwrap_or_default() {
        match element {
            Element::Run => {}
            Element::Any => modalias.push(b'a'),
            Element::Byte(b'-') => modalias.push(b'_'),
            Element::Byte(byte) => modalias.push(byte),
            Element::Set(ranges) => modalias.extend(ranges.first().map(|&(low, _)| low)),
        }
    }
    modalias
}

/// A module with everything that the file contains about it.
#[derive(Debug)]
pub struct ListedModule<'a> {
    /// Its name, normalised.
    pub name: Vec<u8>,
    /// Its file below the module directory; empty for a built-in module.
    pub path: &'a [u8],
    /// The names of its direct dependencies.
    pub depends: Vec<Vec<u8>>,
    /// Its patterns, sorted; a bracket expression with several ranges is listed as several patterns.
    pub aliases: Vec<Vec<u8>>,
    /// Its soft dependencies, as the module spells them.
    pub softdeps: Vec<Vec<u8>>,
    /// Its weak dependencies.
    pub weakdeps: Vec<Vec<u8>>,
}

impl<'a> ListedModule<'a> {
    /// Returns all modules, by position.
    ///
    /// Errors: malformed, and those of [`MetaReader::patterns`].
    pub fn all(meta: &'a MetaReader) -> Result<Vec<Self>> {
        let mut listed = Vec::new();
        let owned = |list: Vec<&[u8]>| list.into_iter().map(<[u8]>::to_vec).collect();
        for module in meta.modules() {
            let module = module?;
            let depends =
                module.depends()?.into_iter().filter_map(|on| Some(meta.name(on).ok()?.into_owned()));
            listed.push(Self {
                name: name::normalize(module.name).into_owned(),
                path: module.path,
                depends: depends.collect(),
                aliases: Vec::new(),
                softdeps: owned(module.softdeps()?),
                weakdeps: owned(module.weakdeps()?),
            });
        }
        for aliases in [Aliases::Loadable, Aliases::Builtin] {
            meta.patterns(aliases, |pattern, position| {
                if let Some(module) = listed.get_mut(position as usize) {
                    module.aliases.push(pattern.to_vec());
                }
            })?;
        }
        for module in &mut listed {
            module.aliases.sort_unstable();
        }
        Ok(listed)
    }
}

/// A module that matches a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceModule {
    /// Its name, normalised.
    pub name: Vec<u8>,
    /// Whether it is built in.
    pub builtin: bool,
}

/// Returns the modules for a normalised modalias, sorted by name.
///
/// Errors: those of [`MetaReader::search`] and [`MetaReader::name`].
pub fn modules_for(meta: &MetaReader, modalias: &[u8]) -> Result<Vec<DeviceModule>> {
    let mut modules = Vec::new();
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        for position in meta.search(aliases, modalias)? {
            let name = meta.name(position)?.into_owned();
            modules.push(DeviceModule { name, builtin: aliases == Aliases::Builtin });
        }
    }
    modules.sort_unstable();
    modules.dedup();
    Ok(modules)
}
