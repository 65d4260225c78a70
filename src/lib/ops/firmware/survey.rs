//! What there is of all that is asked for, and what is not.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;

use super::image::Image;
use super::need::Needs;
use super::search::{Ambiguity, Found, Search};
use crate::firmware::{Dead, Node, name};

/// A name that there is something for.
#[derive(Debug)]
pub struct Present {
    /// As modules ask for it.
    pub name: BString,
    /// The modules that do.
    pub modules: Vec<BString>,
    /// The files, of a pattern perhaps several.
    pub files: Vec<Found>,
}

/// A name that there is nothing for.
#[derive(Debug)]
pub struct Missing {
    /// As modules ask for it.
    pub name: BString,
    /// The modules that do.
    pub modules: Vec<BString>,
    /// Why there is nothing.
    pub why: Dead,
}

/// Both, each sorted by name.
#[derive(Debug, Default)]
pub struct Survey {
    /// What there is.
    pub present: Vec<Present>,
    /// What there is not.
    pub missing: Vec<Missing>,
}

/// A file of the search, or a link on the way to one.
#[derive(Debug)]
pub struct Owned {
    /// Where it is on the disk.
    pub path: BString,
    /// Where it is below its directory, without the suffix of a compressed file.
    pub name: BString,
    /// The modules that ask for it.
    pub modules: Vec<BString>,
}

impl Survey {
    /// Looks for everything that is needed.
    pub fn new(needs: &Needs, search: &Search) -> Self {
        let mut survey = Self::default();
        for (name, modules) in needs {
            let (name, modules) = (name.clone(), modules.clone());
            match search.find(&name) {
                Ok(files) => survey.present.push(Present { name, modules, files }),
                Err(why) => survey.missing.push(Missing { name, modules, why }),
            }
        }
        survey
    }

    /// Passes over what is missing and matches one of these names and patterns.
    pub fn allow(&mut self, patterns: &[BString]) {
        let allowed = |missing: &Missing| {
            patterns.iter().any(|pattern| *pattern == missing.name || name::matches(pattern, &missing.name))
        };
        self.missing.retain(|missing| !allowed(missing));
    }

    /// All that there is, and what of it could be something else.
    pub fn image(&self, search: &Search) -> (Image, Vec<Ambiguity>) {
        let (mut image, mut ambiguities, mut told) = (Image::default(), Vec::new(), BTreeSet::new());
        for found in self.present.iter().flat_map(|present| &present.files) {
            for ambiguity in image.add_firmware(search, found) {
                if told.insert(ambiguity.clone()) {
                    ambiguities.push(ambiguity);
                }
            }
        }
        (image, ambiguities)
    }

    /// Every file and link of the search with the modules that ask for it: by the name itself, a pattern, or a link.
    pub fn owners(&self, search: &Search) -> Vec<Owned> {
        let mut modules: BTreeMap<(usize, &BString), Vec<BString>> = BTreeMap::new();
        for present in &self.present {
            for found in &present.files {
                let links = found.way.links.iter().map(|(link, _)| link);
                for path in links.chain([&found.way.file]) {
                    let owners = modules.entry((found.root, path)).or_default();
                    owners.extend(present.modules.iter().cloned());
                }
            }
        }
        let everything = search.everything().map(|(root, path)| {
            let mut modules = modules.get(&(root, path)).cloned().unwrap_or_default();
            modules.sort_unstable();
            modules.dedup();
            let plain = BString::from(name::plain(path).0);
            Owned { path: search.on_disk(root, path), name: plain, modules }
        });
        everything.collect()
    }
}

/// Something that a name leads to: a file, or a link on the way to one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Where it is on the disk.
    pub path: BString,
    /// Where a link leads.
    pub target: Option<BString>,
    /// The bytes of a file.
    pub size: Option<u64>,
}

impl Place {
    /// The links and the file of what was found, in the order in which the kernel comes upon them.
    pub fn all(search: &Search, found: &Found) -> Vec<Self> {
        let links = found.way.links.iter().map(|(link, target)| Self {
            path: search.on_disk(found.root, link),
            target: Some(target.clone()),
            size: None,
        });
        let file = match search.node(found.root, &found.way.file) {
            Some(Node::File { source, size, .. }) => {
                Some(Self { path: source, target: None, size: Some(size) })
            }
            _ => None,
        };
        links.chain(file).collect()
    }
}
