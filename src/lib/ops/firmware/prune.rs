//! The files of a directory of modules that has no indexes, as an image builder has it: which are modules, which are not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::error::Result;
use crate::name;
use crate::ops::depmod::BUILD_LINKS;
use crate::sys::tree::{Found, Walk};

/// What is in a directory.
#[derive(Debug, Default)]
pub struct Files {
    /// The files of modules with the modules' names, sorted by path. There may be several of a name.
    pub modules: Vec<(BString, PathBuf)>,
    /// Everything else that is no directory.
    pub strays: Vec<PathBuf>,
}

/// Lists a directory with all below it, links followed, but not into the kernel's build tree, as depmod does.
///
/// Errors: a directory cannot be listed, or something in it cannot be examined; a link to nothing, or back to where it
/// lies, is only a stray.
pub fn files(dir: &Path) -> Result<Files> {
    let mut files = Files::default();
    let skip = |name: &OsString, is_dir: bool| is_dir && BUILD_LINKS.iter().any(|link| name == link);
    for found in Walk::new(dir, &skip)? {
        match found {
            Found::File(path) => {
                let base = path.file_name().unwrap_or_default().as_bytes();
                if name::module_file_stem(base).is_some_and(|stem| !stem.is_empty()) {
                    let name = BString::from(name::from_path(base).into_owned());
                    files.modules.push((name, path));
                } else {
                    files.strays.push(path);
                }
            }
            Found::Other(path, _) => files.strays.push(path),
            Found::Error(error) if matches!(error.errno(), libc::ENOENT | libc::ELOOP) => {
                files.strays.push(error.path);
            }
            Found::Error(error) => return Err(error),
        }
    }
    files.modules.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    files.strays.sort_unstable();
    Ok(files)
}
