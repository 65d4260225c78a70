//! An image of what is needed: every file with its place, every link on the way to one, and their sizes.
//!
//! Firmware goes below `/lib/firmware`, as it lies in the directory that it comes from; module files where they were.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::search::{Ambiguity, Found, Search};
use crate::error::{Error, FormatError, Result};
use crate::formats::firmware::cpio::List;
use crate::formats::firmware::fsspec::Spec;
use crate::formats::firmware::{Catalogue, Node, name};
use crate::formats::meta::FILE_NAME as META_NAME;
use crate::sys::file;

/// Where firmware is in an image.
pub const FIRMWARE: &str = "/lib/firmware";

/// Permissions in an image, as fwprune has them.
const FIRMWARE_MODE: u32 = 0o444;
const MODULE_MODE: u32 = 0o555;
const META_MODE: u32 = 0o444;

/// Where modules are in an image.
const MODULES: &str = "/lib/modules";

/// A part of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File {
        /// Where it is now.
        source: BString,
        /// Its bytes there.
        size: u64,
        /// Its permissions.
        mode: u32,
        /// Whether it is compressed there, and is not to be.
        decompress: bool,
    },
    /// A symbolic link with its target.
    Link(BString),
}

/// Files and links by their absolute paths in the image.
#[derive(Debug, Default, Clone)]
pub struct Image {
    entries: BTreeMap<BString, Entry>,
}

/// How much there is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Files.
    pub files: u64,
    /// Their bytes on the disk.
    pub bytes: u64,
}

impl Sizes {
    /// What is left of it.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self { files: self.files.saturating_sub(other.files), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Image {
    /// Adds what was found for a name: the links and the file. The answer is what could have been meant as well.
    pub fn add_firmware(&mut self, search: &Search, found: &Found) -> Vec<Ambiguity> {
        if let Some(ambiguity) = self.clash(search, found) {
            return vec![ambiguity];
        }
        let mut ambiguities = Vec::new();
        for (link, target) in &found.way.links {
            ambiguities.extend(self.add(place(link), Entry::Link(target.clone())));
        }
        let file = &found.way.file;
        if let Some(Node::File { source, size, rivals }) = search.node(found.root, file) {
            if !rivals.is_empty() {
                let ambiguity =
                    Ambiguity::Files { name: file.clone(), taken: source.clone(), others: rivals };
                ambiguities.push(ambiguity);
            }
            ambiguities.extend(
                self.add(place(file), Entry::File { source, size, mode: FIRMWARE_MODE, decompress: false }),
            );
        }
        ambiguities
    }

    /// Adds a file at a place; its size is asked for.
    ///
    /// Errors: the place leads upwards; the file cannot be examined.
    pub fn add_module(&mut self, path: impl Into<BString>, source: &Path) -> Result<()> {
        let path = path.into();
        if name::parts(&path).any(|part| part == b"..") {
            return Err(Error::new(source, FormatError::malformed("its path leads out of its directory")));
        }
        let size = file::stat(source).map_err(Error::at(source))?.size;
        let source = source.components().collect::<PathBuf>().into_os_string().into_encoded_bytes().into();
        self.entries.insert(path, Entry::File { source, size, mode: MODULE_MODE, decompress: false });
        Ok(())
    }

    /// Adds the meta.pb of the modules, which need not be there yet.
    pub fn add_meta(&mut self, source: &Path) {
        let path = format!("{MODULES}/{META_NAME}");
        let source = source.as_os_str().as_bytes().into();
        self.entries.insert(path.into(), Entry::File { source, size: 0, mode: META_MODE, decompress: false });
    }

    /// A file or link where there would have to be a directory too: one of them cannot be in the image.
    fn clash(&self, search: &Search, found: &Found) -> Option<Ambiguity> {
        let way = &found.way;
        let mut paths = way.links.iter().map(|(link, _)| link).chain([&way.file]);
        paths.find_map(|path| {
            let new = place(path);
            let slashes = new.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            let mut above =
                slashes.filter_map(|slash| self.entries.get_key_value(new.get(..slash)?.as_bstr()));
            let inside = BString::from([new.as_slice(), b"/"].concat());
            let mut below = self.entries.range::<BString, _>(&inside..);
            let below = below.next().filter(|(path, _)| path.starts_with(&inside));
            let (there, entry) = above.next().or(below)?;
            let name = if there.len() < new.len() { there.clone() } else { new.clone() };
            let other = match search.node(found.root, path) {
                Some(Node::File { source, .. }) => source,
                _ => search.on_disk(found.root, path),
            };
            Some(Ambiguity::Files { name, taken: told(entry), others: vec![other] })
        })
    }

