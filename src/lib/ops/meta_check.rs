//! Checks of a meta.pb: whether it makes sense, and whether it says what the modules say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use bstr::{BString, ByteSlice};
use indexmap::IndexMap;

use crate::error::FormatError;
use crate::formats::meta::{Meta, Module};
use crate::graph::Graph;
use crate::name::{self, Element};

pub use crate::formats::meta::Aliases;

type Result<T> = std::result::Result<T, FormatError>;

/// Something that is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The module at this position has no name.
    Nameless(usize),
    /// Two modules have this name.
    Twice(BString),
    /// A module depends on a position that there is not.
    NoSuchModule {
        /// The module.
        module: BString,
        /// The position.
        position: u32,
    },
    /// Modules depend on each other in a circle.
    Cycle(Vec<BString>),
    /// A tree makes no sense.
    Tree(Aliases, FormatError),
    /// A pattern is that of a position that there is not.
    NoSuchOwner {
        /// The pattern.
        pattern: BString,
        /// The position.
        position: u32,
    },
    /// A module of the directory is missing.
    Missing(BString),
    /// A module that the directory has not.
    Surplus(BString),
    /// A module has its file elsewhere.
    Path {
        /// The module.
        module: BString,
        /// What the file says.
        there: BString,
        /// Where it is; empty for one that is built in.
        expected: BString,
    },
    /// A module depends on others than the file says.
    Depends {
        /// The module.
        module: BString,
        /// What the file says.
        there: Vec<BString>,
        /// What it needs.
        expected: Vec<BString>,
    },
    /// The index at the beginning says something else than the modules themselves.
    Index,
    /// What is to be loaded before a module, its soft or its weak dependencies are others than the file says.
    Order(BString),
    /// A pattern of a module is missing, or it has no such pattern.
    Pattern {
        /// The module.
        module: BString,
        /// The pattern.
        pattern: BString,
        /// Which of the two.
        missing: bool,
    },
    /// The file says that it is of another kernel.
    Release {
        /// What it says.
        there: BString,
        /// What it is of.
        expected: BString,
    },
    /// A device of a module does not lead to it.
    Unanswered {
        /// The module.
        module: BString,
        /// The device.
        modalias: BString,
    },
}

/// What is wrong with `meta` by itself: names, positions, circles, the shape of the trees, its index. `unindexed` is the
/// same file, opened so.
pub fn check(meta: &Meta, unindexed: &Meta) -> Result<Vec<Flaw>> {
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
    if !is_indexed_well(meta, unindexed, &modules)? {
        flaws.push(Flaw::Index);
    }
    Ok(flaws)
}

