//! The choice and the order of the configuration files.
//!
//! This module owns the rules of modprobe.d(5) and depmod.d(5) about directories: the search path, the
//! `.conf` suffix, masking by a file of the same name in an earlier directory, and the order by file name
//! across all directories. It must not interpret the files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Cause, Error, Result};
use crate::notice::{Notice, Sink};
use crate::sys;
use crate::sys::dir::{self, DirIdentity};

/// The directories whose `modprobe.d` and `depmod.d` are searched, highest priority first.
const DIRS: [&str; 5] = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

const SUFFIX: &[u8] = b".conf";

/// A configuration file and its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFile {
    /// The path, composed from the searched directory and the file name.
    pub path: PathBuf,
    /// The contents.
    pub bytes: Vec<u8>,
}

/// A collection of configuration files: of two files with the same name, the one added first is kept.
#[derive(Debug, Default)]
pub struct ConfFiles {
    by_name: BTreeMap<Vec<u8>, ConfFile>,
    /// The directories added so far.
    dirs: Vec<DirIdentity>,
}

/// Returns the default search path for `leaf`, such as `modprobe.d`, highest priority first.
pub fn default_dirs(leaf: &str) -> Vec<PathBuf> {
    DIRS.iter().map(|dir| [dir, "/", leaf].concat().into()).collect()
}

/// Reads the configuration files in these directories, and these files, in the order in which they are to be
/// parsed.
///
/// A source that does not exist is treated as empty. Problems inside a directory are reported to `sink`.
pub fn read_all(sources: &[PathBuf], sink: &Sink) -> Vec<ConfFile> {
    let mut files = ConfFiles::default();
    for source in sources {
        files.add(source, sink);
    }
    files.into_vec()
}

impl ConfFiles {
    /// Adds a directory's `*.conf` files, or the one file that `path` names (of any name).
    pub fn add(&mut self, path: &Path, sink: &Sink) {
        match self.names(path) {
            Ok(names) => {
                for name in names.iter().filter(|name| is_accepted(name.as_bytes())) {
                    self.add_entry(path, name, sink);
                }
            }
            Err(error) if error.errno() == libc::ENOTDIR => self.add_file(path, sink),
            Err(error) => report_unless_absent(error, sink),
        }
    }

    /// Returns the names in a directory, sorted bytewise. Empty if the directory was already added, possibly by
    /// another path, as when /lib is a link to /usr/lib.
    fn names(&mut self, path: &Path) -> Result<Vec<OsString>> {
        let identity = dir::identity(path)?;
        if self.dirs.contains(&identity) {
            return Ok(Vec::new());
        }
        let mut names = dir::names(path)?;
        self.dirs.push(identity);
        names.sort_unstable();
        Ok(names)
    }

    /// Adds one file under its own name; a file that does not exist is ignored.
    pub fn add_file(&mut self, path: &Path, sink: &Sink) {
        let name = path.file_name().unwrap_or_default();
        if let Err(error) = self.insert(name, path.to_path_buf()) {
            report_unless_absent(error, sink);
        }
    }

    fn add_entry(&mut self, dir: &Path, name: &OsStr, sink: &Sink) {
        let Err(error) = self.insert(name, dir.join(name)) else { return };
        sink.send(&match error.errno() {
            libc::EISDIR => Notice::ConfigSubdirectory(error.path),
            libc::ENOENT | libc::ELOOP | libc::ENOTDIR => Notice::ConfigDangling(error),
            _ => Notice::Unreadable(error),
        });
    }

    /// Reads `path` unless there already is a file of this name. An empty file counts too: that is how a
    /// link to /dev/null masks a file.
    fn insert(&mut self, name: &OsStr, path: PathBuf) -> Result<()> {
        if let Entry::Vacant(vacant) = self.by_name.entry(name.as_bytes().to_vec()) {
            let bytes = sys::file::read_text(&path)?;
            vacant.insert(ConfFile { path, bytes });
        }
        Ok(())
    }

    /// Returns the files in the order in which they are to be parsed: sorted bytewise by name.
    pub fn into_vec(self) -> Vec<ConfFile> {
        self.by_name.into_values().collect()
    }
}

pub(super) fn is_accepted(name: &[u8]) -> bool {
    name.len() > SUFFIX.len() && name.ends_with(SUFFIX) && !name.starts_with(b".")
}

fn report_unless_absent(error: Error, sink: &Sink) {
    let absent = matches!(error.errno(), libc::ENOENT | libc::ENOTDIR) && matches!(error.cause, Cause::Io(_));
    if !absent {
        sink.send(&Notice::Unreadable(error));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::notice::testing::Recorder;

    fn names(sources: &[PathBuf]) -> (Vec<String>, Vec<String>) {
        let kind = |notice: &Notice| format!("{notice:?}").split('(').next().unwrap().to_owned();
        let (notices, sink) = Recorder::new(kind);
        let files = read_all(sources, &sink);
        let shown = files
            .iter()
            .map(|file| {
                let path = file.path.to_string_lossy().into_owned();
                let tail = path.rsplit('/').take(2).collect::<Vec<_>>();
                tail.into_iter().rev().collect::<Vec<_>>().join("/")
            })
            .collect();
        (shown, notices.take())
    }

    #[test]
    fn directories_merge_by_name_and_mask() {
        let root = tempfile::tempdir().unwrap();
        let (strong, weak) = (root.path().join("strong"), root.path().join("weak"));
        for dir in [&strong, &weak] {
            std::fs::create_dir(dir).unwrap();
        }
        let write = |path: PathBuf| std::fs::write(path, "blacklist x\n").unwrap();
        for name in ["b.conf", ".hidden.conf", ".conf", "x.conf~", "plain"] {
            write(strong.join(name));
        }
        for name in ["a.conf", "b.conf", "B.conf", "masked.conf", "shown.conf"] {
            write(weak.join(name));
        }
        symlink("/dev/null", strong.join("masked.conf")).unwrap();
        symlink("nowhere", strong.join("shown.conf")).unwrap();
        std::fs::create_dir(weak.join("sub.conf")).unwrap();
        let (files, notices) = names(&[strong, weak, root.path().join("absent")]);
        assert_eq!(
            files,
            ["weak/B.conf", "weak/a.conf", "strong/b.conf", "strong/masked.conf", "weak/shown.conf"]
        );
        assert_eq!(notices, ["ConfigDangling", "ConfigSubdirectory"]);
    }

    #[test]
    fn a_file_given_directly_needs_no_suffix_but_sorts_by_name() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = (root.path().join("z"), root.path().join("a.conf"));
        for path in [&first, &second] {
            std::fs::write(path, "").unwrap();
        }
        let (files, notices) = names(&[first, second]);
        assert!(files[0].ends_with("/a.conf") && files[1].ends_with("/z"), "{files:?}");
        assert!(notices.is_empty());
    }
}
