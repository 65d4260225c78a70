//! Reading files with a size limit, whole or in ranges.
//!
//! Owns the decision what may be read: regular files, and /dev/null as an empty one. Anything else, such as a FIFO, causes
//! an error at once; only [`read_stream`] waits for data. Must not interpret what is read.
//!
//! Uses open and fstat rather than a stat of the path: it needs one lookup, is free of races, and goes through `open`,
//! which preloaded shims that redirect paths intercept.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Cause, Error, FormatError, FormatKind, Result};

/// An open file. Only `sys` reads from it and writes to it.
#[derive(Debug)]
pub struct OpenFile(pub(super) File);

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The maximum size of an input file: 1 GiB. The largest real module is 40 MB.
pub const MAX_FILE_SIZE: u64 = 1 << 30;

/// Reads the whole file at `path`.
///
/// Errors: those of open and read; unsupported if it is neither a regular file nor /dev/null; [`FormatKind::Limit`] above
/// [`MAX_FILE_SIZE`] bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<_, Cause> {
        let file = open_unread(path)?;
        let metadata = file.metadata()?;
        only_readable(&metadata)?;
        Ok(read_open(&file, metadata.len())?)
    };
    read().map_err(Error::at(path))?.ok_or_else(|| too_large(path))
}

/// Reads a file that may also be a pipe or a device, to its end. For lists that are named on the command line, where the
/// shell can substitute a pipe.
///
/// Errors: those of open and read; [`FormatKind::Limit`] above [`MAX_FILE_SIZE`] bytes.
pub fn read_stream(path: &Path) -> Result<Vec<u8>> {
    read_whole(&File::open(path).map_err(Error::at(path))?, path)
}

/// Checks that `path` is a regular file or does not exist.
///
/// Errors: unsupported if it is something else, such as a directory, a device or a pipe.
pub fn only_regular(path: &Path) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(Error::new(path, not_regular()));
    }
    Ok(())
}

fn not_regular() -> FormatError {
    FormatError::new(FormatKind::Unsupported, "not a regular file")
}

/// Checks that a file is regular, or /dev/null, because links to it mask configuration files.
fn only_readable(metadata: &Metadata) -> Result<(), Cause> {
    if metadata.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR).into());
    }
    let is_null = || metadata.file_type().is_char_device() && metadata.rdev() == libc::makedev(1, 3);
    if metadata.is_file() || is_null() { Ok(()) } else { Err(not_regular().into()) }
}

/// Reads standard input to its end. Errors name the path `-`.
///
/// Errors: those of [`read`].
pub fn read_standard_input() -> Result<Vec<u8>> {
    let path = Path::new("-");
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(Error::at(path))?;
    read_whole(&file, path)
}

/// Does the same as [`read`], but returns `None` if the file (or a directory of its path) does not exist.
pub fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>> {
    unless_absent(read(path))
}

/// Converts the error that a file (or a directory of its path) does not exist to `None`.
pub fn unless_absent<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.errno(), libc::ENOENT | libc::ENOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads the whole of a short text file or a file in /sys. Needs half the system calls of [`read`], because it does not
/// ask for the size.
///
/// For a regular file, and for a file in /sys, the kernel fills the buffer unless the file ends before that, so a read that
/// does not fill the buffer is the last one. This is not true for tables such as /proc/modules, which are returned in
/// pieces.
///
/// Errors: those of [`read`].
pub fn read_text(path: &Path) -> Result<Vec<u8>> {
    let read = || -> Result<_, Cause> {
        let file = open_unread(path)?;
        let mut bytes = Vec::new();
        while bytes.len() as u64 <= MAX_FILE_SIZE {
            let room = bytes.len().max(PAGE);
            bytes.reserve_exact(room);
            if append_first(&file, bytes.len() as u64, room, &mut bytes)? < room {
                return Ok(Some(bytes));
            }
            // A device may have no end. A text file longer than a page is rare, so it is checked only here.
            only_readable(&file.metadata()?)?;
        }
        Ok(None)
    };
    read().map_err(Error::at(path))?.ok_or_else(|| too_large(path))
}

fn read_whole(file: &File, path: &Path) -> Result<Vec<u8>> {
    let read = || read_open(file, file.metadata()?.len());
    read().map_err(Error::at(path))?.ok_or_else(|| too_large(path))
}

/// Does the same as [`append_at`] for a file that may be a pipe, which does not have offsets.
fn append_first(file: &File, offset: u64, len: usize, bytes: &mut Vec<u8>) -> Result<usize, Cause> {
    append_at(file, offset, len, bytes).map_err(|error| match error.raw_os_error() {
        Some(libc::ESPIPE) => not_regular().into(),
        _ => error.into(),
    })
}

