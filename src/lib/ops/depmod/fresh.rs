//! `-A`: whether the files that are there still describe the modules that are there.
//!
//! kmod compares the modification times of module files with that of modules.dep, and so misses
//! modules that went away, that came with an old time, and changes of what else goes into the files.
//! Here the list of modules must be the same, and nothing that goes in may have changed since: neither
//! its contents nor, by its status change time, its being put in place.

use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::index::text;
use crate::sys::file;

use super::image;
use super::scan::ModuleFile;

/// Lists of the kernel's installation that go into the output.
const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// Whether the output files in `out` are complete and newer than everything they are made from: the
/// module directory `dir`, its module files `files`, and the configuration files `sources`.
///
/// Anything that cannot be examined counts as changed.
pub fn is_fresh(dir: &Path, out: &Path, files: &[ModuleFile], sources: &[PathBuf]) -> bool {
    let Ok(made) = file::times(&out.join(image::DEP)).map(|times| times.modified) else { return false };
    let older = |path: &Path| file::times(path).is_ok_and(|times| times.modified.max(times.changed) < made);
    // What is not there had no part, unless it was removed since: then its directory has changed.
    let absent_or_older = |path: &Path| !path.exists() || older(path);
    image::NAMES.iter().all(|name| out.join(name).is_file())
        && sources.iter().all(|path| absent_or_older(path))
        && LISTS.iter().all(|name| absent_or_older(&dir.join(name)))
        && files.iter().all(|file| older(&file.path))
        && same_modules(dir, out, files)
}

fn same_modules(dir: &Path, out: &Path, files: &[ModuleFile]) -> bool {
    let Ok(text) = file::read(&out.join(image::DEP)) else { return false };
    let listed: HashSet<PathBuf> =
        text::deps(&text).map(|dep| dir.join(std::ffi::OsStr::from_bytes(dep.path))).collect();
    listed.len() == files.len() && files.iter().all(|file| listed.contains(&file.path))
}
