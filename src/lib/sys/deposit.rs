//! Filling a directory with files and links, and nothing beside it.
//!
//! No link inside is followed, so nothing is written elsewhere, whatever is there already. Each file is made under a name
//! of its own and renamed when it is whole; what was there under its name is replaced, unless it is a directory. A run that
//! dies leaves whole files and perhaps one that begins with `.oxmod-new-`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use nix::unistd::{UnlinkatFlags, symlinkat, syncfs, unlinkat};

use super::fileset;
use crate::error::{Error, Result};

/// Begins the names of files that are not whole yet.
const TEMPORARY: &str = ".oxmod-new-";
/// Permissions of directories, less the umask.
const DIR_MODE: Mode = Mode::from_bits_truncate(0o755);
/// How many names are tried for a file in the making.
const TRIES: u32 = 100;

/// A directory that is being filled.
#[derive(Debug)]
pub struct Deposit {
    path: PathBuf,
    top: File,
}

impl Deposit {
    /// Opens the directory `path`, which is made if it is not there.
    ///
    /// Errors: whatever making and opening it answer.
    pub fn open(path: &Path) -> Result<Self> {
        fileset::create_dir(path)?;
        Ok(Self { path: path.into(), top: File::open(path).map_err(Error::at(path))? })
    }

    /// Writes a file at a path below the directory, with these permissions whatever the umask.
    ///
    /// Errors: `ENOTDIR` or `ELOOP` where a file or a link is in the way, `EISDIR` for a directory, `EINVAL` for a path
    /// that is none; whatever writing answers.
    pub fn file(&self, path: &[u8], bytes: &[u8], mode: u32) -> Result<()> {
        let mode = Mode::from_bits_truncate(mode & 0o777);
        self.place(path, |dir, name| {
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let mut file = File::from(openat(dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
            let written = file.write_all(bytes).and_then(|()| Ok(fchmod(&file, mode)?));
            written.inspect_err(|_| remove(dir, name))
        })
    }

    /// Makes a symbolic link at a path below the directory.
    ///
    /// Errors: as those of [`Deposit::file`].
    pub fn link(&self, path: &[u8], target: &[u8]) -> Result<()> {
        self.place(path, |dir, name| Ok(symlinkat(OsStr::from_bytes(target), dir, name)?))
    }

    /// Waits until all that was written is on the disk.
    ///
    /// Errors: whatever syncing the file system answers.
    pub fn finish(self) -> Result<()> {
        syncfs(&self.top).map_err(|errno| Error::new(&self.path, io::Error::from(errno)))
    }

    /// Has something made under a new name in the directory of `path`, then gives it its own.
    fn place(&self, path: &[u8], make: impl Fn(&File, &OsStr) -> io::Result<()>) -> Result<()> {
        let whole = self.path.join(OsStr::from_bytes(path));
        self.place_inner(path, make).map_err(Error::at(&whole))
    }

    fn place_inner(&self, path: &[u8], make: impl Fn(&File, &OsStr) -> io::Result<()>) -> io::Result<()> {
        let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
        if parts.iter().any(|part| matches!(*part, b"" | b"." | b"..")) {
            return Err(Errno::EINVAL.into());
        }
        let Some((name, directories)) = parts.split_last() else { return Err(Errno::EINVAL.into()) };
        let mut dir = self.top.try_clone()?;
        for part in directories {
            dir = enter(&dir, OsStr::from_bytes(part))?;
        }
        let temporary = made(&dir, &make)?;
        let renamed = renameat(&dir, temporary.as_os_str(), &dir, OsStr::from_bytes(name));
        renamed.inspect_err(|_| remove(&dir, &temporary)).map_err(io::Error::from)
    }
}

/// Makes something under a name that nothing has.
fn made(dir: &File, make: impl Fn(&File, &OsStr) -> io::Result<()>) -> io::Result<OsString> {
    for number in 0..TRIES {
        let name = OsString::from(format!("{TEMPORARY}{}-{number}", std::process::id()));
        match make(dir, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            answer => return answer.map(|()| name),
        }
    }
    Err(Errno::EEXIST.into())
}

/// Opens a directory in another one, which is made if it is not there. A link is none.
fn enter(dir: &File, name: &OsStr) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let open = || openat(dir, name, flags, Mode::empty());
    let opened = match open() {
        Err(Errno::ENOENT) => match mkdirat(dir, name, DIR_MODE) {
            Ok(()) | Err(Errno::EEXIST) => open(),
            Err(error) => Err(error),
        },
        opened => opened,
    };
    Ok(File::from(opened?))
}

/// Where that fails it does no harm.
fn remove(dir: &File, name: &OsStr) {
    let _ = unlinkat(dir, name, UnlinkatFlags::NoRemoveDir);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(dir: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_and_links_take_their_places() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("new/top");
        let deposit = Deposit::open(&top).unwrap();
        deposit.file(b"a/b/file", b"one", 0o444).unwrap();
        deposit.file(b"a/b/file", b"two", 0o444).unwrap();
        deposit.link(b"a/link", b"b/file").unwrap();
        deposit.link(b"a/link", b"./b/file").unwrap();
        assert_eq!(fs::read(top.join("a/link")).unwrap(), b"two");
        assert_eq!(fs::metadata(top.join("a/b/file")).unwrap().permissions().mode() & 0o777, 0o444);
        deposit.file(b"a/link", b"three", 0o644).unwrap();
        assert_eq!(fs::read(top.join("a/b/file")).unwrap(), b"two");
        deposit.finish().unwrap();
        assert_eq!((names(&top), names(&top.join("a"))), (vec!["a".into()], vec!["b".into(), "link".into()]));
    }

    #[test]
    fn nothing_is_written_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("top");
        fs::create_dir_all(top.join("d/full")).unwrap();
        fs::create_dir(dir.path().join("other")).unwrap();
        symlink("../other", top.join("out")).unwrap();
        symlink("d", top.join("in")).unwrap();
        fs::write(top.join("file"), "x").unwrap();
        let deposit = Deposit::open(&top).unwrap();
        for (path, errno) in [
            (&b"out/x"[..], libc::ENOTDIR),
            (b"in/x", libc::ENOTDIR),
            (b"file/x", libc::ENOTDIR),
            (b"../x", libc::EINVAL),
            (b"a/../../x", libc::EINVAL),
            (b"/x", libc::EINVAL),
            (b"", libc::EINVAL),
            (b"d/full", libc::EISDIR),
        ] {
            let error = deposit.file(path, b"x", 0o644).unwrap_err();
            assert!([errno, libc::ELOOP].contains(&error.errno()), "{error}");
            assert!(deposit.link(path, b"x").is_err());
        }
        assert!(names(&dir.path().join("other")).is_empty());
        assert_eq!(names(dir.path()), ["other", "top"]);
        assert_eq!(names(&top.join("d")), ["full"]);
    }
}