fn too_large(path: &Path) -> Error {
    Error::new(path, FormatError::new(FormatKind::Limit, "file is larger than 1 GiB"))
}

/// Reads an open file of that size; `None` if it exceeds the limit. Files in /proc report size 0 and are read to their
/// end.
fn read_open(file: &File, size: u64) -> io::Result<Option<Vec<u8>>> {
    if size > MAX_FILE_SIZE {
        return Ok(None);
    }
    // Read everything in one call: zeroed memory from the kernel is free, and the loop of std would start with small
    // pieces.
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

/// Checks that `path` exists; it may have any type, and need not be readable.
///
/// Errors: those of stat, typically `ENOENT`.
pub fn exists(path: &Path) -> io::Result<()> {
    // Not the standard library's function, which calls statx: preloaded shims that redirect paths intercept stat.
    nix::sys::stat::stat(path)?;
    Ok(())
}

/// Whether `path` leads to a directory.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Whether `path` leads to a regular file.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether `path` is a directory, and not a link to one.
pub fn is_own_dir(path: &Path) -> bool {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    File::options().read(true).custom_flags(flags).open(path).is_ok()
}

/// The attributes of a file that change with its contents, and its permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Size in bytes.
    pub size: u64,
    /// The inode number.
    pub inode: u64,
    /// The last modification of the contents (`st_mtim`), in seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
    /// The last change of contents, name or attributes (`st_ctim`).
    pub changed: (i64, u32),
    /// The owner's user ID.
    pub owner: u32,
    /// Whether the mode allows the group or others to write to the file.
    pub shared: bool,
}

/// Returns the attributes of the file that `path` leads to.
///
/// Errors: those of stat.
pub fn stat(path: &Path) -> io::Result<Stat> {
    std::fs::metadata(path).map(|metadata| stat_of(&metadata))
}

/// Returns the attributes of an open file.
///
/// Errors: those of fstat.
pub fn stat_open(file: &OpenFile) -> io::Result<Stat> {
    file.0.metadata().map(|metadata| stat_of(&metadata))
}

fn stat_of(metadata: &Metadata) -> Stat {
    // The fraction is always less than a second and fits.
    let time = |seconds, fraction| (seconds, u32::try_from(fraction).unwrap_or(0));
    Stat {
        size: metadata.len(),
        inode: metadata.ino(),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
        owner: metadata.uid(),
        shared: metadata.mode() & 0o022 != 0,
    }
}

/// Opens `path` for reading and returns its size in bytes.
///
/// Errors: those of open and fstat; `EISDIR` for a directory, unsupported for anything else that is not a regular file.
pub fn open(path: &Path) -> Result<(OpenFile, u64), Cause> {
    let file = open_unread(path)?;
    let size = size_of(&file)?;
    Ok((OpenFile(file), size))
}

/// Opens `path`, reads its first `len` bytes, or fewer if it is shorter, and returns its size. Of a shorter file, the
/// size is known without fstat, because all of it has been read.
///
/// Errors: those of [`open`] and pread.
pub fn open_beginning(path: &Path, len: usize) -> Result<(OpenFile, u64, Vec<u8>), Cause> {
    let file = open_unread(path)?;
    let mut bytes = Vec::with_capacity(len);
    let read = append_first(&file, 0, len, &mut bytes)?;
    let size = if read < len { read as u64 } else { size_of(&file)? };
    Ok((OpenFile(file), size, bytes))
}

/// Opens `path` and reads its first `len` bytes, or fewer if it is shorter.
///
/// Errors: those of open and pread; unsupported for a pipe.
pub fn open_head(path: &Path, len: usize) -> Result<(OpenFile, Vec<u8>), Cause> {
    let file = open_unread(path)?;
    let mut head = Vec::with_capacity(len);
    append_first(&file, 0, len, &mut head)?;
    Ok((OpenFile(file), head))
}

/// Opens `path` for writing, empty; creates it if necessary. It may be a pipe or a device.
///
/// Errors: those of open.
pub fn create(path: &Path) -> io::Result<OpenFile> {
    File::create(path).map(OpenFile)
}

/// Writes all of `bytes` at the current position of the file.
///
/// Errors: those of write.
pub fn write_all(file: &OpenFile, bytes: &[u8]) -> io::Result<()> {
    (&file.0).write_all(bytes)
}

