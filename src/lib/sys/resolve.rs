//! Resolving symbolic links as a process with another root directory would.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::path_walk::{PathEntry, PathTree, walk};

/// A resolved path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedPath {
    /// The path without links, as seen from the real root.
    pub end: PathBuf,
    /// The links that were followed.
    pub links: Vec<ResolvedLink>,
}

/// A link that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedLink {
    /// The path of the link without other links, as seen from the real root.
    pub path: PathBuf,
    /// The target as written in the link.
    pub target: PathBuf,
    /// Whether the link was the last component, so that it leads to the same file as the whole path.
    pub is_last: bool,
}

impl ResolvedPath {
    /// Whether the path would lead elsewhere for a process with the real root directory.
    pub fn needs_root(&self) -> bool {
        self.links.iter().any(|link| link.target.is_absolute())
    }
}

/// Resolves `path` and all links in it: absolute links start at `root`, and nothing leads above it. Both arguments are
/// absolute. A path that is not below `root` may lead up to the real root until an absolute link leads into `root`.
///
/// Errors: the path does not exist, or has more than 40 links; those of readlink.
pub fn follow(root: &Path, path: &Path) -> io::Result<ResolvedPath> {
    let (floor, rest) = path.strip_prefix(root).map_or((Path::new("/"), path), |rest| (root, rest));
    let mut disk = Disk { root, floor, here: floor.to_path_buf(), links: Vec::new() };
    walk(&mut disk, rest.as_os_str().as_bytes())?;
    Ok(ResolvedPath { end: disk.here, links: disk.links })
}

/// The directories of the disk below a root.
struct Disk<'r> {
    root: &'r Path,
    /// Nothing leads above this.
    floor: &'r Path,
    here: PathBuf,
    links: Vec<ResolvedLink>,
}

impl PathTree for Disk<'_> {
    type Link = ();
    type Error = io::Error;

    fn up(&mut self, _: Option<&()>) -> io::Result<()> {
        if self.here != self.floor {
            self.here.pop();
        }
        Ok(())
    }

    fn down(&mut self, part: &[u8], _: Option<&()>, is_last: bool) -> io::Result<PathEntry<()>> {
        let path = self.here.join(OsStr::from_bytes(part));
        match fs::read_link(&path) {
            Ok(target) => {
                if target.is_absolute() {
                    self.floor = self.root;
                    self.here = self.root.to_path_buf();
                }
                let parts = target.as_os_str().as_bytes().to_vec();
                self.links.push(ResolvedLink { path, target, is_last });
                Ok(PathEntry::Link((), parts))
            }
            // The entry exists and is not a link.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                self.here = path;
                Ok(PathEntry::Plain)
            }
            Err(error) => Err(error),
        }
    }

    fn too_many_links(&self, (): &()) -> io::Error {
        io::Error::from_raw_os_error(libc::ELOOP)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_resolved_below_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("usr/lib/fw")).unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        fs::write(root.join("usr/lib/fw/file"), "x").unwrap();
        for (target, link) in [
            ("/usr/lib", "lib"),
            ("/lib/fw/file", "etc/alt"),
            ("../../../etc/alt", "usr/lib/fw/link"),
            ("../../../../../../etc/alt", "usr/lib/fw/far"),
            ("round", "etc/round"),
            ("nothing", "etc/dead"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink("root/etc/alt", dir.path().join("into")).unwrap();
        symlink("..", dir.path().join("up")).unwrap();
        let end = |path: &str| {
            let resolved =
                follow(&root, &dir.path().join(path)).map_err(|error| error.raw_os_error().unwrap())?;
            Ok(resolved.end.strip_prefix(dir.path()).map_or(resolved.end.clone(), Path::to_path_buf))
        };
        let file: std::result::Result<PathBuf, i32> = Ok("root/usr/lib/fw/file".into());
        for path in ["lib/fw/file", "etc/alt", "lib/fw/link", "usr/lib/fw/far", "lib/../../lib/fw/./file"] {
            assert_eq!(end(&format!("root/{path}")), file, "{path}");
        }
        assert_eq!(end("root/.."), Ok("root".into()));
        // A path that starts outside the root may lead to places outside.
        assert_eq!(end("into"), file);
        assert_eq!(end("up"), Ok(dir.path().parent().unwrap().into()));
        assert_eq!(end("root/etc/round"), Err(libc::ELOOP));
        assert_eq!(end("root/etc/dead"), Err(libc::ENOENT));
        assert_eq!(end("root/etc/alt/x"), Err(libc::ENOTDIR));
        let resolved = follow(&root, &root.join("usr/lib/fw/link")).unwrap();
        let last: Vec<bool> = resolved.links.iter().map(|link| link.is_last).collect();
        assert_eq!(last, [true, true, false]);
        assert!(resolved.needs_root() && !follow(&root, &root.join("usr")).unwrap().needs_root());
    }
}
