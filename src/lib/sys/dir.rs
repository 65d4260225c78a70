//! Listing and identifying directories.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::sys::stat::stat;

use crate::error::{Error, Result};

/// The number of bytes of a listing to request in one call.
const PORTION: usize = 8 << 10;

/// Identifies a directory, independently of the path that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirIdentity {
    device: libc::dev_t,
    inode: libc::ino_t,
}

/// Returns the identity of the directory at `path`.
///
/// Errors: those of stat.
pub fn identity(path: &Path) -> Result<DirIdentity> {
    // Not the standard library's function, which calls statx: preloaded shims that redirect paths intercept stat.
    let found = stat(path).map_err(|errno| Error::new(path, io::Error::from(errno)))?;
    Ok(DirIdentity { device: found.st_dev, inode: found.st_ino })
}

/// Opens a directory. Does not wait if the path is that of a FIFO.
///
/// Errors: those of open; `ENOTDIR` if it is not a directory.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NONBLOCK).open(path)
}

/// Returns the names in a directory, in the order in which the file system lists them, without `.` and `..`.
///
/// Errors: those of opening and reading the directory; `ENOTDIR` if it is not a directory.
pub fn names(path: &Path) -> Result<Vec<OsString>> {
    let dir = open(path).map_err(Error::at(path))?;
    let mut names = Vec::new();
    let mut portion = Vec::with_capacity(PORTION);
    while next_portion(&dir, &mut portion).map_err(Error::at(path))? {
        names.extend(records(&portion).filter(|name| *name != "." && *name != "..").map(OsStr::to_owned));
    }
    Ok(names)
}

/// Replaces the contents of `portion` by the next records of the listing; returns false at its end. Unlike the C
/// library, this does not check first that it is a directory, which the open has done.
fn next_portion(dir: &File, portion: &mut Vec<u8>) -> io::Result<bool> {
    portion.clear();
    let room = portion.spare_capacity_mut();
    // SAFETY: the kernel writes at most `room.len()` bytes.
    #[allow(unsafe_code)]
    let len = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), room.as_mut_ptr(), room.len()) };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel has initialised that many bytes.
    #[allow(unsafe_code)]
    unsafe {
        portion.set_len(len);
    }
    Ok(len > 0)
}

/// Returns the names in the records of getdents64(2). A record is: inode and position, eight bytes each; the length of
/// the record, two bytes; the type, one byte; the NUL-terminated name.
fn records(portion: &[u8]) -> impl Iterator<Item = &OsStr> {
    let mut rest = portion;
    std::iter::from_fn(move || {
        let len = u16::from_ne_bytes(*rest.get(16..)?.first_chunk()?);
        let (record, after) = rest.split_at_checked(usize::from(len))?;
        rest = after;
        Some(OsStr::from_bytes(CStr::from_bytes_until_nul(record.get(19..)?).ok()?.to_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_listed_once() {
        let dir = tempfile::tempdir().unwrap();
        let name = |n: usize| OsString::from(format!("{n}{}", "x".repeat(n % 200)));
        let mut expected: Vec<OsString> = (0..2000).map(name).collect();
        for name in &expected {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        expected.sort_unstable();
        let mut listed = names(dir.path()).unwrap();
        listed.sort_unstable();
        assert_eq!(listed, expected);
        assert_eq!(names(&dir.path().join(&expected[0])).unwrap_err().errno(), libc::ENOTDIR);
        assert_eq!(names(&dir.path().join("nothing")).unwrap_err().errno(), libc::ENOENT);
    }

    #[test]
    fn identities_do_not_depend_on_the_path() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(".", dir.path().join("link")).unwrap();
        let own = identity(dir.path()).unwrap();
        assert_eq!(identity(&dir.path().join("link")).unwrap(), own);
        assert_ne!(identity(Path::new("/")).unwrap(), own);
        assert_eq!(identity(&dir.path().join("nothing")).unwrap_err().errno(), libc::ENOENT);
    }

    #[test]
    fn a_damaged_record_ends_the_listing() {
        let mut record = vec![0; 24];
        record[16..18].copy_from_slice(&24_u16.to_ne_bytes());
        record[19..22].copy_from_slice(b"abc");
        assert_eq!(records(&record).collect::<Vec<_>>(), ["abc"]);
        for len in [0_u16, 18, 25] {
            record[16..18].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(records(&record).count(), 0, "{len}");
        }
        assert_eq!(records(b"short").count(), 0);
    }
}
