//! Reading files whole, with a size limit, by open and fstat.
//!
//! open+fstat rather than a stat of the path: one look-up, no race, and preloaded shims that
//! redirect `open` see every access.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, FormatError, FormatKind, Result};

/// The most bytes that any single input file may have: 1 GiB. The largest real module is 40 MB.
pub const MAX_FILE_SIZE: u64 = 1 << 30;

/// Reads the whole of `path`.
///
/// Errors: whatever open or read answer; [`FormatKind::Limit`] above [`MAX_FILE_SIZE`] bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Error::at(path))?;
    read_open(&file).map_err(Error::at(path))?.ok_or_else(|| too_large(path))
}

/// Reads standard input to its end; an error names it `-`.
///
/// Errors: as those of [`read`].
pub fn read_standard_input() -> Result<Vec<u8>> {
    let path = Path::new("-");
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(Error::at(path))?;
    read_open(&file).map_err(Error::at(path))?.ok_or_else(|| too_large(path))
}

/// Like [`read`], but `None` when the file (or a directory on the way) does not exist.
pub fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.errno(), libc::ENOENT | libc::ENOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

fn too_large(path: &Path) -> Error {
    Error::new(path, FormatError::new(FormatKind::Limit, "file is larger than 1 GiB"))
}

/// `None` when there is more than the limit. Files of /proc report size 0 and are read to their end.
fn read_open(file: &File) -> io::Result<Option<Vec<u8>>> {
    let size = file.metadata()?.len();
    if size > MAX_FILE_SIZE {
        return Ok(None);
    }
    // One read for all: zeroed memory comes from the kernel for nothing, and std's own loop would
    // begin with small pieces.
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    populate(&mut bytes);
    let mut filled = 0;
    while filled < bytes.len() {
        match (&mut &*file).read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(len) => filled += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    if size == 0 {
        file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes)?;
    }
    Ok((bytes.len() as u64 <= MAX_FILE_SIZE).then_some(bytes))
}

/// Whether `path` leads to something, whatever it is and whether or not it may be read.
///
/// Errors: what a stat of it would answer, `ENOENT` first of all.
pub fn exists(path: &Path) -> io::Result<()> {
    // By open: std's own way is statx, which no shim that redirects paths knows.
    File::options().read(true).custom_flags(libc::O_PATH).open(path).map(drop)
}

/// When a file was last changed, in seconds and nanoseconds since 1970: its contents, and anything at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Modification of the contents (`st_mtim`).
    pub modified: (i64, i64),
    /// Modification of contents, name or attributes (`st_ctim`).
    pub changed: (i64, i64),
}

/// The times of what `path` leads to.
///
/// Errors: whatever stat answers.
pub fn times(path: &Path) -> io::Result<Times> {
    let metadata = std::fs::metadata(path)?;
    Ok(Times {
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Opens `path` for reading and tells its size in bytes.
///
/// Errors: whatever open and fstat answer; `EISDIR` for a directory, `EINVAL` for anything else that is no regular file.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    // Without O_NONBLOCK the open of a FIFO would wait for a writer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok((file, metadata.len()));
    }
    Err(io::Error::from_raw_os_error(if metadata.is_dir() { libc::EISDIR } else { libc::EINVAL }))
}

/// From how many bytes on it pays to ask for memory at once, 128 KiB.
const MANY: usize = 128 << 10;
/// The smallest page size; where pages are larger, the kernel refuses ranges that do not fit them.
const PAGE: usize = 4096;

/// Asks the kernel to provide a large buffer's memory in one go instead of page by page as it is filled: half the
/// time of reading a large file. A kernel that does not know how (before 5.14) is left alone.
fn populate(buffer: &mut Vec<u8>) {
    if buffer.capacity() < MANY {
        return;
    }
    let start = buffer.as_mut_ptr();
    let before = start.align_offset(PAGE);
    let len = (buffer.capacity() - before.min(buffer.capacity())) / PAGE * PAGE;
    #[allow(unsafe_code)]
    // SAFETY: the range lies inside the buffer's own allocation, and populating changes no byte of it. The answer
    // does not matter: pages that are not there yet come when they are touched.
    unsafe {
        libc::madvise(start.wrapping_add(before).cast(), len, libc::MADV_POPULATE_WRITE);
    }
}

/// Replaces the contents of `bytes` by up to `len` bytes of the file from `offset` on: fewer only where the file ends.
///
/// Moves the file's position. Reserves `len` bytes, which the caller must have checked against the file's size.
pub fn read_range(mut file: &File, offset: u64, len: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    let room = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.try_reserve_exact(room).map_err(|_| io::ErrorKind::OutOfMemory)?;
    populate(bytes);
    // A read, unlike std's pread, can fill room that was not zeroed first.
    file.seek(SeekFrom::Start(offset))?;
    file.take(len).read_to_end(bytes)?;
    Ok(())
}