fn open_unread(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Returns the size of a regular file.
fn size_of(file: &File) -> Result<u64, Cause> {
    let metadata = file.metadata()?;
    only_readable(&metadata)?;
    Ok(metadata.len())
}

/// The buffer size from which it pays to request the memory in one call, 128 KiB.
const MANY: usize = 128 << 10;
/// The smallest page size. Where pages are larger, the kernel rejects ranges that are not aligned to them.
const PAGE: usize = 4096;

/// Makes the kernel provide the memory of a large buffer in one call instead of page by page as it is filled, which
/// halves the time of reading a large file. Kernels before 5.14 do not support it; the call then has no effect.
fn populate(buffer: &mut Vec<u8>) {
    if buffer.capacity() < MANY {
        return;
    }
    let start = buffer.as_mut_ptr();
    let before = start.align_offset(PAGE);
    let len = (buffer.capacity() - before.min(buffer.capacity())) / PAGE * PAGE;
    #[allow(unsafe_code)]
    // SAFETY: the range is inside the buffer's own allocation, and populating does not change any byte. The result does
    // not matter: pages that are not populated yet are provided on access.
    unsafe {
        libc::madvise(start.wrapping_add(before).cast(), len, libc::MADV_POPULATE_WRITE);
    }
}

/// Replaces the contents of `bytes` by up to `len` bytes of the file from `offset` on; fewer only at the end of the
/// file.
///
/// Reserves `len` bytes, so the caller must have checked `len` against the size of the file.
pub fn read_range(file: &impl AsFd, offset: u64, len: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.clear();
    append_range(file, offset, len, bytes)
}

/// Does the same as [`read_range`], but appends to `bytes`.
pub fn append_range(file: &impl AsFd, offset: u64, len: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let out_of_memory = || io::Error::from_raw_os_error(libc::ENOMEM);
    let len = usize::try_from(len).map_err(|_| out_of_memory())?;
    let start = bytes.len();
    if bytes.capacity() - start < len {
        crate::memory::attempt(|| bytes.try_reserve_exact(len)).map_err(|_| out_of_memory())?;
        populate(bytes);
    }
    while bytes.len() - start < len {
        let filled = bytes.len() - start;
        if append_at(file, offset.saturating_add(filled as u64), len - filled, bytes)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Appends up to `len` bytes to `bytes` with one pread. Returns their number, 0 at the end of the file. Unlike the
/// standard library, it reads into memory that was not zeroed first.
fn append_at(file: &impl AsFd, offset: u64, len: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let offset = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    let spare = bytes.spare_capacity_mut();
    let len = len.min(spare.len());
    let read = loop {
        // SAFETY: the kernel writes at most `len` bytes, for which there is room.
        #[allow(unsafe_code)]
        let read = unsafe { libc::pread64(file.as_fd().as_raw_fd(), spare.as_mut_ptr().cast(), len, offset) };
        match usize::try_from(read).map_err(|_| io::Error::last_os_error()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    // SAFETY: the kernel has initialised that many bytes after the old length.
    #[allow(unsafe_code)]
    unsafe {
        bytes.set_len(bytes.len() + read);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;

    use super::*;

    #[test]
    fn texts_of_all_sizes_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("text");
        for len in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 100_000] {
            std::fs::write(&path, vec![b'x'; len]).unwrap();
            assert_eq!(read_text(&path).unwrap(), vec![b'x'; len]);
            assert_eq!(read(&path).unwrap().len(), len);
        }
        assert_eq!(read_text(dir.path()).unwrap_err().errno(), libc::EISDIR);
        assert_eq!(read_text(Path::new("/proc/self/comm")).unwrap().last(), Some(&b'\n'));
    }

    #[test]
    fn what_is_not_a_file_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, socket) = (dir.path().join("pipe"), dir.path().join("socket"));
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&pipe, Path::new("/dev/zero"), &socket] {
            let errors = [read(path).unwrap_err(), read_text(path).unwrap_err()];
            let opened = open(path).map(drop).unwrap_err();
            for cause in errors.into_iter().map(|error| error.cause).chain([opened]) {
                let known = ["not a regular file", "No such device or address"];
                assert!(known.contains(&&*cause.to_string()), "{}: {cause}", path.display());
            }
        }
        assert_eq!(open_beginning(&pipe, 9).unwrap_err().to_string(), "not a regular file");
        assert_eq!(open_head(&pipe, 9).unwrap_err().to_string(), "not a regular file");
        for read in [read, read_text] {
            assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        }
    }

    #[test]
    fn a_stream_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut pipe = File::options().write(true).open(&path).unwrap();
                for _ in 0..3 {
                    std::io::Write::write_all(&mut pipe, b"part ").unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            });
            assert_eq!(read_stream(&path).unwrap(), b"part part part ");
        });
    }

    #[test]
    fn ranges_end_where_the_file_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let (file, size) = open(&path).unwrap();
        let mut bytes = b"old".to_vec();
        for (offset, len, expected) in [(0, 3, "012"), (8, 5, "89"), (10, 1, ""), (99, 4, ""), (2, 0, "")] {
            read_range(&file, offset, len, &mut bytes).unwrap();
            assert_eq!(bytes, expected.as_bytes());
        }
        assert_eq!(size, 10);
    }
}
