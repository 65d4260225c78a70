//! An image whose compressed files are to be plain ones: their names, and the links that lead to them.
//!
//! Only what is decompressed loses its suffix, and only links to such a file do with it; a link's target follows it.

use bstr::{BString, ByteSlice};

use super::FIRMWARE;
use super::image::{Entry, Image};
use super::search::Ambiguity;
use crate::formats::firmware::{Catalogue, name};

impl Image {
    /// The same with every compressed file under its plain name. The answer is also what would have had that name too.
    pub fn decompressed(&self) -> (Self, Vec<Ambiguity>) {
        let names = Names(self.catalogue());
        let (mut image, mut ambiguities) = (Self::default(), Vec::new());
        for (path, entry) in self.entries() {
            let plain = names.plain(path);
            let entry = match entry {
                Entry::File { source, size, mode, .. } => Entry::File {
                    source: source.clone(),
                    size: *size,
                    mode: *mode,
                    decompress: plain.is_some(),
                },
                Entry::Link(target) => Entry::Link(names.target(path, target)),
            };
            ambiguities.extend(image.add(plain.unwrap_or_else(|| path.clone()), entry));
        }
        (image, ambiguities)
    }
}

/// The names of an image.
struct Names(Catalogue);

impl Names {
    /// The name that a path is to have instead; `None` for one that stays.
    fn plain(&self, path: &[u8]) -> Option<BString> {
        let plain = without_suffix(path)?;
        // Of a directory, a plain file, or nothing it is just a name.
        without_suffix(&self.0.chase(path).ok()?.file)?;
        Some(plain.into())
    }

    /// What the target of a link is to be.
    fn target(&self, link: &[u8], target: &BString) -> BString {
        let dir = link.rsplit_once_str("/").map_or(&b""[..], |(dir, _)| dir);
        let led_to = self.0.locate(&name::join(dir, target));
        let renamed = led_to.is_some_and(|path| self.plain(&path).is_some());
        let plain = if renamed { without_suffix(target) } else { None };
        plain.map_or_else(|| target.clone(), BString::from)
    }
}

/// A path without the suffix of a compressed file. Modules may have one that firmware cannot.
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
