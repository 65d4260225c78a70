//! Lookups in the caches of module directories, which contain what depmod has read from each module.
//!
//! This module owns the choice of the cache for a module's path, the decision which caches are trusted, and the comparison
//! of a record with the module file: every record that it returns describes the current file. It must not interpret
//! records. See modules.oxmod.bin(5).

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::ByteSlice;

use crate::formats::cache::{Cache, FILE_NAME, FileIdentity, MAKER, Record};
use crate::formats::source::{ReadAt, Source};
use crate::sys::file::{self, Stat};
use crate::sys::host;

use super::MODULES;
use super::block_file::BlockFile;

/// The caches of any number of module directories, each opened at its first use.
#[derive(Default)]
pub struct Caches {
    /// By module directory; `None` if there is no trusted cache.
    opened: RefCell<Vec<(PathBuf, Option<Rc<OpenCache>>)>>,
}

struct OpenCache {
    contents: Cache<BlockFile>,
    /// The only user, besides root, who can have written it.
    writer: u32,
}

impl Caches {
    /// Calls `answer` with the record of the module file `path` and returns its result; `None` if there is no record, or
    /// the file has changed since it was read. `dir` is the module directory; the cache for a path outside it is that of
    /// the `lib/modules/RELEASE` in the path.
    pub fn record<T>(
        &self,
        dir: &Path,
        path: &Path,
        answer: impl FnOnce(&Record<'_>) -> Option<T>,
    ) -> Option<T> {
        let (dir, below) = split(dir, path)?;
        let cache = self.cache(dir)?;
        let module = file::stat(path).ok()?;
        // The owner of a module file is trusted with its record too.
        if cache.writer != module.owner && !is_trusted(cache.writer) {
            return None;
        }
        let record = Record::view(cache.contents.find(below)?)?;
        if record.identity() == identity_of(&module) { answer(&record) } else { None }
    }

    fn cache(&self, dir: &Path) -> Option<Rc<OpenCache>> {
        let mut opened = self.opened.borrow_mut();
        if let Some((_, cache)) = opened.iter().find(|(of, _)| of == dir) {
            return cache.clone();
        }
        let cache = OpenCache::open(dir).map(Rc::new);
        opened.push((dir.into(), cache.clone()));
        cache
    }
}

impl OpenCache {
    fn open(dir: &Path) -> Option<Self> {
        let (file, writer) = open(dir)?;
        Some(Self { contents: Cache::open(file, MAKER).ok()?, writer })
    }
}

/// Reads the whole cache in `dir`; `None` if there is none, or another user than root or the caller may have written it.
pub fn read(dir: &Path) -> Option<Vec<u8>> {
    let (file, _) = open(dir).filter(|&(_, writer)| is_trusted(writer))?;
    let mut bytes = Vec::new();
    file.reader().read_at(0..file.size(), &mut bytes).ok()?;
    Some(bytes)
}

/// Opens the cache in `dir` and returns the only user, besides root, who can have written it; `None` if other users may
/// have.
fn open(dir: &Path) -> Option<(BlockFile, u32)> {
    let file = BlockFile::open(&dir.join(FILE_NAME)).ok()?;
    let stat = file.stat().ok().filter(|stat| !stat.shared)?;
    Some((file, stat.owner))
}

fn is_trusted(writer: u32) -> bool {
    writer == 0 || writer == host::user()
}

/// Returns the identity of the file at `path`; `None` if it cannot be examined.
pub fn identity(path: &Path) -> Option<FileIdentity> {
    file::stat(path).ok().as_ref().map(identity_of)
}

fn identity_of(stat: &Stat) -> FileIdentity {
    FileIdentity { size: stat.size, inode: stat.inode, modified: stat.modified, changed: stat.changed }
}

/// Splits `path` into its module directory and the path below that.
fn split<'p>(dir: &Path, path: &'p Path) -> Option<(&'p Path, &'p [u8])> {
    let bytes = path.as_os_str().as_bytes();
    let at = |len: usize| {
        let (dir, rest) = bytes.split_at_checked(len)?;
        Some((Path::new(OsStr::from_bytes(dir)), rest.strip_prefix(b"/")?))
    };
    let dir = dir.as_os_str().as_bytes();
    if bytes.starts_with(dir) && bytes.get(dir.len()) == Some(&b'/') {
        return at(dir.len());
    }
    let parent = bytes.find(MODULES)? + MODULES.len();
    at(parent + bytes.get(parent..)?.iter().position(|&byte| byte == b'/')?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_the_module_directory() {
        let split_at = |dir: &str, path: &'static str| {
            split(Path::new(dir), Path::new(path)).map(|(dir, below)| (dir.to_str().unwrap(), below))
        };
        assert_eq!(split_at("/m/6.1", "/m/6.1/kernel/a.ko"), Some(("/m/6.1", &b"kernel/a.ko"[..])));
        assert_eq!(split_at("/m/6.1", "/m/6.10/a.ko"), None);
        assert_eq!(
            split_at("/m/6.1", "/r//lib/modules/6.2/a.ko"),
            Some(("/r//lib/modules/6.2", &b"a.ko"[..]))
        );
        for path in ["/a.ko", "/lib/modules/a.ko", "/m/6.1", "a.ko", ""] {
            assert_eq!(split_at("/m/6.1", path), None, "{path}");
        }
    }
}
