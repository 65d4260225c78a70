//! Path resolution: following a path and the symbolic links in it.
//!
//! This module owns the order in which the components of a path and of its links are visited, and the limit on the
//! number of links. A [`PathTree`] knows the entries, on the disk or in a list, and where `..` and absolute links lead.
//! Contract: `path_resolution(7)`.

/// The maximum number of links that are followed for a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// The entry for a component of a path.
#[derive(Debug)]
pub(crate) enum PathEntry<L> {
    /// Anything but a link. The position has moved there.
    Plain,
    /// A symbolic link with its target. The position is the directory from which the target is resolved.
    Link(L, Vec<u8>),
}

/// A tree of directories with a position in it.
pub(crate) trait PathTree {
    /// What is remembered of a link while the components of its target are visited.
    type Link: Clone;
    /// The reason why a path cannot be resolved.
    type Error;

    /// Moves to the parent directory, for a `..` in the target of the link `of`, or in the path itself.
    fn up(&mut self, of: Option<&Self::Link>) -> Result<(), Self::Error>;

    /// Moves to the entry `part` of the current directory; `of` is as for [`up`](Self::up), and `is_last` says that it is
    /// the last component. For a link, the position does not change, or becomes the root if the target is absolute.
    fn down(
        &mut self,
        part: &[u8],
        of: Option<&Self::Link>,
        is_last: bool,
    ) -> Result<PathEntry<Self::Link>, Self::Error>;

    /// Returns the error for a link that exceeds the limit.
    fn too_many_links(&self, link: &Self::Link) -> Self::Error;
}

/// Moves the position of `tree` along `path`, following all links.
///
/// Errors: those of the tree.
pub(crate) fn walk<T: PathTree>(tree: &mut T, path: &[u8]) -> Result<(), T::Error> {
    // A stack of components: the next one is at the end. Each has the link whose target it belongs to.
    let mut pending: Vec<(Vec<u8>, Option<T::Link>)> = Vec::new();
    pending.extend(parts(path).rev().map(|part| (part.to_vec(), None)));
    let mut followed = 0;
    while let Some((part, of)) = pending.pop() {
        if part == b".." {
            tree.up(of.as_ref())?;
        } else if let PathEntry::Link(link, target) = tree.down(&part, of.as_ref(), pending.is_empty())? {
            if followed == MAX_LINKS {
                return Err(tree.too_many_links(&link));
            }
            followed += 1;
            pending.extend(parts(&target).rev().map(|part| (part.to_vec(), Some(link.clone()))));
        }
    }
    Ok(())
}

/// Returns the components of a path, except for empty ones and `.`.
pub(crate) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."))
}
