//! The walk along a path through symbolic links.
//!
//! Owns the order in which the parts of a path and of the links on it are visited, and the limit on their number. What
//! there is at a part, on the disk or in a list, is a [`PathTree`]'s business, and so is where `..` and absolute links lead.
//! Contract: `path_resolution(7)`.

/// The most links on a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// What there is at a part of a path.
#[derive(Debug)]
pub(crate) enum PathEntry<L> {
    /// Anything but a link. The position is there now.
    Plain,
    /// A symbolic link with its target. The position is where the target leads from.
    Link(L, Vec<u8>),
}

/// A tree of directories with a position in it.
pub(crate) trait PathTree {
    /// What remains known of a link while the walk is on the way that its target describes.
    type Link: Clone;
    /// Why the walk ends early.
    type Error;

    /// Moves to the directory above, for a `..` in the target of the link `of`, or in the path itself.
    fn up(&mut self, of: Option<&Self::Link>) -> Result<(), Self::Error>;

    /// Moves to the entry `part` of the directory at the position; `of` is as for [`up`](Self::up), and `is_last` says that
    /// nothing follows. For a link the position stays, or becomes the root if the target is absolute.
    fn down(
        &mut self,
        part: &[u8],
        of: Option<&Self::Link>,
        is_last: bool,
    ) -> Result<PathEntry<Self::Link>, Self::Error>;

    /// The error for a link that comes after as many links as there may be.
    fn too_many_links(&self, link: &Self::Link) -> Self::Error;
}

/// Moves the position of `tree` along `path` and all links on it.
///
/// Errors: those of the tree.
pub(crate) fn walk<T: PathTree>(tree: &mut T, path: &[u8]) -> Result<(), T::Error> {
    // The next part is the last one. With each is the link that it belongs to.
    let mut ahead: Vec<(Vec<u8>, Option<T::Link>)> = Vec::new();
    ahead.extend(parts(path).rev().map(|part| (part.to_vec(), None)));
    let mut followed = 0;
    while let Some((part, of)) = ahead.pop() {
        if part == b".." {
            tree.up(of.as_ref())?;
        } else if let PathEntry::Link(link, target) = tree.down(&part, of.as_ref(), ahead.is_empty())? {
            if followed == MAX_LINKS {
                return Err(tree.too_many_links(&link));
            }
            followed += 1;
            ahead.extend(parts(&target).rev().map(|part| (part.to_vec(), Some(link.clone()))));
        }
    }
    Ok(())
}

/// The parts of a path without empty ones and `.`, which lead nowhere else.
pub(crate) fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."))
}
