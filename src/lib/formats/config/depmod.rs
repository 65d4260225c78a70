//! depmod.d: which of several modules of the same name wins, and where to look for more modules.
//!
//! Owns the grammar and the values as written. Must not match versions or paths, which is left to depmod. Contract:
//! depmod.d(5) as kmod 34 parses it. Names are not normalised here.

use std::path::Path;

use bstr::BString;

use super::directives::{Verdict, read};
use super::lex::Fields;
use super::{Origin, OriginKind};
use crate::notice::{DepmodNotice, Notice, Sink};

/// One word of a `search` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchPlace {
    /// `built-in`: the modules that no other entry covers.
    BuiltIn,
    /// `external`: the directories of `external` lines.
    External,
    /// A directory relative to the module directory, as written.
    Dir(BString),
}

/// One word of a `search` line and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchEntry {
    /// The place to search.
    pub place: SearchPlace,
    /// Where it was written.
    pub origin: Origin,
}

/// The kernel versions that an `override` or `external` line applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelPattern {
    /// `*`: every version.
    Any,
    /// A POSIX extended regular expression, matched unanchored. An expression that does not compile matches no version.
    Expression(BString),
}

/// `override MODULE KVER SUBDIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The module's file name without its suffix (dashes and underscores differ).
    pub module: BString,
    /// The versions that the line applies to.
    pub kernel: KernelPattern,
    /// The subdirectory of the module directory whose file wins.
    pub subdir: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `external KVER DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The versions that the line applies to.
    pub kernel: KernelPattern,
    /// An absolute directory. The base directory is not prepended.
    pub dir: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// One word of an `exclude` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclude {
    /// The base name of a file or directory, at any depth.
    pub name: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// The configuration in depmod.d. Each list is in the order written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DepmodConfig {
    /// The words of the `search` lines. Earlier words have higher priority; empty if there is no `search` line.
    pub search: Vec<SearchEntry>,
    /// The `override` lines.
    pub overrides: Vec<Override>,
    /// The `external` lines.
    pub externals: Vec<External>,
    /// The `exclude` words.
    pub excludes: Vec<Exclude>,
}

impl DepmodConfig {
    /// Parses `bytes`, the contents of the file that notices and origins call `path`, and adds the entries.
    ///
    /// Bad lines are skipped with [`BadConfigLine`](DepmodNotice::BadConfigLine). `include` and `make_map_files` are
    /// accepted and reported with [`IgnoredDirective`](Notice::IgnoredDirective).
    pub fn parse(&mut self, path: &Path, bytes: &[u8], sink: &Sink) {
        let bad = |path, line, word| Notice::Depmod(DepmodNotice::BadConfigLine { path, line, word });
        read(path, bytes, OriginKind::Administrator, sink, bad, |directive, words, origin| match directive {
            b"include" | b"make_map_files" => Verdict::Ignored,
            directive => self.add(directive, words, origin).into(),
        });
    }

    /// Adds the entries of a line; `None` if the line is invalid.
    fn add(&mut self, command: &[u8], mut words: Fields<'_>, origin: Origin) -> Option<()> {
        match command {
            b"search" => self.search.extend(words.map(|word| SearchEntry {
                place: match word {
                    b"built-in" => SearchPlace::BuiltIn,
                    b"external" => SearchPlace::External,
                    dir => SearchPlace::Dir(dir.into()),
                },
                origin: origin.clone(),
            })),
            b"override" => self.overrides.push(Override {
                module: words.next()?.into(),
                kernel: kernel_pattern(words.next()?),
                subdir: words.next()?.into(),
                origin,
            }),
            b"external" => self.externals.push(External {
                kernel: kernel_pattern(words.next()?),
                dir: words.next()?.into(),
                origin,
            }),
            b"exclude" => {
                self.excludes.extend(words.map(|word| Exclude { name: word.into(), origin: origin.clone() }));
            }
            _ => return None,
        }
        Some(())
    }
}

fn kernel_pattern(word: &[u8]) -> KernelPattern {
    match word {
        b"*" => KernelPattern::Any,
        expression => KernelPattern::Expression(expression.into()),
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::notice::testing::Recorder;

    fn parse(text: &[u8]) -> (DepmodConfig, Vec<u32>) {
        let (bad, sink) = Recorder::new(|notice| match notice {
            Notice::Depmod(DepmodNotice::BadConfigLine { line, .. }) => Some(*line),
            _ => None,
        });
        let mut config = DepmodConfig::default();
        config.parse(Path::new("/d/a.conf"), text, &sink);
        (config, bad.take().into_iter().flatten().collect())
    }

    #[test]
    fn every_directive_in_order() {
        let (config, bad) = parse(
            b"search updates built-in\n\tsearch  external\noverride m * extra\n\
              override m-x ^6.1 a b\nexternal 6 /opt/m\nexclude a b\ninclude x\nmake_map_files no\n",
        );
        assert_eq!(bad, [0u32; 0]);
        let places: Vec<_> = config.search.iter().map(|entry| entry.place.clone()).collect();
        assert_eq!(places, [SearchPlace::Dir("updates".into()), SearchPlace::BuiltIn, SearchPlace::External]);
        assert_eq!(config.overrides[0].kernel, KernelPattern::Any);
        assert_eq!(config.overrides[1].kernel, KernelPattern::Expression("^6.1".into()));
        assert_eq!(config.overrides[1].subdir, "a");
        assert_eq!(config.externals[0].dir, "/opt/m");
        assert_eq!(config.excludes.len(), 2);
        assert_eq!(config.excludes[1].origin.line, 6);
    }

    #[test]
    fn bad_lines_are_skipped_by_number() {
        let (config, bad) = parse(b"override a *\nexternal *\nSearch x\n # x\nsearch\nfoo\\\nbar\nsearch a");
        assert_eq!(bad, [1, 2, 3, 4, 7]);
        assert_eq!(config.search.len(), 1);
    }
}
