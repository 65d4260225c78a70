//! Handing one module file to the kernel.
//!
//! A plain file goes by descriptor. A compressed one goes by descriptor too where the kernel can
//! decompress that format; where it cannot, or refuses this file (some kernels do so for xz with CRC64
//! or a large dictionary, and for want of memory), it is decompressed here. Only errors that speak of
//! decompression lead to that second try, and its answer is the one that counts: a module that is
//! wrong in itself is refused again.

use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::context::module_file::Opener;
use crate::error::{Error, FormatError};
use crate::formats::compress::Compression;
use crate::formats::elf::{self, Source};
use crate::sys::{file, module};

/// Which of the kernel's checks to pass over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Force {
    /// The version magic need not be the kernel's.
    pub vermagic: bool,
    /// The versions of symbols need not be the kernel's.
    pub modversions: bool,
}

/// How a module was inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// As it was: the kernel read the file, or took its bytes where it has no call for files.
    Direct,
    /// Decompressed here, by a kernel that decompresses nothing of this format.
    Decompressed,
    /// Decompressed here after the kernel had refused the file with this errno.
    Refused(i32),
}

/// Why a module was not inserted.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// The file could not be read, or is damaged: the kernel never saw it.
    #[error(transparent)]
    File(Error),
    /// The kernel refused, or the module's own start failed.
    #[error(transparent)]
    Kernel(Error),
}

impl InsertError {
    /// The path, and what happened to it.
    pub fn error(&self) -> &Error {
        match self {
            Self::File(error) | Self::Kernel(error) => error,
        }
    }
}

/// Inserts the module in `path` with `parameters`, separated by blanks.
///
/// Errors: what opening and reading answered; malformed for parameters with a NUL or damaged compressed
/// data; else the kernel's errno: `EEXIST` when the module is loaded, `ENOENT` for an unknown symbol,
/// `ENOEXEC` for another kernel's module, and whatever the module's own start returns.
pub fn insert(path: &Path, parameters: &[u8], force: Force) -> Result<Insertion, InsertError> {
    let parameters = CString::new(parameters).map_err(|_| {
        InsertError::File(Error::new(path, FormatError::malformed("a parameter has a NUL byte")))
    })?;
    let unreadable = |error| InsertError::File(Error::new(path, error));
    let (file, head) = file::open_head(path, Compression::MAGIC_SIZE).map_err(unreadable)?;
    let compression = Compression::detect(&head);
    let by_kernel = compression.is_none_or(|compression| {
        module::kernel_compression().is_some_and(|word| word == kernel_word(compression))
    });
    let mut insertion = if compression.is_some() { Insertion::Decompressed } else { Insertion::Direct };
    if by_kernel {
        let flags = flags(force) | if compression.is_some() { module::COMPRESSED_FILE } else { 0 };
        match module::insert_file(&file, &parameters, flags) {
            Ok(()) => return Ok(Insertion::Direct),
            Err(error) if no_such_call(&error) => {}
            Err(error) => match error.raw_os_error().filter(|&errno| is_of_decompression(errno)) {
                Some(errno) if compression.is_some() => insertion = Insertion::Refused(errno),
                _ => return Err(InsertError::Kernel(Error::new(path, error))),
            },
        }
    }
    let image = image(path, force).map_err(InsertError::File)?;
    module::insert_image(&image, &parameters)
        .map_err(|error| InsertError::Kernel(Error::new(path, error)))?;
    Ok(insertion)
}

/// The whole object, decompressed, without what is to be passed over.
fn image(path: &Path, force: Force) -> crate::error::Result<Vec<u8>> {
    let mut opener = Opener::default();
    let source = opener.open(path)?;
    let whole = 0..source.size();
    source.announce(std::slice::from_ref(&whole));
    let mut image = source.bytes(0, source.size()).map_err(Error::at(path))?.into_owned();
    if force.vermagic {
        elf::without_vermagic(&mut image).map_err(Error::at(path))?;
    }
    if force.modversions {
        elf::without_versions(&mut image).map_err(Error::at(path))?;
    }
    Ok(image)
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
