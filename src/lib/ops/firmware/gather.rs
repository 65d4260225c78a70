//! Reading a firmware directory: its contents, and the files outside that its links lead to.
//!
//! Contract: the kernel opens firmware by plain paths on its root file system and follows every link. A
//! link that leads out of the directory is treated as its target: a file outside is listed at the path of
//! the link, and so is a directory with its contents; a link that leads back into the directory is treated
//! as a link to that place.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::error::{Error, Result};
use crate::formats::firmware::{Catalogue, CatalogueNode, name};
use crate::sys::listing::{self, FileKind};
use crate::sys::resolve::{self, ResolvedPath};

/// The maximum number of files and links that are read from directories outside. All of linux-firmware has
/// 5,000.
const MOST_OUTSIDE: usize = 1 << 16;

/// A firmware directory and its contents.
#[derive(Debug)]
pub(super) struct FirmwareDir {
    /// The directory as the caller gave it, or without links if these would lead elsewhere on the real
    /// root.
    pub dir: PathBuf,
    /// The directory with all links resolved.
    pub real: PathBuf,
    /// Its contents.
    pub catalogue: Catalogue,
}

/// Reads the directory `dir`. `whole` is the same directory as an absolute path; `root` is absolute too,
/// and absolute links are resolved below it.
///
/// Errors: the directory cannot be listed.
pub(super) fn gather(root: &Path, dir: &Path, whole: &Path) -> Result<FirmwareDir> {
    let resolved = resolve::follow(root, whole).map_err(Error::at(dir))?;
    let elsewhere = root != Path::new("/") && resolved.needs_root();
    let dir = if elsewhere { resolved.end.clone() } else { dir.to_path_buf() };
    let reader = DirReader {
        root,
        catalogue: Catalogue::default(),
        places: BTreeMap::new(),
        dirs: BTreeMap::new(),
        room: MOST_OUTSIDE,
    };
    let catalogue = reader.read(&dir, resolved.end.clone())?;
    Ok(FirmwareDir { dir, real: resolved.end, catalogue })
}

/// Reads one firmware directory.
struct DirReader<'r> {
    root: &'r Path,
    catalogue: Catalogue,
    /// For each directory that has been read, its place in the catalogue.
    places: BTreeMap<PathBuf, BString>,
    /// The reverse mapping.
    dirs: BTreeMap<BString, PathBuf>,
    /// How many more entries may be read from directories outside.
    room: usize,
}

impl DirReader<'_> {
    /// Reads the directory `dir`, whose path without links is `real`.
    fn read(mut self, dir: &Path, real: PathBuf) -> Result<Catalogue> {
        let listed = listing::below(dir, usize::MAX)?;
        self.add(dir, &BString::default(), listed);
        self.mark_read(real, BString::default());
        self.follow_all();
        Ok(self.catalogue)
    }

    /// Adds the contents of a directory.
    fn add(&mut self, dir: &Path, at: &BString, listed: Vec<(Vec<u8>, FileKind)>) {
        for (path, kind) in listed {
            let node = match kind {
                FileKind::File(size) => {
                    let source = name::join(dir.as_os_str().as_bytes(), &path);
                    CatalogueNode::File { source, size, alternatives: Vec::new() }
                }
                FileKind::Link(target) => CatalogueNode::Link(target.into()),
            };
            self.catalogue.insert(name::join(at, &path), node);
        }
    }

    /// Follows the links that lead out, including those found in the process. Each link is followed once.
    fn follow_all(&mut self) {
        let mut followed = BTreeSet::new();
        loop {
            let mut outward = self.catalogue.outward_links();
            outward.retain(|link| followed.insert(link.clone()));
            if outward.is_empty() {
                return;
            }
            for link in &outward {
                self.follow(link);
            }
        }
    }

    /// Follows a link that leads out of the directory and replaces it in the catalogue.
    fn follow(&mut self, link: &BString) {
        let on_disk = self.on_disk(link);
        let resolved = match resolve::follow(self.root, &on_disk) {
            Ok(resolved) => resolved,
            Err(error) => {
                // The link is part of a loop, or its target does not exist.
                let is_loop = error.raw_os_error() == Some(libc::ELOOP);
                let itself = link.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
                let node = is_loop.then(|| CatalogueNode::Link(itself.into()));
                return self.catalogue.replace_outward(link.clone(), Vec::new(), node);
            }
        };
        if let Some((outside, target)) = self.back_inside(&resolved) {
            let links = resolved.links.into_iter().take(outside).collect();
            let target = CatalogueNode::Link(relative(link, &target));
            return self.replace(link, ResolvedPath { links, ..resolved }, Some(target));
        }
        match listing::one(&resolved.end) {
            Ok(Some(FileKind::File(size))) => {
                let source = resolved.end.as_os_str().as_bytes().into();
                let file = CatalogueNode::File { source, size, alternatives: Vec::new() };
                self.replace(link, resolved, Some(file));
            }
            Ok(None) => self.replace_by_directory(link, resolved),
            _ => self.replace(link, resolved, None),
        }
    }

    /// Replaces a link by the directory that it leads to, with its contents.
    fn replace_by_directory(&mut self, link: &BString, resolved: ResolvedPath) {
        match listing::below(&resolved.end, self.room) {
            Ok(listed) => {
                self.room = self.room.saturating_sub(listed.len() + 1);
                self.add(&resolved.end, link, listed);
                self.mark_read(resolved.end.clone(), link.clone());
                self.replace(link, resolved, None);
            }
            // The directory is too large, so the link stays unresolved. `room` is halved, so that not many
            // links can cause such a listing.
            Err(error) if error.errno() == libc::EFBIG => self.room /= 2,
            Err(_) => self.replace(link, resolved, None),
        }
    }

    fn replace(&mut self, link: &BString, resolved: ResolvedPath, to: Option<CatalogueNode>) {
        let bytes = |path: PathBuf| BString::from(path.into_os_string().into_encoded_bytes());
        let links = resolved.links.into_iter().map(|link| (bytes(link.path), bytes(link.target)));
        self.catalogue.replace_outward(link.clone(), links.collect(), to);
    }

    fn mark_read(&mut self, dir: PathBuf, at: BString) {
        self.dirs.insert(at.clone(), dir.clone());
        self.places.insert(dir, at);
    }

    /// Returns the path on the disk for a path in the catalogue.
    fn on_disk(&self, path: &[u8]) -> PathBuf {
        let path = Path::new(OsStr::from_bytes(path));
        let below = |above: &Path| {
            let dir = self.dirs.get(above.as_os_str().as_bytes().as_bstr())?;
            Some(dir.join(path.strip_prefix(above).ok()?))
        };
        path.ancestors().find_map(below).unwrap_or_default()
    }

    /// Returns the place in the catalogue where a chain of links leads back into it, and the number of
    /// links before that.
    fn back_inside(&self, resolved: &ResolvedPath) -> Option<(usize, BString)> {
        let links = resolved.links.iter().enumerate().skip(1).filter(|(_, link)| link.is_last);
        let end = (resolved.links.len(), &resolved.end);
        let mut paths = links.map(|(at, link)| (at, &link.path)).chain([end]);
        paths.find_map(|(at, path)| Some((at, self.place_of(path)?)))
    }

    /// Returns the place in the catalogue for a path on the disk without links.
    fn place_of(&self, path: &Path) -> Option<BString> {
        path.ancestors().find_map(|above| {
            let at = self.places.get(above)?;
            let rest = path.strip_prefix(above).ok()?.as_os_str().as_bytes();
            Some(if rest.is_empty() { at.clone() } else { name::join(at, rest) })
        })
    }
}