fn names(modules: &[Module<'_>]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut seen = HashSet::new();
    for (at, module) in modules.iter().enumerate() {
        if module.name.is_empty() {
            flaws.push(Flaw::Nameless(at));
        } else if !seen.insert(name::normalize(module.name)) {
            flaws.push(Flaw::Twice(module.name.into()));
        }
    }
    flaws
}

/// Whether the file says of its modules by its index what they say themselves.
fn is_indexed_well(meta: &Meta, unindexed: &Meta, modules: &[Module<'_>]) -> Result<bool> {
    if !meta.has_index() {
        return meta.keeps_its_index();
    }
    let mut first = HashMap::new();
    for (at, module) in (0_u32..).zip(modules) {
        first.entry(name::normalize(module.name)).or_insert(at);
        if meta.place(at) != unindexed.place(at) {
            return Ok(false);
        }
    }
    let is_found = |(name, &at): (&Cow<'_, [u8]>, &u32)| meta.position(name) == Ok(Some(at));
    Ok(meta.len() == unindexed.len()
        && first.iter().all(is_found)
        && meta.soft_and_weak().is_ok_and(|there| Ok(there) == unindexed.soft_and_weak()))
}

/// In what `meta` differs from `fresh`, which has just been made of the modules themselves. Files of others need have
/// nothing but module files, what they need themselves, and patterns that lead to them.
pub fn compare(meta: &Meta, fresh: &Meta) -> Result<Vec<Flaw>> {
    let is_ours = meta.is_ours()?;
    let there = by_name(meta)?;
    let expected = by_name(fresh)?;
    let surplus = there
        .iter()
        .filter(|(name, module)| !expected.contains_key(*name) && (is_ours || !module.is_builtin()));
    let mut flaws: Vec<Flaw> = surplus.map(|(name, _)| Flaw::Surplus(name.clone())).collect();
    for (name, new) in &expected {
        match there.get(name) {
            Some(old) => flaws.extend(differing(name, (meta, old), (fresh, new), is_ours)?),
            None if is_ours || !new.is_builtin() => flaws.push(Flaw::Missing(name.clone())),
            None => {}
        }
    }
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        if is_ours {
            patterns(meta, fresh, aliases, &mut flaws)?;
        } else {
            unanswered(meta, fresh, aliases, &mut flaws)?;
        }
    }
    let release = |of: &Meta| Ok(of.release()?.unwrap_or_default().to_vec());
    let (old, new): (Vec<u8>, Vec<u8>) = (release(meta)?, release(fresh)?);
    // Of a directory that is given by itself nobody knows it.
    if is_ours && old != new && !new.is_empty() {
        flaws.push(Flaw::Release { there: old.into(), expected: new.into() });
    }
    Ok(flaws)
}

/// In what one module differs from what it is.
fn differing(
    name: &BString,
    (meta, old): (&Meta, &Module<'_>),
    (fresh, new): (&Meta, &Module<'_>),
    is_ours: bool,
) -> Result<Vec<Flaw>> {
    let mut flaws = Vec::new();
    let module = || name.clone();
    if old.path != new.path {
        flaws.push(Flaw::Path { module: module(), there: old.path.into(), expected: new.path.into() });
    }
    let (there, expected) = (needs(meta, &old.depends()?)?, needs(fresh, &new.depends()?)?);
    if there != expected {
        flaws.push(Flaw::Depends { module: module(), there, expected });
    }
    if is_ours {
        let closure = |of: &Meta, one: &Module<'_>| -> Result<Vec<BString>> {
            let positions = one.closure()?.unwrap_or_default();
            positions.into_iter().map(|on| Ok(of.name(on)?.into_owned().into())).collect()
        };
        let same = closure(meta, old)? == closure(fresh, new)?
            && old.softdeps()? == new.softdeps()?
            && old.weakdeps()? == new.weakdeps()?
            && old.is_part()? == new.is_part()?;
        if !same {
            flaws.push(Flaw::Order(module()));
        }
    }
    Ok(flaws)
}

/// The patterns of one that the other has not, either way.
fn patterns(meta: &Meta, fresh: &Meta, aliases: Aliases, flaws: &mut Vec<Flaw>) -> Result<()> {
    let pairs = |of: &Meta| -> Result<BTreeSet<(BString, BString)>> {
        let mut found = Vec::new();
        of.patterns(aliases, |pattern, at| found.push((BString::from(pattern), at)))?;
        found.into_iter().map(|(pattern, at)| Ok((pattern, of.name(at)?.into_owned().into()))).collect()
    };
    let (there, expected) = (pairs(meta)?, pairs(fresh)?);
    let flaw = |(pattern, module): &(BString, BString), missing| Flaw::Pattern {
        module: module.clone(),
        pattern: pattern.clone(),
        missing,
    };
    flaws.extend(expected.difference(&there).map(|pair| flaw(pair, true)));
    flaws.extend(there.difference(&expected).map(|pair| flaw(pair, false)));
    Ok(())
}

/// The modules by their normalised names, in order.
fn by_name(meta: &Meta) -> Result<IndexMap<BString, Module<'_>>> {
    meta.modules()
        .map(|module| module.map(|module| (name::normalize(module.name).into_owned().into(), module)))
        .collect()
}

/// The names of what a module needs itself.
fn needs(meta: &Meta, positions: &[u32]) -> Result<Vec<BString>> {
    let names = positions.iter().map(|&on| Ok(meta.name(on)?.into_owned().into()));
    let mut names = names.collect::<Result<Vec<BString>>>()?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Asks `meta` for a device of each pattern of `fresh`. A file of others has no patterns of what is built in; that is no flaw.
fn unanswered(meta: &Meta, fresh: &Meta, aliases: Aliases, flaws: &mut Vec<Flaw>) -> Result<()> {
    if aliases == Aliases::Builtin && !meta.has(aliases) {
        return Ok(());
    }
    let mut outcome = Ok(());
    fresh.patterns(aliases, |pattern, position| {
        let Some(expected) = fresh.name(position).ok().filter(|_| outcome.is_ok()) else { return };
        let modalias = example(pattern);
        match meta.search(aliases, &modalias) {
            Ok(found) if found.iter().any(|&at| meta.name(at).is_ok_and(|name| name == expected)) => {}
            Ok(_) => {
                let module = expected.as_bstr().into();
                flaws.push(Flaw::Unanswered { module, modalias: modalias.into() });
            }
            Err(error) => outcome = Err(error),
        }
    })?;
    outcome
}

/// A normalised modalias that a pattern matches: each `*` stands for nothing.
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

/// A module with all that the file says of it.
#[derive(Debug)]
pub struct Listed<'a> {
    /// Its name, normalised.
    pub name: Vec<u8>,
    /// Its file below the module directory; empty for one that is built in.
    pub path: &'a [u8],
    /// The names of what it needs itself.
    pub depends: Vec<Vec<u8>>,
    /// Its patterns, sorted; a set of several ranges makes several.
    pub aliases: Vec<Vec<u8>>,
    /// Its soft dependencies, as the module spells them.
    pub softdeps: Vec<Vec<u8>>,
    /// Its weak dependencies.
    pub weakdeps: Vec<Vec<u8>>,
}

impl<'a> Listed<'a> {
    /// Every module, by position.
    ///
    /// Errors: malformed, and what [`Meta::patterns`] answers.
    pub fn all(meta: &'a Meta) -> Result<Vec<Self>> {
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

/// A module for a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// Its name, normalised.
    pub name: Vec<u8>,
    /// Whether it is part of the kernel.
    pub builtin: bool,
}

/// The modules for a normalised modalias, by name.
///
/// Errors: those of [`Meta::search`] and [`Meta::name`].
pub fn serving(meta: &Meta, modalias: &[u8]) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        for position in meta.search(aliases, modalias)? {
            let name = meta.name(position)?.into_owned();
            served.push(Served { name, builtin: aliases == Aliases::Builtin });
        }
    }
    served.sort_unstable();
    served.dedup();
    Ok(served)
}
