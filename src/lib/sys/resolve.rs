//! Resolving symbolic links as a process with another root directory would.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The maximum number of links in a path, as in the kernel.
pub(super) const MAX_LINKS: usize = 40;

/// A resolved path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The path without links, as seen from the real root.
    pub end: PathBuf,
    /// The links that were followed.
    pub links: Vec<Link>,
}

/// A link that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The path of the link without other links, as seen from the real root.
    pub path: PathBuf,
    /// The target as written in the link.
    pub target: PathBuf,
    /// Whether the link was the last component, so that it leads to the same file as the whole path.
    pub is_last: bool,
}

impl Way {
    /// Whether the path would lead elsewhere for a process with the real root directory.
    pub fn needs_root(&self) -> bool {
        self.links.iter().any(|link| link.target.is_absolute())
    }
}

/// Resolves `path` and all links in it: absolute links start at `root`, and nothing leads above it. Both arguments are
/// absolute. A path that is not below `root` may lead up to the real root until an absolute link leads into `root`.
///
/// Errors: the path does not exist, or has more than 40 links; those of readlink.
pub fn follow(root: &Path, path: &Path) -> io::Result<Way> {
    let (mut floor, rest) = path.strip_prefix(root).map_or((Path::new("/"), path), |rest| (root, rest));
    let (mut here, mut ahead, mut links) = (floor.to_path_buf(), VecDeque::new(), Vec::new());
    push_front(&mut ahead, rest);
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            if here != floor {
                here.pop();
            }
            continue;
        }
        let next = here.join(&part);
        match fs::read_link(&next) {
            Ok(target) => {
                if links.len() == MAX_LINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                if target.is_absolute() {
                    floor = root;
                    here = root.to_path_buf();
                }
                let is_last = ahead.is_empty();
                push_front(&mut ahead, &target);
                links.push(Link { path: next, target, is_last });
            }
            // The entry exists and is not a link.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => here = next,
            Err(error) => return Err(error),
        }
    }
    Ok(Way { end: here, links })
}

/// Puts the components of a path before the pending ones.
fn push_front(ahead: &mut VecDeque<OsString>, path: &Path) {
    for part in path.components().rev() {
        match part {
            Component::Normal(part) => ahead.push_front(part.into()),
            Component::ParentDir => ahead.push_front("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_to_where_the_root_has_them() {
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
            let way = follow(&root, &dir.path().join(path)).map_err(|error| error.raw_os_error().unwrap())?;
            Ok(way.end.strip_prefix(dir.path()).map_or(way.end.clone(), Path::to_path_buf))
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
        let way = follow(&root, &root.join("usr/lib/fw/link")).unwrap();
        let last: Vec<bool> = way.links.iter().map(|link| link.is_last).collect();
        assert_eq!(last, [true, true, false]);
        assert!(way.needs_root() && !follow(&root, &root.join("usr")).unwrap().needs_root());
    }
}
