//! An image: the required files with their paths and sizes, and every link that leads to one.
//!
//! Firmware is placed below `/lib/firmware`, with the paths that it has in its source directory; module
//! files keep their paths.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use super::FIRMWARE;
use super::search::{Ambiguity, FirmwareSearch, FoundFile};
use crate::error::{Error, FormatError, Result};
use crate::formats::firmware::cpio::CpioList;
use crate::formats::firmware::fsspec::FsSpec;
use crate::formats::firmware::{Catalogue, CatalogueNode, name};
use crate::formats::meta::FILE_NAME as META_NAME;
use crate::sys::file;

/// Permissions in an image, as fwprune has them.
const FIRMWARE_MODE: u32 = 0o444;
const MODULE_MODE: u32 = 0o555;
const META_MODE: u32 = 0o444;

/// Where modules are in an image.
const MODULES: &str = "/lib/modules";

/// An entry of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEntry {
    /// A file.
    File {
        /// The path of the source file.
        source: BString,
        /// The size of the source file in bytes.
        size: u64,
        /// The permissions in the image.
        mode: u32,
        /// Whether the source file is compressed and is to be decompressed.
        decompress: bool,
    },
    /// A symbolic link with its target.
    Link(BString),
}

/// The files and links of an image, by their absolute paths in it.
#[derive(Debug, Default, Clone)]
pub struct ImageTree {
    entries: BTreeMap<BString, ImageEntry>,
}

/// A number of files and their total size.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The number of files.
    pub files: u64,
    /// Their size on the disk in bytes.
    pub bytes: u64,
}

