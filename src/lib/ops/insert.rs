//! Inserting a module file into the kernel.
//!
//! An uncompressed file is passed by descriptor. A compressed one is passed by descriptor too if the kernel
//! can decompress its format. If it cannot, or if it refuses this file (some kernels do for xz with CRC64
//! or a large dictionary, or for lack of memory), the file is decompressed here. The second attempt is made only after an
//! error that decompression can cause, and its result is returned: a module that is itself invalid is refused again.

use std::borrow::Cow;
use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::context::module_file::Opener;
use crate::error::{Cause, Error, FormatError};
use crate::formats::compress::Compression;
use crate::formats::elf;
use crate::formats::source::Source;
use crate::sys::{file, module};

/// The checks of the kernel that are to be skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Force {
    /// Do not require the kernel's version magic.
    pub vermagic: bool,
    /// Do not require the kernel's symbol versions.
    pub modversions: bool,
}

/// How a module was inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// Unchanged: the kernel read the file, or received its bytes if it has no `finit_module`.
    Direct,
    /// Decompressed here, because the kernel cannot decompress this format.
    Decompressed,
    /// Decompressed here, after the kernel refused the file with this errno.
    Refused(i32),
}

/// The reason why a module was not inserted.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// The file could not be read or is damaged; the kernel was not called.
    #[error(transparent)]
    File(Error),
    /// The kernel refused the module, or the module's initialisation failed.
    #[error(transparent)]
    Kernel(Error),
}

impl InsertError {
    /// Returns the error with its path.
    pub fn error(&self) -> &Error {
        match self {
            Self::File(error) | Self::Kernel(error) => error,
        }
    }
}

/// Inserts the module at `path` with `parameters`, which are separated by blanks.
///
/// Errors: those of opening and reading the file; malformed for less than six bytes, parameters with a NUL byte, or damaged
/// compressed data; otherwise the kernel's errno: `EEXIST` if the module is loaded, `ENOENT` for an unknown
/// symbol, `ENOEXEC` for a module of another kernel, and whatever the module's initialisation returns.
pub fn insert(path: &Path, parameters: &[u8], force: Force) -> Result<Insertion, InsertError> {
    let parameters = CString::new(parameters).map_err(|_| {
        InsertError::File(Error::new(path, FormatError::malformed("NUL byte in the parameters")))
    })?;
    let unreadable = |cause: Cause| InsertError::File(Error::new(path, cause));
    let (file, head) = file::open_head(path, Compression::MAGIC_SIZE).map_err(unreadable)?;
    if head.len() < Compression::MAGIC_SIZE {
        return Err(unreadable(FormatError::malformed("file is too small for a module").into()));
    }
    let compression = Compression::detect(&head);
    let by_kernel = compression.is_none_or(|compression| {
        module::kernel_compression().is_some_and(|word| word == kernel_name(compression))
    });
    let mut insertion = if compression.is_some() { Insertion::Decompressed } else { Insertion::Direct };
    if by_kernel {
        let flags = flags(force) | if compression.is_some() { module::COMPRESSED_FILE } else { 0 };
        match module::insert_file(&file, &parameters, flags) {
            Ok(()) => return Ok(Insertion::Direct),
            Err(error) if is_unsupported(&error) => {}
            Err(error) => match error.raw_os_error().filter(|&errno| is_of_decompression(errno)) {
                Some(errno) if compression.is_some() => insertion = Insertion::Refused(errno),
                _ => return Err(InsertError::Kernel(Error::new(path, error))),
            },
        }
    }
    let mut opener = Opener::default();
    let file = opener.open(path).map_err(InsertError::File)?;
    let image = image(file.source(), force).map_err(|cause| InsertError::File(Error::new(path, cause)))?;
    module::insert_image(&image, &parameters)
        .map_err(|error| InsertError::Kernel(Error::new(path, error)))?;
    Ok(insertion)
}

/// Returns the whole object, decompressed, without the data for the checks that are to be skipped.
fn image(source: &dyn Source, force: Force) -> elf::Result<Cow<'_, [u8]>> {
    let whole = 0..source.size();
    source.announce(std::slice::from_ref(&whole));
    let mut image = Cow::Borrowed(source.read_at(0, source.size())?);
    if force.vermagic {
        elf::without_vermagic(image.to_mut())?;
    }
    if force.modversions {
        elf::without_versions(image.to_mut())?;
    }
    Ok(image)
}

fn kernel_name(compression: Compression) -> &'static [u8] {
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

/// Whether the kernel has no `finit_module`.
fn is_unsupported(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOSYS)
}

/// Whether kernels use this errno to refuse compressed data that they cannot handle.
fn is_of_decompression(errno: i32) -> bool {
    matches!(errno, libc::EINVAL | libc::ENOMEM | libc::EOPNOTSUPP | libc::ENOEXEC)
}
