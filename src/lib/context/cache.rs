//! What depmod has left to be known of modules, in the side-cars beside their indexes.
//!
//! Owns the choice of the side-car for a path, whose side-car is believed, and the comparison with the file as it is now:
//! what is handed out is true of it. Must not interpret a record. See modules.oxmod.bin(5).

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bstr::ByteSlice;

use crate::formats::cache::{FILE_NAME, Facts, Identity, MAKER, Record};
use crate::formats::source::{ReadAt, Source};
use crate::sys::file::{self, Stat};
use crate::sys::host;

use super::MODULES;
use super::block_file::BlockFile;

/// What is known of the modules in any number of module directories.
#[derive(Default)]
pub struct Known {
    /// The side-cars that have been asked for, `None` where there is none to be believed.
    opened: RefCell<Vec<(PathBuf, Option<Rc<SideCar>>)>>,
}

struct SideCar {
    facts: Facts<BlockFile>,
    /// The only user who can have written it, besides root.
    writer: u32,
}

impl Known {
    /// The record of the module file `path`, if it is still the file that was read; for [`Record::view`]. `dir` is the
    /// module directory in question; other paths are looked for in theirs if it is a `lib/modules/VERSION`.
    pub fn of(&self, dir: &Path, path: &Path) -> Option<Vec<u8>> {
        let (dir, below) = split(dir, path)?;
        let side_car = self.side_car(dir)?;
        let module = file::stat(path).ok()?;
        // Whoever owns the module may say what is in it.
        if side_car.writer != module.owner && !is_believed(side_car.writer) {
            return None;
        }
        let record = side_car.facts.find(below)?;
        let same = Record::view(record)?.identity() == identity_of(&module);
        same.then(|| record.to_vec())
    }

    fn side_car(&self, dir: &Path) -> Option<Rc<SideCar>> {
        let mut opened = self.opened.borrow_mut();
        if let Some((_, known)) = opened.iter().find(|(of, _)| of == dir) {
            return known.clone();
        }
        let side_car = SideCar::open(dir).map(Rc::new);
        opened.push((dir.into(), side_car.clone()));
        side_car
    }
}

impl SideCar {
    fn open(dir: &Path) -> Option<Self> {
        let (file, writer) = open(dir)?;
        Some(Self { facts: Facts::open(file, MAKER).ok()?, writer })
    }
}

/// The bytes of the side-car in `dir`, if there is one that was written by whom the caller believes in all things: root,
/// or the caller itself.
pub fn read(dir: &Path) -> Option<Vec<u8>> {
    let (file, _) = open(dir).filter(|&(_, writer)| is_believed(writer))?;
    let mut bytes = Vec::new();
    file.reader().read_at(0..file.size(), &mut bytes).ok()?;
    Some(bytes)
}

/// A side-car, and the only user besides root who can have written it. `None` when anybody may have.
fn open(dir: &Path) -> Option<(BlockFile, u32)> {
    let file = BlockFile::open(&dir.join(FILE_NAME)).ok()?;
    let stat = file.stat().ok().filter(|stat| !stat.shared)?;
    Some((file, stat.owner))
}

fn is_believed(writer: u32) -> bool {
    writer == 0 || writer == host::user()
}

/// The identity of what `path` leads to; `None` when it cannot be examined.
pub fn identity(path: &Path) -> Option<Identity> {
    file::stat(path).ok().as_ref().map(identity_of)
}

fn identity_of(stat: &Stat) -> Identity {
    Identity { size: stat.size, inode: stat.inode, modified: stat.modified, changed: stat.changed }
}

/// The module directory that `path` is in, and the path below it.
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
    fn directories_are_told_from_paths() {
        let told = |dir: &str, path: &'static str| {
            split(Path::new(dir), Path::new(path)).map(|(dir, below)| (dir.to_str().unwrap(), below))
        };
        assert_eq!(told("/m/6.1", "/m/6.1/kernel/a.ko"), Some(("/m/6.1", &b"kernel/a.ko"[..])));
        assert_eq!(told("/m/6.1", "/m/6.10/a.ko"), None);
        assert_eq!(told("/m/6.1", "/r//lib/modules/6.2/a.ko"), Some(("/r//lib/modules/6.2", &b"a.ko"[..])));
        for path in ["/a.ko", "/lib/modules/a.ko", "/m/6.1", "a.ko", ""] {
            assert_eq!(told("/m/6.1", path), None, "{path}");
        }
    }
}
