//! Filling a directory with files and links, without writing anywhere else.
//!
//! The directory is treated as a root: links in it to directories are followed, but an absolute link starts at the
//! directory and no link leads above it, so nothing is written elsewhere, whatever the directory contains. Each file is
//! written under a temporary name and renamed when it is complete; it replaces whatever has its name, unless that is a
//! directory. A run that is killed leaves complete files and possibly one whose name begins with `.oxmod-new-`, which
//! the next run that fills the same directory removes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, syncfs, unlinkat};

use super::{dir, publish, temporary};
use crate::error::{Error, FormatError, Result};
use crate::path_walk::{PathEntry, PathTree, walk};

/// The prefix of the names of incomplete files.
const TEMPORARY: &str = ".oxmod-new-";
/// The mode of new directories, before the umask.
const DIR_MODE: Mode = Mode::from_bits_truncate(0o755);

/// A directory that is being filled. There is no other writer, unless the file system does not support locks.
#[derive(Debug)]
pub struct ImageDir {
    top: Place,
    /// The directories, by device and inode, from which the temporary files of previous runs have been removed.
    cleaned: RefCell<BTreeSet<(u64, u64)>>,
}

/// An open directory and its path without links.
#[derive(Debug)]
struct Place {
    dir: File,
    path: PathBuf,
}

impl Place {
    /// The same directory, open a second time.
    fn reopen(&self) -> Result<Self> {
        let dir = self.dir.try_clone().map_err(Error::at(&self.path))?;
        Ok(Self { dir, path: self.path.clone() })
    }
}

impl ImageDir {
    /// Opens the directory `path`, creating it if necessary, and waits until no other process is filling it.
    ///
    /// Errors: those of creating and opening it.
    pub fn open(path: &Path) -> Result<Self> {
        publish::create_dir(path)?;
        let dir = dir::open(path).map_err(Error::at(path))?;
        publish::lock(&dir, publish::PATIENCE);
        Ok(Self { top: Place { dir, path: path.into() }, cleaned: RefCell::default() })
    }

    /// Writes a file at a path below the directory, with exactly these permissions whatever the umask is. Returns its
    /// path without links.
    ///
    /// Errors: `ENOTDIR` if a component is a file; malformed if a component is a dangling link; `EISDIR` if the path is
    /// a directory; `EINVAL` if the path is invalid; those of writing.
    pub fn file(&self, path: &[u8], bytes: &[u8], mode: u32) -> Result<PathBuf> {
        let mode = Mode::from_bits_truncate(mode & 0o777);
        self.put(path, |dir, name| {
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let mut file = File::from(openat(dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
            let written = file.write_all(bytes).and_then(|()| Ok(fchmod(&file, mode)?));
            written.inspect_err(|_| remove(dir, name))
        })
    }

    /// Creates a symbolic link at a path below the directory.
    ///
    /// Errors: those of [`ImageDir::file`].
    pub fn link(&self, path: &[u8], target: &[u8]) -> Result<()> {
        self.put(path, |dir, name| Ok(symlinkat(OsStr::from_bytes(target), dir, name)?)).map(|_| ())
    }

    /// Waits until everything has been written to the disk.
    ///
    /// Errors: those of syncing the file system.
    pub fn finish(self) -> Result<()> {
        syncfs(&self.top.dir).map_err(|errno| Error::new(&self.top.path, io::Error::from(errno)))
    }

    /// Calls `make` with a temporary name in the directory of `path`, then renames the result to `path`.
    fn put(&self, path: &[u8], make: impl Fn(&File, &OsStr) -> io::Result<()>) -> Result<PathBuf> {
        if path.split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
            let whole = self.top.path.join(OsStr::from_bytes(path));
            return Err(Error::new(whole, io::Error::from(Errno::EINVAL)));
        }
        let (dir, name) = path.rsplit_once_str("/").unwrap_or((b"", path));
        let (dir, name) = (self.enter(dir)?, OsStr::from_bytes(name));
        self.clean(&dir);
        let whole = dir.path.join(name);
        let (temporary, ()) =
            temporary::with_name(TEMPORARY, |name| make(&dir.dir, name)).map_err(Error::at(&whole))?;
        let renamed = renameat(&dir.dir, temporary.as_os_str(), &dir.dir, name);
        renamed
            .inspect_err(|_| remove(&dir.dir, &temporary))
            .map_err(|errno| Error::new(&whole, io::Error::from(errno)))?;
        Ok(whole)
    }

    /// Opens the directory at a path. Directories that do not exist are created, except for those that a link leads to.
    fn enter(&self, path: &[u8]) -> Result<Place> {
        let mut position = Position { top: &self.top, above: Vec::new(), here: self.top.reopen()? };
        walk(&mut position, path)?;
        Ok(position.here)
    }

    /// Removes the temporary files of previous runs from a directory.
    fn clean(&self, place: &Place) {
        let Ok(metadata) = place.dir.metadata() else { return };
        if !self.cleaned.borrow_mut().insert((metadata.dev(), metadata.ino())) {
            return;
        }
        for entry in fs::read_dir(&place.path).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.as_bytes().starts_with(TEMPORARY.as_bytes()) {
                remove(&place.dir, &name);
            }
        }
    }
}

/// A position below the directory, which is the root of all links.
struct Position<'t> {
    top: &'t Place,
    /// The open directories from the top to the current one, so that `..` leads back to them even if they are moved.
    above: Vec<Place>,
    here: Place,
}

