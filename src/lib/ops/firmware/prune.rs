//! Listing a directory of modules that has no indexes, as in an image builder: module files and other
//! files.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::error::Result;
use crate::name;
use crate::ops::depmod::BUILD_LINKS;
use crate::sys::tree::{TreeEntry, TreeWalk};

/// The files in a directory.
#[derive(Debug, Default)]
pub struct DirectoryFiles {
    /// The module files with their module names, sorted by path. Several may have the same name.
    pub modules: Vec<(BString, PathBuf)>,
    /// Everything else except directories.
    pub others: Vec<PathBuf>,
}

/// Lists a directory recursively. As in depmod, links are followed, but not those to the kernel's build
/// tree.
///
/// Errors: a directory cannot be listed, or an entry cannot be examined. A dangling link, or one that leads
/// back to its own directory, is listed among the other files.
pub fn files(dir: &Path) -> Result<DirectoryFiles> {
    let mut files = DirectoryFiles::default();
    let skip = |name: &OsString, is_dir: bool| is_dir && BUILD_LINKS.iter().any(|link| name == link);
    for found in TreeWalk::new(dir, &skip)? {
        match found {
            TreeEntry::File(path) => {
                let base = path.file_name().unwrap_or_default().as_bytes();
                if name::module_file_stem(base).is_some_and(|stem| !stem.is_empty()) {
                    let name = BString::from(name::from_path(base).into_owned());
                    files.modules.push((name, path));
                } else {
                    files.others.push(path);
                }
            }
            TreeEntry::Other(path, _) => files.others.push(path),
            TreeEntry::Error(error) if matches!(error.errno(), libc::ENOENT | libc::ELOOP) => {
                files.others.push(error.path);
            }
            TreeEntry::Error(error) => return Err(error),
        }
    }
    files.modules.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    files.others.sort_unstable();
    Ok(files)
}