impl Sizes {
    /// Returns the difference.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self { files: self.files.saturating_sub(other.files), bytes: self.bytes.saturating_sub(other.bytes) }
    }

    /// Returns the sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { files: self.files + other.files, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl ImageTree {
    /// Adds the links and the file that were found for a name. Returns the ambiguities.
    pub fn add_firmware(&mut self, search: &FirmwareSearch, found: &FoundFile) -> Vec<Ambiguity> {
        if let Some(ambiguity) = self.conflict(search, found) {
            return vec![ambiguity];
        }
        let mut ambiguities = Vec::new();
        for (link, target) in &found.resolved.links {
            ambiguities.extend(self.add(place(link), ImageEntry::Link(target.clone())));
        }
        let file = &found.resolved.file;
        if let Some(CatalogueNode::File { source, size, alternatives }) = search.node(found.root, file) {
            if !alternatives.is_empty() {
                let ambiguity =
                    Ambiguity::Files { name: file.clone(), taken: source.clone(), others: alternatives };
                ambiguities.push(ambiguity);
            }
            ambiguities.extend(
                self.add(
                    place(file),
                    ImageEntry::File { source, size, mode: FIRMWARE_MODE, decompress: false },
                ),
            );
        }
        ambiguities
    }

    /// Adds a module file at `path`; its size is read from the file system.
    ///
    /// Errors: the path contains `..`; the file cannot be examined.
    pub fn add_module(&mut self, path: impl Into<BString>, source: &Path) -> Result<()> {
        let path = path.into();
        if name::parts(&path).any(|part| part == b"..") {
            return Err(Error::new(source, FormatError::malformed("path contains '..'")));
        }
        let size = file::stat(source).map_err(Error::at(source))?.size;
        let source = source.components().collect::<PathBuf>().into_os_string().into_encoded_bytes().into();
        self.entries.insert(path, ImageEntry::File { source, size, mode: MODULE_MODE, decompress: false });
        Ok(())
    }

    /// Adds the meta.pb of the modules, which need not exist yet.
    pub fn add_meta(&mut self, source: &Path) {
        let path = format!("{MODULES}/{META_NAME}");
        let source = source.as_os_str().as_bytes().into();
        self.entries
            .insert(path.into(), ImageEntry::File { source, size: 0, mode: META_MODE, decompress: false });
    }

    /// Finds a file or link at a path that would also have to be a directory: only one of them can be in
    /// the image.
    fn conflict(&self, search: &FirmwareSearch, found: &FoundFile) -> Option<Ambiguity> {
        let mut paths = found.resolved.links.iter().map(|(link, _)| link).chain([&found.resolved.file]);
        paths.find_map(|path| {
            let new = place(path);
            let slashes = new.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            let mut above =
                slashes.filter_map(|slash| self.entries.get_key_value(new.get(..slash)?.as_bstr()));
            let inside = BString::from([new.as_slice(), b"/"].concat());
            let mut below = self.entries.range::<BString, _>(&inside..);
            let below = below.next().filter(|(path, _)| path.starts_with(&inside));
            let (existing, entry) = above.next().or(below)?;
            let name = if existing.len() < new.len() { existing.clone() } else { new.clone() };
            let other = match search.node(found.root, path) {
                Some(CatalogueNode::File { source, .. }) => source,
                _ => search.on_disk(found.root, path),
            };
            Some(Ambiguity::Files { name, taken: origin(entry), others: vec![other] })
        })
    }

    /// Adds an entry unless there already is one at the path.
    pub(super) fn add(&mut self, path: BString, entry: ImageEntry) -> Option<Ambiguity> {
        match self.entries.get(&path) {
            Some(existing) if *existing == entry => None,
            Some(existing) => {
                let (taken, others) = (origin(existing), vec![origin(&entry)]);
                Some(Ambiguity::Files { name: path, taken, others })
            }
            None => {
                self.entries.insert(path, entry);
                None
            }
        }
    }

    /// Returns the contents as a catalogue, with the root of the image as the firmware directory.
    pub(super) fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (path, entry) in self.entries() {
            let node = match entry {
                ImageEntry::File { source, size, .. } => {
                    CatalogueNode::File { source: source.clone(), size: *size, alternatives: Vec::new() }
                }
                ImageEntry::Link(target) => CatalogueNode::Link(target.clone()),
            };
            catalogue.insert(path.trim_start_with(|char| char == '/').into(), node);
        }
        catalogue
    }

    /// Returns the entries, sorted by path.
    pub fn entries(&self) -> impl Iterator<Item = (&BString, &ImageEntry)> {
        self.entries.iter()
    }

    /// Returns the entries for modification.
    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = (&BString, &mut ImageEntry)> {
        self.entries.iter_mut()
    }

    /// Returns the number and total size of the files.
    pub fn sizes(&self) -> Sizes {
        self.entries.values().fold(Sizes::default(), |sizes, entry| match entry {
            ImageEntry::File { size, .. } => sizes.plus(Sizes { files: 1, bytes: *size }),
            ImageEntry::Link(_) => sizes,
        })
    }

    /// Returns the image as an fsspec: files first, then links.
    ///
    /// Errors: those of [`FsSpec::file`].
    pub fn fsspec(&self) -> std::result::Result<Vec<u8>, FormatError> {
        let mut spec = FsSpec::default();
        for (path, entry) in &self.entries {
            if let ImageEntry::File { source, mode, .. } = entry {
                spec.file(path, source, *mode)?;
            }
        }
        for (path, entry) in &self.entries {
            if let ImageEntry::Link(target) = entry {
                spec.link(path, target)?;
            }
        }
        Ok(spec.into_bytes())
    }

    /// Returns the image as a list for `gen_init_cpio`.
    ///
    /// Errors: those of [`CpioList::file`].
    pub fn cpio(&self) -> std::result::Result<Vec<u8>, FormatError> {
        let mut list = CpioList::default();
        for (path, entry) in &self.entries {
            match entry {
                ImageEntry::File { source, mode, .. } => list.file(path, source, *mode)?,
                ImageEntry::Link(target) => list.link(path, target)?,
            }
        }
        Ok(list.into_bytes())
    }
}

/// Returns the source of a file or the target of a link, to describe it.
fn origin(entry: &ImageEntry) -> BString {
    match entry {
        ImageEntry::File { source, .. } => source.clone(),
        ImageEntry::Link(target) => target.clone(),
    }
}

/// Returns the path in an image for a path in a firmware directory.
pub(super) fn place(path: &[u8]) -> BString {
    name::join(FIRMWARE.as_bytes(), path)
}

/// Returns the path in an image for a module file. A file below the module directory `dir` is placed in the
/// module directory of `release`, or in /lib/modules if `release` is empty; any other file keeps its path.
pub fn module_place(dir: &Path, release: &[u8], path: &Path) -> BString {
    let Ok(below) = path.strip_prefix(dir) else { return path.as_os_str().as_bytes().into() };
    let modules = name::join(MODULES.as_bytes(), release);
    let modules = if release.is_empty() { MODULES.into() } else { modules };
    name::join(modules.as_bytes(), below.as_os_str().as_bytes())
}

/// Returns the existing lists in a module directory that depmod reads besides the modules.
pub fn depmod_inputs(dir: &Path) -> Vec<PathBuf> {
    let names = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];
    names.iter().map(|name| dir.join(name)).filter(|path| file::exists(path).is_ok()).collect()
}
