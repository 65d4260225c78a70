//! Handing one module file to the kernel.
//!
//! A plain file goes by descriptor. A compressed one goes by descriptor too where the kernel can
//! decompress that format; where it cannot, or refuses this file (some kernels do so for xz with CRC64
//! or a large dictionary, and for want of memory), it is decompressed here. Only errors that speak of
//! decompression lead to that second try, and its answer is the one that counts: a module that is
//! wrong in itself is refused again.

use std::borrow::Cow;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::context::module_file::Opener;
use crate::error::{Error, FormatError, Result};
use crate::formats::compress::Compression;
use crate::formats::elf;
use crate::sys::module;

/// Which of the kernel's checks to pass over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Force {
    /// The version magic need not be the kernel's.
    pub vermagic: bool,
    /// The versions of symbols need not be the kernel's.
    pub modversions: bool,
}

/// How a module got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As it was: the kernel read the file, or took its bytes where it has no call for files.
    Direct,
    /// Decompressed here, by a kernel that decompresses nothing of this format.
    Decompressed,
    /// Decompressed here after the kernel had refused the file with this errno.
    Refused(i32),
}

/// Inserts the module in `path` with `parameters`, separated by blanks.
///
/// Errors: what opening and reading answered; malformed for parameters with a NUL or damaged compressed
/// data; else the kernel's errno: `EEXIST` when the module is loaded, `ENOENT` for an unknown symbol,
/// `ENOEXEC` for another kernel's module, and whatever the module's own start returns.
pub fn insert(path: &Path, parameters: &[u8], force: Force) -> Result<Way> {
    let parameters = CString::new(parameters)
        .map_err(|_| Error::new(path, FormatError::malformed("a parameter has a NUL byte")))?;
    let file = File::open(path).map_err(Error::at(path))?;
    let compression = detect(&file).map_err(Error::at(path))?;
    let by_kernel = compression.is_none_or(|compression| {
        module::kernel_compression().is_some_and(|word| word == kernel_word(compression))
    });
    let mut way = if compression.is_some() { Way::Decompressed } else { Way::Direct };
    if by_kernel {
        let flags = flags(force) | if compression.is_some() { module::COMPRESSED_FILE } else { 0 };
        match module::insert_file(&file, &parameters, flags) {
            Ok(()) => return Ok(Way::Direct),
            Err(error) if no_such_call(&error) => {}
            Err(error) => match error.raw_os_error().filter(|&errno| is_of_decompression(errno)) {
                Some(errno) if compression.is_some() => way = Way::Refused(errno),
                _ => return Err(Error::new(path, error)),
            },
        }
    }
    insert_image(path, &parameters, force)?;
    Ok(way)
}

/// Reads the whole object into memory and hands it over.
fn insert_image(path: &Path, parameters: &std::ffi::CStr, force: Force) -> Result<()> {
    let mut opener = Opener::default();
    let file = opener.open(path)?;
    let source = file.source();
    let whole = 0..source.size();
    source.announce(std::slice::from_ref(&whole));
    let mut image = Cow::Borrowed(source.read_at(0, source.size()).map_err(Error::at(path))?);
    if force.vermagic {
        elf::without_vermagic(image.to_mut()).map_err(Error::at(path))?;
    }
    if force.modversions {
        elf::without_versions(image.to_mut()).map_err(Error::at(path))?;
    }
    module::insert_image(&image, parameters).map_err(Error::at(path))
}

fn detect(file: &File) -> io::Result<Option<Compression>> {
    let mut head = Vec::with_capacity(Compression::MAGIC_SIZE);
    file.take(Compression::MAGIC_SIZE as u64).read_to_end(&mut head)?;
    Ok(Compression::detect(&head))
}

fn kernel_word(compression: Compression) -> &'static [u8] {
    match compression {
        Compression::Gzip => b"gzip",
        Compression::Xz => b"xz",
        Compression::Zstd => b"zstd",
    }
}

fn flags(force: Force) -> libc::c_int {
    let vermagic = if force.vermagic { module::IGNORE_VERMAGIC } else { 0 };
    vermagic | if force.modversions { module::IGNORE_MODVERSIONS } else { 0 }
}

/// The kernel has no `finit_module`.
fn no_such_call(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOSYS)
}

/// How kernels refuse compressed data that they cannot handle.
fn is_of_decompression(errno: i32) -> bool {
    matches!(errno, libc::EINVAL | libc::ENOMEM | libc::EOPNOTSUPP | libc::ENOEXEC)
}