impl PathTree for Position<'_> {
    /// The path of the first link of a chain of links, for error messages.
    type Link = PathBuf;
    type Error = Error;

    fn up(&mut self, _: Option<&PathBuf>) -> Result<()> {
        if let Some(above) = self.above.pop() {
            self.here = above;
        }
        Ok(())
    }

    fn down(&mut self, part: &[u8], of: Option<&PathBuf>, _is_last: bool) -> Result<PathEntry<PathBuf>> {
        let part = OsStr::from_bytes(part);
        let path = self.here.path.join(part);
        let link = of.unwrap_or(&path);
        match open_dir(&self.here.dir, part, of.is_none()) {
            Ok(dir) => {
                self.above.push(std::mem::replace(&mut self.here, Place { dir, path }));
                Ok(PathEntry::Plain)
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let target = readlinkat(&self.here.dir, part);
                let target = target.map_err(|_| Error::new(&path, io::Error::from(Errno::ENOTDIR)))?;
                let answer = PathEntry::Link(link.clone(), target.as_bytes().to_vec());
                if target.as_bytes().starts_with(b"/") {
                    self.above.clear();
                    self.here = self.top.reopen()?;
                }
                Ok(answer)
            }
            Err(Errno::ENOENT) if of.is_some() => {
                let why = format!("dangling symbolic link in {}", self.top.path.display());
                Err(Error::new(link, FormatError::malformed(why)))
            }
            Err(errno) => Err(Error::new(path, io::Error::from(errno))),
        }
    }

    fn too_many_links(&self, link: &PathBuf) -> Error {
        Error::new(link, io::Error::from(Errno::ELOOP))
    }
}

/// Opens a subdirectory, creating it if allowed. A link is not accepted.
fn open_dir(dir: &File, name: &OsStr, may_make: bool) -> nix::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let open = || openat(dir, name, flags, Mode::empty()).map(File::from);
    match open() {
        Err(Errno::ENOENT) if may_make => match mkdirat(dir, name, DIR_MODE) {
            Ok(()) | Err(Errno::EEXIST) => open(),
            Err(errno) => Err(errno),
        },
        opened => opened,
    }
}

/// Removes a file. A failure is harmless.
fn remove(dir: &File, name: &OsStr) {
    let _ = unlinkat(dir, name, UnlinkatFlags::NoRemoveDir);
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_and_links_are_created_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("new/top");
        let image = ImageDir::open(&top).unwrap();
        image.file(b"a/b/file", b"one", 0o444).unwrap();
        assert_eq!(image.file(b"a/b/file", b"two", 0o444).unwrap(), top.join("a/b/file"));
        image.link(b"a/link", b"b/file").unwrap();
        image.link(b"a/link", b"./b/file").unwrap();
        assert_eq!(fs::read(top.join("a/link")).unwrap(), b"two");
        assert_eq!(fs::metadata(top.join("a/b/file")).unwrap().permissions().mode() & 0o777, 0o444);
        image.file(b"a/link", b"three", 0o644).unwrap();
        assert_eq!(fs::read(top.join("a/b/file")).unwrap(), b"two");
        image.finish().unwrap();
        assert_eq!((names(&top), names(&top.join("a"))), (vec!["a".into()], vec!["b".into(), "link".into()]));
    }

    #[test]
    fn links_inside_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("usr/lib/fw")).unwrap();
        for (target, link) in [
            ("usr/lib", "lib"),
            ("/usr/lib", "lib64"),
            ("../../../../lib/fw", "usr/lib/up"),
            ("fw/../up", "usr/lib/far"),
        ] {
            symlink(target, dir.path().join(link)).unwrap();
        }
        let image = ImageDir::open(dir.path()).unwrap();
        for (path, real) in [
            ("lib/fw/a", "usr/lib/fw/a"),
            ("lib64/fw/b", "usr/lib/fw/b"),
            ("usr/lib/up/c", "usr/lib/fw/c"),
            ("lib/far/d", "usr/lib/fw/d"),
            ("lib64/new/e", "usr/lib/new/e"),
        ] {
            let real = dir.path().join(real);
            assert_eq!(image.file(path.as_bytes(), path.as_bytes(), 0o444).unwrap(), real);
            assert_eq!(fs::read(real).unwrap(), path.as_bytes());
        }
    }

    #[test]
    fn temporary_files_of_previous_runs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/.oxmod-new-1-0"), "half").unwrap();
        symlink("x", dir.path().join("a/.oxmod-new-1-1")).unwrap();
        let image = ImageDir::open(dir.path()).unwrap();
        image.file(b"a/file", b"x", 0o444).unwrap();
        assert_eq!(names(&dir.path().join("a")), ["file"]);
    }

    #[test]
    fn nothing_is_written_outside() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("d/full")).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        symlink("../other", top.join("out")).unwrap();
        symlink(dir.path().join("other"), top.join("absolute")).unwrap();
        symlink("out/x", top.join("further")).unwrap();
        symlink("file", top.join("to_file")).unwrap();
        symlink("round", top.join("round")).unwrap();
        fs::write(top.join("file"), "x").unwrap();
        let image = ImageDir::open(&top).unwrap();
        for (path, errno) in [
            (&b"out/x"[..], libc::EINVAL),
            (b"absolute/x", libc::EINVAL),
            (b"further/x", libc::EINVAL),
            (b"file/x", libc::ENOTDIR),
            (b"to_file/x", libc::ENOTDIR),
            (b"round/x", libc::ELOOP),
            (b"../x", libc::EINVAL),
            (b"a/../../x", libc::EINVAL),
            (b"/x", libc::EINVAL),
            (b"", libc::EINVAL),
            (b"d/full", libc::EISDIR),
        ] {
            let error = image.file(path, b"x", 0o644).unwrap_err();
            assert_eq!(error.errno(), errno, "{error}");
            assert!(image.link(path, b"x").is_err());
        }
        assert!(names(&dir.path().join("other")).is_empty());
        assert_eq!(names(dir.path()), ["other", "top"]);
        assert_eq!(names(&top.join("d")), ["full"]);
    }
}
