//! Operands and options of a command line that name files or directories.
//!
//! Owns what such a name means: a module's file, a list of modules, a directory to choose from. Must not interpret the
//! contents of a module's file.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Context, Module, absolute};
use crate::error::Result;
use crate::formats::config::load_list::names;
use crate::name;
use crate::sys::{dir, file};

impl Module {
    /// The module in the file that an operand names. The path stays as it was given, but for the current directory before
    /// a relative one.
    ///
    /// Errors: there is no such file; the current directory cannot be determined.
    pub fn in_file(operand: &OsStr) -> io::Result<Self> {
        let path = PathBuf::from(absolute(operand)?);
        exists(&path).map(|()| Self::from_file(&path))
    }
}

impl Context {
    /// The file that an operand means: the one of this path, else that of a module or alias of this name.
    pub fn file_of(&self, operand: &OsStr) -> Option<PathBuf> {
        let path = Path::new(operand);
        if exists(path).is_ok() {
            return Some(path.to_path_buf());
        }
        let found = self.lookup(operand.as_bytes()).unwrap_or_default();
        found.into_iter().find_map(|module| self.path_of(&module.name))
    }
}

/// Whether `path` leads to something, whatever it is and whether or not it may be read.
///
/// Errors: what a stat of it would answer, `ENOENT` first of all.
pub fn exists(path: &Path) -> io::Result<()> {
    file::exists(path)
}

/// Whether `path` is a regular file whose name is that of a module's file.
pub fn is_module_file(path: &Path) -> bool {
    let stem = name::module_file_stem(path.as_os_str().as_bytes());
    stem.is_some_and(|stem| !stem.is_empty()) && file::is_file(path)
}

/// The names in a list of modules to be loaded, as modules-load.d(5) has them; `-` is standard input.
///
/// Errors: it cannot be read.
pub fn load_list(path: &OsStr) -> Result<Vec<OsString>> {
    let bytes = if path == "-" { file::read_standard_input() } else { file::read_stream(Path::new(path)) }?;
    Ok(names(&bytes).map(|name| OsString::from_vec(name.to_vec())).collect())
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name.
    pub name: OsString,
    /// Whether it is a directory, or a link to one.
    pub is_dir: bool,
}

/// The entries of a directory whose names are wanted, in no particular order; none if it cannot be listed.
pub fn list(directory: &Path, wanted: impl Fn(&[u8]) -> bool) -> Vec<DirEntry> {
    let names = dir::names(directory).unwrap_or_default().into_iter();
    let entry = |name: OsString| DirEntry { is_dir: file::is_dir(&directory.join(&name)), name };
    names.filter(|name| wanted(name.as_bytes())).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn operands_are_files_where_there_are_some() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::write(path("a-b.ko.xz"), "").unwrap();
        fs::create_dir(path("dir.ko")).unwrap();
        fs::write(path("list"), "# comment\n loop\n\ndm-mod\n").unwrap();
        let module = Module::in_file(path("a-b.ko.xz").as_os_str()).unwrap();
        assert_eq!((module.name, module.file), ("a_b".into(), Some(path("a-b.ko.xz"))));
        let absent = Module::in_file(path("absent.ko").as_os_str()).unwrap_err();
        assert_eq!(absent.raw_os_error(), Some(libc::ENOENT));
        let are = ["a-b.ko.xz", "dir.ko", "list", "absent.ko"].map(|name| is_module_file(&path(name)));
        assert_eq!(are, [true, false, false, false]);
        assert_eq!(load_list(path("list").as_os_str()).unwrap(), ["loop", "dm-mod"]);
        assert_eq!(load_list(path("absent").as_os_str()).unwrap_err().errno(), libc::ENOENT);
        let mut listed = list(top.path(), |name| name != b"list");
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let entry = |name: &str, is_dir| DirEntry { name: name.into(), is_dir };
        assert_eq!(listed, [entry("a-b.ko.xz", false), entry("dir.ko", true)]);
        assert!(list(&path("absent"), |_| true).is_empty());
    }
}
