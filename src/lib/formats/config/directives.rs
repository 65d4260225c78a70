//! The common part of modprobe.d and depmod.d: one directive per line, and the notices about invalid lines.
//!
//! Owns the notices about lines. Must not know any particular directive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bstr::BString;

use super::lex::{Fields, fields, lines};
use super::model::{Origin, OriginKind};
use crate::notice::{Notice, Sink};

/// The result of handling a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The line was added to the configuration.
    Taken,
    /// The line is invalid and was skipped.
    Bad,
    /// The directive is accepted and has no effect.
    Ignored,
    /// The directive is no longer supported.
    Deprecated,
}

impl From<Option<()>> for Verdict {
    fn from(taken: Option<()>) -> Self {
        if taken.is_some() { Self::Taken } else { Self::Bad }
    }
}

/// Passes the directive and the remaining fields of each line to `take`, in order. `bad` makes the notice about an
/// invalid line from the path of the file, the line number and the first word.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    kind: OriginKind,
    sink: &Sink,
    bad: fn(PathBuf, u32, BString) -> Notice,
    mut take: impl FnMut(&[u8], Fields<'_>, Origin) -> Verdict,
) {
    let shared: Arc<Path> = Arc::from(path);
    for line in lines(bytes) {
        let mut words = fields(&line.text);
        let Some(directive) = words.next() else { continue };
        let origin = Origin { path: Arc::clone(&shared), line: line.number, kind };
        let (line, word) = (line.number, || directive.into());
        match take(directive, words, origin) {
            Verdict::Taken => {}
            Verdict::Bad => sink.send(&bad(path.into(), line, word())),
            Verdict::Ignored => {
                sink.send(&Notice::IgnoredDirective { path: path.into(), line, command: word() });
            }
            Verdict::Deprecated => {
                sink.send(&Notice::DeprecatedDirective { path: path.into(), line, command: word() });
            }
        }
    }
}
