//! Operands and options of a command line that name files or directories.
//!
//! This module owns the meaning of such a name: a module file, a list of modules, or a directory whose entries are
//! completed. It must not interpret the contents of module files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Context, Module, absolute};
use crate::error::Result;
use crate::formats::config::load_list::names;
use crate::name;
use crate::sys::{dir, file};
use crate::text;

impl Module {
    /// Returns the module in the file that an operand names. A relative path is prefixed with the working directory, and
    /// not normalised.
    ///
    /// Errors: those of [`names_module`]; the working directory cannot be determined.
    pub fn in_file(operand: &OsStr) -> io::Result<Self> {
        let path = PathBuf::from(absolute(operand)?);
        names_module(&path).map(|()| Self::from_file(&path))
    }
}

impl Context {
    /// Returns the file that an operand stands for: the file at this path or, if there is none, the file of the module
    /// with this name or alias.
    pub fn file_of(&self, operand: &OsStr) -> Option<PathBuf> {
        let path = Path::new(operand);
        if names_file(path).is_ok() {
            return Some(path.to_path_buf());
        }
        let found = self.lookup(operand.as_bytes()).unwrap_or_default();
        found.into_iter().find_map(|module| self.path_of(&module.name))
    }
}

/// Checks that a file of any type exists at `path`. It need not be readable.
///
/// Errors: those of stat, such as `ENOENT`.
pub fn exists(path: &Path) -> io::Result<()> {
    file::exists(path)
}

/// Checks that `path` exists, and that its last component can be the name of a file.
///
/// Errors: those of [`exists`]; `ENOENT` for a path that ends in a slash, even if it leads to a directory.
pub fn names_file(path: &Path) -> io::Result<()> {
    exists(path)?;
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(io::Error::from_raw_os_error(libc::ENOENT));
    }
    Ok(())
}

/// Checks that `path` exists, and that a module name can be derived from it.
///
/// Errors: those of [`names_file`]; `EISDIR` for a directory without a name, such as `..`.
pub fn names_module(path: &Path) -> io::Result<()> {
    names_file(path)?;
    if name::from_path(path.as_os_str().as_bytes()).is_empty() && file::is_dir(path) {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    Ok(())
}

/// Whether `path` is a regular file whose name has one of the suffixes of module files.
pub fn is_module_file(path: &Path) -> bool {
    let stem = name::module_file_stem(path.as_os_str().as_bytes());
    stem.is_some_and(|stem| !stem.is_empty()) && file::is_file(path)
}

/// Reads a list of modules in the format of modules-load.d(5) and returns the names; `-` stands for standard input.
///
/// Errors: the list cannot be read.
pub fn load_list(path: &OsStr) -> Result<Vec<OsString>> {
    let bytes = if path == "-" { file::read_standard_input() } else { file::read_stream(Path::new(path)) }?;
    Ok(names(text::without_byte_order_mark(&bytes)).map(|name| OsString::from_vec(name.to_vec())).collect())
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: OsString,
    /// Whether it is a directory, or a link to one.
    pub is_dir: bool,
}

/// Returns the entries of a directory whose names are `wanted`, in no particular order; none if it cannot be listed.
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
    fn operands_that_name_files() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::write(path("a-b.ko.xz"), "").unwrap();
        fs::create_dir(path("dir.ko")).unwrap();
        fs::write(path("list"), "\u{feff}# comment\n loop\n\ndm-mod\r\n").unwrap();
        let module = Module::in_file(path("a-b.ko.xz").as_os_str()).unwrap();
        assert_eq!((module.name, module.file), ("a_b".into(), Some(path("a-b.ko.xz"))));
        let absent = Module::in_file(path("absent.ko").as_os_str()).unwrap_err();
        assert_eq!(absent.raw_os_error(), Some(libc::ENOENT));
        for (name, errno) in
            [("", libc::ENOENT), ("dir.ko/", libc::ENOENT), (".", libc::EISDIR), ("dir.ko/..", libc::EISDIR)]
        {
            let nameless = Module::in_file(path(name).as_os_str()).unwrap_err();
            assert_eq!(nameless.raw_os_error(), Some(errno), "{name}");
        }
        assert!(names_file(&path(".")).is_ok() && names_file(&path("dir.ko/")).is_err());
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
