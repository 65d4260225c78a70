//! Writing an image to a directory: every file is copied, every link is created.
//!
//! Files are copied unchanged, or decompressed if the image says so. Nothing outside the directory is written, see
//! [`image_dir`](crate::sys::image_dir).

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::image::{ImageEntry, ImageTree};
use crate::error::{Error, FormatError, Result};
use crate::formats::compress::{Compression, Decompressor};
use crate::sys::image_dir::ImageDir;
use crate::sys::{file, process};

/// Copies a whole image to the directory `dir`. For a file that is decompressed, the image refers to the
/// copy afterwards.
///
/// Errors: a file cannot be read, is not compressed as its name says, or cannot be written. Files that were
/// already copied remain, each complete.
pub fn copy(image: &mut ImageTree, dir: &Path) -> Result<()> {
    process::let_long_files_fail();
    let target_dir = ImageDir::open(dir)?;
    let mut decompressor = Decompressor::default();
    let mut decoded = Vec::new();
    for (path, entry) in image.entries_mut() {
        let place = path.strip_prefix(b"/").unwrap_or(path);
        match entry {
            ImageEntry::Link(target) => target_dir.link(place, target)?,
            ImageEntry::File { source, mode, decompress, size } => {
                let from = Path::new(OsStr::from_bytes(source));
                let bytes = file::read(from)?;
                if !*decompress {
                    target_dir.file(place, &bytes, *mode)?;
                    continue;
                }
                let compression = Compression::detect(&bytes).ok_or_else(not_compressed);
                let decode = |how| decompressor.decompress(how, &bytes, &mut decoded);
                compression.and_then(decode).map_err(Error::at(from))?;
                let copy = target_dir.file(place, &decoded, *mode)?;
                *source = copy.into_os_string().into_vec().into();
                (*size, *decompress) = (decoded.len() as u64, false);
            }
        }
    }
    target_dir.finish()
}

fn not_compressed() -> FormatError {
    FormatError::malformed("not compressed, despite its suffix")
}
