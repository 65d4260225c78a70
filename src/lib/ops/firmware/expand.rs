//! Images with decompressed files: the names of the files, and of the links that lead to them.
//!
//! Only a file that is decompressed loses its suffix, and only links to such a file lose theirs. The target
//! of a link is changed accordingly.

use bstr::{BString, ByteSlice};

use super::FIRMWARE;
use super::image::{ImageEntry, ImageTree};
use super::search::Ambiguity;
use crate::formats::firmware::{Catalogue, name};

impl ImageTree {
    /// Returns the image with every compressed file under its uncompressed name, and the ambiguities where
    /// another entry would have the same name.
    pub fn decompressed(&self) -> (Self, Vec<Ambiguity>) {
        let names = Names(self.catalogue());
        let (mut image, mut ambiguities) = (Self::default(), Vec::new());
        for (path, entry) in self.entries() {
            let plain = names.plain(path);
            let entry = match entry {
                ImageEntry::File { source, size, mode, .. } => ImageEntry::File {
                    source: source.clone(),
                    size: *size,
                    mode: *mode,
                    decompress: plain.is_some(),
                },
                ImageEntry::Link(target) => ImageEntry::Link(names.target(path, target)),
            };
            ambiguities.extend(image.add(plain.unwrap_or_else(|| path.clone()), entry));
        }
        (image, ambiguities)
    }
}

/// The names of an image.
struct Names(Catalogue);

impl Names {
    /// Returns the new name of a path; `None` if it does not change.
    fn plain(&self, path: &[u8]) -> Option<BString> {
        let plain = without_suffix(path)?;
        // A suffix has no meaning in the name of a directory, of a link to an uncompressed file, or of a
        // dangling link.
        without_suffix(&self.0.resolve(path).ok()?.file)?;
        Some(plain.into())
    }

    /// Returns the new target of a link.
    fn target(&self, link: &[u8], target: &BString) -> BString {
        let dir = link.rsplit_once_str("/").map_or(&b""[..], |(dir, _)| dir);
        let target_path = self.0.locate(&name::join(dir, target));
        let renamed = target_path.is_some_and(|path| self.plain(&path).is_some());
        let plain = if renamed { without_suffix(target) } else { None };
        plain.map_or_else(|| target.clone(), BString::from)
    }
}

/// Returns a path without the suffix of a compressed file. `.gz` is supported for modules but not for
/// firmware.
fn without_suffix(path: &[u8]) -> Option<&[u8]> {
    let (plain, suffix) = name::plain(path);
    let below = |dir: &str| path.trim_start_with(|char| char == '/').starts_with(&dir.as_bytes()[1..]);
    if !suffix.is_empty() {
        Some(plain)
    } else if path.ends_with(b".ko.gz") && !below(FIRMWARE) {
        path.strip_suffix(b".gz")
    } else {
        None
    }
}
