//! Checks of a meta.pb: whether it makes sense, and whether it says what the modules say.

use std::collections::HashMap;

use bstr::{BString, ByteSlice};

use crate::error::FormatError;
use crate::graph::Graph;
use crate::meta::{Aliases, Meta};
use crate::name::{self, Element};

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
    /// A device of a module does not lead to it.
    Unanswered {
        /// The module.
        module: BString,
        /// The device.
        modalias: BString,
    },
}

/// What is wrong with `meta` by itself: names, positions, circles, the shape of the trees.
pub fn check(meta: &Meta<'_>) -> Result<Vec<Flaw>> {
    let mut flaws = names(meta);
    let count = meta.modules().len();
    let mut graph = Graph::new(count);
    for (at, module) in (0_u32..).zip(meta.modules()) {
        let needed = module.depends()?.into_iter().chain(module.closure()?.unwrap_or_default());
        for position in needed {
            if position as usize >= count {
                flaws.push(Flaw::NoSuchModule { module: module.name.into(), position });
            } else {
                graph.add(at, position);
            }
        }
    }
    if let Err(cycles) = graph.topological_numbers() {
        let name = |position: u32| meta.name(position).unwrap_or_default().into_owned().into();
        let named = cycles.cycles.into_iter().map(|cycle| Flaw::Cycle(cycle.into_iter().map(name).collect()));
        flaws.extend(named);
    }
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        let walked = meta.patterns(aliases, |pattern, position| {
            if position as usize >= count {
                flaws.push(Flaw::NoSuchOwner { pattern: pattern.into(), position });
            }
        });
        flaws.extend(walked.err().map(|error| Flaw::Tree(aliases, error)));
    }
    Ok(flaws)
}

fn names(meta: &Meta<'_>) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut seen = HashMap::new();
    for (at, module) in (0_u32..).zip(meta.modules()) {
        if module.name.is_empty() {
            flaws.push(Flaw::Nameless(at as usize));
        } else if seen.insert(name::normalize(module.name), at).is_some() {
            flaws.push(Flaw::Twice(module.name.into()));
        }
    }
    flaws
}

/// In what `meta` differs from `fresh`, which has just been made of the modules themselves.
pub fn compare(meta: &Meta<'_>, fresh: &Meta<'_>) -> Result<Vec<Flaw>> {
    let there = positions(meta);
    let expected = positions(fresh);
    let mut flaws = Vec::new();
    for (at, module) in (0_u32..).zip(meta.modules()) {
        if meta.name(at).is_some_and(|name| !expected.contains_key(name.as_ref())) {
            flaws.push(Flaw::Surplus(module.name.into()));
        }
    }
    for (at, module) in (0_u32..).zip(fresh.modules()) {
        let Some(&found) = there.get(module.name) else {
            flaws.push(Flaw::Missing(module.name.into()));
            continue;
        };
        let path = meta.modules()[found as usize].path;
        if path != module.path {
            flaws.push(Flaw::Path {
                module: module.name.into(),
                there: path.into(),
                expected: module.path.into(),
            });
        }
        let (there, expected) = (needs(meta, found)?, needs(fresh, at)?);
        if there != expected {
            flaws.push(Flaw::Depends { module: module.name.into(), there, expected });
        }
    }
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        unanswered(meta, fresh, aliases, &mut flaws)?;
    }
    Ok(flaws)
}

fn positions(meta: &Meta<'_>) -> HashMap<Vec<u8>, u32> {
    (0_u32..)
        .zip(meta.modules())
        .map(|(at, module)| (name::normalize(module.name).into_owned(), at))
        .collect()
}

/// The names of what a module needs itself.
fn needs(meta: &Meta<'_>, position: u32) -> Result<Vec<BString>> {
    let depends = meta.modules()[position as usize].depends()?;
    let mut names: Vec<BString> =
        depends.iter().map(|&on| meta.name(on).unwrap_or_default().into_owned().into()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Asks `meta` for a device of each pattern of `fresh`. A file of others has no patterns of what is built in; that is no flaw.
fn unanswered(meta: &Meta<'_>, fresh: &Meta<'_>, aliases: Aliases, flaws: &mut Vec<Flaw>) -> Result<()> {
    if aliases == Aliases::Builtin && !meta.has(aliases) {
        return Ok(());
    }
    let mut outcome = Ok(());
    fresh.patterns(aliases, |pattern, position| {
        let Some(expected) = fresh.name(position).filter(|_| outcome.is_ok()) else { return };
        let modalias = example(pattern);
        match meta.search(aliases, &modalias) {
            Ok(found) if found.iter().any(|&at| meta.name(at).as_deref() == Some(&expected[..])) => {}
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
    pub fn all(meta: &Meta<'a>) -> Result<Vec<Self>> {
        let mut listed = Vec::with_capacity(meta.modules().len());
        let owned = |list: Vec<&[u8]>| list.into_iter().map(<[u8]>::to_vec).collect();
        for module in meta.modules() {
            let depends = module.depends()?.into_iter().filter_map(|on| Some(meta.name(on)?.into_owned()));
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

/// The names of the modules for a normalised modalias, built in or not, sorted.
///
/// Errors: those of [`Meta::search`].
pub fn serving(meta: &Meta<'_>, modalias: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for aliases in [Aliases::Loadable, Aliases::Builtin] {
        let found = meta.search(aliases, modalias)?;
        names.extend(found.into_iter().filter_map(|at| Some(meta.name(at)?.into_owned())));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
