//! Comparing the requests of modules with the existing firmware.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;

use super::image::{ImageTree, place};
use super::need::Needs;
use super::search::{Ambiguity, FirmwareSearch, FoundFile};
use crate::formats::firmware::whence::Whence;
use crate::formats::firmware::{CatalogueNode, Steps, Unavailable, name};

/// A requested name for which there are files.
#[derive(Debug)]
pub struct PresentFirmware {
    /// The name or pattern, as written in the modules.
    pub name: BString,
    /// The modules that request it.
    pub modules: Vec<BString>,
    /// The files; several are possible for a pattern.
    pub files: Vec<FoundFile>,
}

/// A requested name for which there is no file.
#[derive(Debug)]
pub struct MissingFirmware {
    /// The name or pattern, as written in the modules.
    pub name: BString,
    /// The modules that request it.
    pub modules: Vec<BString>,
    /// Why there is no file.
    pub why: Unavailable,
}

/// The present and missing names, each sorted by name.
#[derive(Debug, Default)]
pub struct Survey {
    /// The names for which there are files.
    pub present: Vec<PresentFirmware>,
    /// The names for which there are none.
    pub missing: Vec<MissingFirmware>,
}

/// An image of the needed firmware.
#[derive(Debug, Default)]
pub struct GatheredFiles<'s> {
    /// The image.
    pub image: ImageTree,
    /// The ambiguities in it.
    pub ambiguities: Vec<Ambiguity>,
    /// The names whose files are not in the image because another entry has their path.
    pub lost: Vec<&'s PresentFirmware>,
}

/// A file of the search, or a link that leads to one, and its owners.
#[derive(Debug)]
pub struct OwnedFile {
    /// The path on the disk.
    pub path: BString,
    /// The path of the source of a file, which may lie outside the directory.
    pub source: Option<BString>,
    /// The names by which modules could request it: its path relative to the searched directories, without
    /// the suffix of a compressed file.
    pub names: Vec<BString>,
    /// The modules that request it.
    pub modules: Vec<BString>,
}

impl OwnedFile {
    /// Whether this is the file called `file`, which is a name as modules request it or a path below a firmware
    /// directory.
    pub fn is_called(&self, file: &[u8]) -> bool {
        self.names.iter().any(|own| name::matches(name::plain(file).0, own))
    }

    /// Whether `is_path` accepts the path of this file or of its source.
    pub fn is_at(&self, is_path: impl Fn(&BString) -> bool) -> bool {
        is_path(&self.path) || self.source.iter().any(is_path)
    }

    /// Returns the drivers that WHENCE lists for it, each once.
    pub fn drivers(&self, whence: &Whence) -> Vec<BString> {
        let mut drivers: Vec<BString> = Vec::new();
        for driver in self.names.iter().flat_map(|name| whence.drivers_of(name)) {
            if !drivers.contains(driver) {
                drivers.push(driver.clone());
            }
        }
        drivers
    }
}

impl MissingFirmware {
    /// Whether `file`, which is a name or a pattern of names, matches this name, or this pattern matches it.
    pub fn is_called(&self, file: &[u8]) -> bool {
        let file = name::plain(file).0;
        name::matches(file, &self.name) || name::matches(&self.name, file)
    }
}

impl Survey {
    /// Searches for everything that is needed.
    pub fn new(needs: &Needs, search: &FirmwareSearch) -> Self {
        let (mut survey, mut steps) = (Self::default(), Steps::default());
        for (name, modules) in needs {
            let (name, modules) = (name.clone(), modules.clone());
            match search.find(&name, &mut steps) {
                Ok(files) => survey.present.push(PresentFirmware { name, modules, files }),
                Err(why) => survey.missing.push(MissingFirmware { name, modules, why }),
            }
        }
        survey
    }

    /// Removes the missing names that match one of these names and patterns.
    pub fn allow(&mut self, patterns: &[BString]) {
        let allowed = |missing: &MissingFirmware| {
            patterns.iter().any(|pattern| *pattern == missing.name || name::matches(pattern, &missing.name))
        };
        self.missing.retain(|missing| !allowed(missing));
    }

    /// Returns an image of all files that were found.
    pub fn image(&self, search: &FirmwareSearch) -> GatheredFiles<'_> {
        let (mut gathered, mut seen) = (GatheredFiles::default(), BTreeSet::new());
        for found in self.present.iter().flat_map(|present| &present.files) {
            for ambiguity in gathered.image.add_firmware(search, found) {
                if seen.insert(ambiguity.clone()) {
                    gathered.ambiguities.push(ambiguity);
                }
            }
        }
        if !gathered.ambiguities.is_empty() {
            let catalogue = gathered.image.catalogue();
            let is_in_image = |found: &FoundFile| catalogue.resolve(&place(&found.path)).is_ok();
            gathered.lost =
                self.present.iter().filter(|present| !present.files.iter().all(is_in_image)).collect();
        }
        gathered
    }

    /// Returns every file and link of the search with the modules that request it: by its name, by a
    /// pattern, or by a link.
    pub fn owners(&self, search: &FirmwareSearch) -> Vec<OwnedFile> {
        let mut modules: BTreeMap<(usize, &BString), Vec<BString>> = BTreeMap::new();
        for present in &self.present {
            for found in &present.files {
                let links = found.resolved.links.iter().map(|(link, _)| link);
                for path in links.chain([&found.resolved.file]) {
                    let owners = modules.entry((found.root, path)).or_default();
                    owners.extend(present.modules.iter().cloned());
                }
            }
        }
        // Links from WHENCE are included, whether or not they exist.
        let all: BTreeSet<(usize, &BString)> = search.everything().chain(modules.keys().copied()).collect();
        let everything = all.into_iter().map(|(root, path)| {
            let mut modules = modules.get(&(root, path)).cloned().unwrap_or_default();
            modules.sort_unstable();
            modules.dedup();
            let source = match search.node(root, path) {
                Some(CatalogueNode::File { source, .. }) => Some(source),
                _ => None,
            };
            OwnedFile { path: search.on_disk(root, path), source, names: search.names(root, path), modules }
        });
        everything.collect()
    }
}

/// The file for a name, or a link that leads to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededPath {
    /// The path on the disk.
    pub path: BString,
    /// The target of a link.
    pub target: Option<BString>,
    /// The size of a file in bytes.
    pub size: Option<u64>,
}

impl NeededPath {
    /// Returns the links and the file that were found, in the order in which the kernel follows them,
    /// including links that lie outside the searched directory.
    pub fn all(search: &FirmwareSearch, found: &FoundFile) -> Vec<Self> {
        let link = |path, target| Self { path, target: Some(target), size: None };
        let mut places: Vec<Self> = Vec::new();
        let mut add = |place: Self| {
            if !places.contains(&place) {
                places.push(place);
            }
        };
        let steps = found.resolved.links.iter().map(|(path, target)| (path, Some(target)));
        for (path, target) in steps.chain([(&found.resolved.file, None)]) {
            for (path, target) in search.outward(found.root, path) {
                add(link(path.clone(), target.clone()));
            }
            // A link that leads out of the directory has been added above.
            if let Some(target) = target.filter(|_| !search.leads_out(found.root, path)) {
                add(link(search.on_disk(found.root, path), target.clone()));
            }
        }
        if let Some(CatalogueNode::File { source, size, .. }) = search.node(found.root, &found.resolved.file)
        {
            add(Self { path: source, target: None, size: Some(size) });
        }
        places
    }
}