/// Returns the relative target that makes a link at `link` lead to `there`; both are paths without other
/// links.
fn relative(link: &[u8], there: &[u8]) -> BString {
    let mut from: Vec<&[u8]> = name::parts(link).collect();
    from.pop();
    let to: Vec<&[u8]> = name::parts(there).collect();
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(common).map(|_| &b".."[..]);
    let parts: Vec<&[u8]> = up.chain(to.iter().skip(common).copied()).collect();
    if parts.is_empty() { ".".into() } else { bstr::join("/", parts).into() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn relative_targets() {
        for (link, there, target) in [
            ("a", "b", "b"),
            ("d/a", "b", "../b"),
            ("d/a", "d/b/c", "b/c"),
            ("d/e/a", "d/f/b", "../f/b"),
            ("d/a", "d", "."),
            ("d/a", "", ".."),
            ("a", "", "."),
        ] {
            assert_eq!(relative(link.as_bytes(), there.as_bytes()), target, "{link} {there}");
        }
    }

    /// A link to a very large directory is not followed; links to smaller ones are, up to the limit.
    #[test]
    fn links_to_large_directories_are_not_followed() {
        let top = tempfile::tempdir().unwrap();
        let fw = top.path().join("fw");
        for (dir, files) in [("fw", 1), ("small", 2), ("large", 20), ("other", 2)] {
            fs::create_dir(top.path().join(dir)).unwrap();
            for file in 0..files {
                fs::write(top.path().join(dir).join(file.to_string()), dir).unwrap();
            }
        }
        for (target, link) in
            [("../small", "a"), ("../large", "b"), ("../other", "c"), ("../small", "d"), ("/", "e")]
        {
            symlink(target, fw.join(link)).unwrap();
        }
        let reader = DirReader {
            root: top.path(),
            catalogue: Catalogue::default(),
            places: BTreeMap::new(),
            dirs: BTreeMap::new(),
            room: 10,
        };
        let catalogue = reader.read(&fw, fw.clone()).unwrap();
        assert_eq!(catalogue.outward_links(), ["b", "e"]);
        let found = |path: &str| catalogue.resolve(path.as_bytes()).map(|found| found.file.to_string()).ok();
        for (path, file) in [
            ("a/1", Some("a/1")),
            ("b/1", None),
            ("c/1", Some("c/1")),
            ("d/1", Some("a/1")),
            ("e/fw/0", None),
        ] {
            assert_eq!(found(path), file.map(str::to_owned), "{path}");
        }
    }
}