    /// What comes first stays.
    pub(super) fn add(&mut self, path: BString, entry: Entry) -> Option<Ambiguity> {
        match self.entries.get(&path) {
            Some(there) if *there == entry => None,
            Some(there) => {
                let (taken, others) = (told(there), vec![told(&entry)]);
                Some(Ambiguity::Files { name: path, taken, others })
            }
            None => {
                self.entries.insert(path, entry);
                None
            }
        }
    }

    /// What is in it as a directory of firmware that is the root.
    pub(super) fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (path, entry) in self.entries() {
            let node = match entry {
                Entry::File { source, size, .. } => {
                    Node::File { source: source.clone(), size: *size, rivals: Vec::new() }
                }
                Entry::Link(target) => Node::Link(target.clone()),
            };
            catalogue.insert(path.trim_start_with(|char| char == '/').into(), node);
        }
        catalogue
    }

    /// What is in it, by path.
    pub fn entries(&self) -> impl Iterator<Item = (&BString, &Entry)> {
        self.entries.iter()
    }

    /// The same, to be changed.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = (&BString, &mut Entry)> {
        self.entries.iter_mut()
    }

    /// How much there is of it.
    pub fn sizes(&self) -> Sizes {
        self.entries.values().fold(Sizes::default(), |sizes, entry| match entry {
            Entry::File { size, .. } => sizes.plus(Sizes { files: 1, bytes: *size }),
            Entry::Link(_) => sizes,
        })
    }

    /// As fsspec: files first, then links.
    ///
    /// Errors: those of [`Spec::file`].
    pub fn fsspec(&self) -> std::result::Result<Vec<u8>, FormatError> {
        let mut spec = Spec::default();
        for (path, entry) in &self.entries {
            if let Entry::File { source, mode, .. } = entry {
                spec.file(path, source, *mode)?;
            }
        }
        for (path, entry) in &self.entries {
            if let Entry::Link(target) = entry {
                spec.link(path, target)?;
            }
        }
        Ok(spec.into_bytes())
    }

    /// As a list for `gen_init_cpio`.
    ///
    /// Errors: those of [`List::file`].
    pub fn cpio(&self) -> std::result::Result<Vec<u8>, FormatError> {
        let mut list = List::default();
        for (path, entry) in &self.entries {
            match entry {
                Entry::File { source, mode, .. } => list.file(path, source, *mode)?,
                Entry::Link(target) => list.link(path, target)?,
            }
        }
        Ok(list.into_bytes())
    }
}

/// What an entry is made of, in a word.
fn told(entry: &Entry) -> BString {
    match entry {
        Entry::File { source, .. } => source.clone(),
        Entry::Link(target) => target.clone(),
    }
}

/// The place of a path of a firmware directory.
pub(super) fn place(path: &[u8]) -> BString {
    name::join(FIRMWARE.as_bytes(), path)
}

/// The place of a file below a module directory, which `release` names if there is one; of one elsewhere where it is.
pub fn module_place(dir: &Path, release: &[u8], path: &Path) -> BString {
    let Ok(below) = path.strip_prefix(dir) else { return path.as_os_str().as_bytes().into() };
    let modules = name::join(MODULES.as_bytes(), release);
    let modules = if release.is_empty() { MODULES.into() } else { modules };
    name::join(modules.as_bytes(), below.as_os_str().as_bytes())
}

/// The lists of a module directory that depmod makes its indexes of besides the modules, as far as they are there.
pub fn depmod_inputs(dir: &Path) -> Vec<PathBuf> {
    let names = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];
    names.iter().map(|name| dir.join(name)).filter(|path| file::exists(path).is_ok()).collect()
}
