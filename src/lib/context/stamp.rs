//! Detection of changes to the files that a context was read from.
//!
//! This module owns the list of those files: the module directory with its indexes, the meta.pb, and the
//! configuration. They are examined with stat and never read. The kernel command line cannot change.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::IndexKind as Kind;
use super::conf::is_accepted;
use crate::formats::meta;
use crate::sys::file::{self, Stat};
use crate::sys::{dir, host};

/// The files and directories that a context is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The module directory, as the caller gave it.
    pub(super) dir: PathBuf,
    /// The meta.pb that was given or found.
    pub(super) meta: Option<PathBuf>,
    /// The directories and files of the configuration.
    pub(super) config: Vec<PathBuf>,
}

/// The state of all sources at one time. Equal stamps mean equal contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<Stat>>);

/// A time on the clock from which files get their timestamps.
#[derive(Debug, Clone, Copy)]
pub struct FileTime((i64, u32));

impl FileTime {
    /// The current time.
    pub fn now() -> Self {
        Self(host::file_time())
    }
}

impl Sources {
    /// Returns the current state of the sources.
    pub fn stamp(&self) -> Stamp {
        let mut stamp = Stamp(Vec::new());
        stamp.add(&self.dir);
        let index_files = Kind::ALL.iter().flat_map(|kind| <[&str; 2]>::from(kind.file_names()));
        for name in index_files.chain(["modules.softdep", "modules.weakdep", meta::FILE_NAME]) {
            stamp.add(&self.dir.join(name));
        }
        let above = self.dir.parent().map(|above| above.join(meta::FILE_NAME));
        for path in above.iter().chain(&self.meta) {
            stamp.add(path);
        }
        for path in &self.config {
            stamp.add_config(path);
        }
        stamp
    }
}

impl Stamp {
    /// Whether a file may have changed at or after `time`. If so, data that was read between `time` and this stamp may be
    /// older than the stamp.
    pub fn may_have_changed_since(&self, time: FileTime) -> bool {
        self.0.iter().flatten().any(|stat| stat.changed >= time.0)
    }

    fn add(&mut self, path: &Path) {
        self.0.push(file::stat(path).ok());
    }

    /// Adds a file, or a directory with its files: a file that is changed in place does not change its
    /// directory.
    fn add_config(&mut self, path: &Path) {
        self.add(path);
        let mut names = dir::names(path).unwrap_or_default();
        names.retain(|name| is_accepted(OsStr::as_bytes(name)));
        names.sort_unstable();
        for name in names {
            self.add(&path.join(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sources(top: &Path) -> Sources {
        let dir = top.join("modules/6.1");
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir(top.join("conf")).unwrap();
        fs::write(dir.join("modules.dep"), "a.ko:\n").unwrap();
        fs::write(top.join("conf/x.conf"), "blacklist a\n").unwrap();
        fs::write(top.join("own"), "blacklist b\n").unwrap();
        let config = vec![top.join("conf"), top.join("nothing"), top.join("own")];
        Sources { dir, meta: Some(top.join("own.pb")), config }
    }

    #[test]
    fn every_change_is_detected() {
        let top = tempfile::tempdir().unwrap();
        let sources = sources(top.path());
        let mut previous = sources.stamp();
        assert_eq!(sources.stamp(), previous);
        for (path, text) in [
            ("modules/6.1/modules.dep", "ab.ko:\n"),
            ("modules/6.1/modules.dep.bin", "x"),
            ("modules/6.1/modules.alias", "x"),
            ("modules/6.1/modules.softdep", "x"),
            ("modules/6.1/meta.pb", "x"),
            ("modules/meta.pb", "x"),
            ("own.pb", "x"),
            ("conf/x.conf", "blacklist abc\n"),
            ("conf/y.conf", ""),
            ("own", ""),
        ] {
            fs::write(top.path().join(path), text).unwrap();
            let new = sources.stamp();
            assert_ne!(new, previous, "{path}");
            assert_eq!(sources.stamp(), new);
            previous = new;
        }
        fs::remove_dir_all(top.path().join("modules/6.1")).unwrap();
        assert_ne!(sources.stamp(), previous);
    }

    #[test]
    fn other_files_do_not_affect_the_stamp() {
        let top = tempfile::tempdir().unwrap();
        let sources = sources(top.path());
        fs::write(top.path().join("conf/README"), "").unwrap();
        let before = sources.stamp();
        fs::write(top.path().join("conf/README"), "more").unwrap();
        fs::write(top.path().join("else"), "").unwrap();
        assert_eq!(sources.stamp(), before);
    }

    #[test]
    fn recent_changes_are_detected() {
        let top = tempfile::tempdir().unwrap();
        let before = FileTime::now();
        let stamp = sources(top.path()).stamp();
        assert!(stamp.may_have_changed_since(before));
        let (seconds, _) = before.0;
        assert!(!stamp.may_have_changed_since(FileTime((seconds + 3600, 0))));
    }
}
