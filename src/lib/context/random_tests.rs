//! The indexes of some modules of a real kernel, truncated and changed at random places. The random numbers are the same
//! in each run.
//!
//! `cargo test --lib context::tests::random -- --nocapture` prints how often the results were right, how often some were
//! missing, and how often one was wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use oxmod_test_support::{Kernel, Random, kernels};

use super::super::{Context, IndexKind, index_of_text};
use super::{looked_up, text};
use crate::formats::config::Config;
use crate::formats::index::text::{deps, entries, lines};
use crate::formats::modinfo::builtin_aliases;
use crate::name;
use crate::notice::testing::Recorder;

const TRUNCATIONS: usize = 200;
const MUTATIONS: usize = 2000;

/// The modules that are tested, together with their dependencies.
const MODULES: [&str; 10] = [
    "pptp",
    "btrfs",
    "e1000e",
    "nft_ct",
    "snd_hda_codec_realtek",
    "usb_storage",
    "vfat",
    "nls_iso8859_1",
    "nls_iso8859_15",
    "crc32c_generic",
];

/// Each index with the text from which it is built.
const FILES: [(IndexKind, &str, &str); 5] = [
    (IndexKind::Dep, "modules.dep.bin", "modules.dep"),
    (IndexKind::Alias, "modules.alias.bin", "modules.alias"),
    (IndexKind::Symbol, "modules.symbols.bin", "modules.symbols"),
    (IndexKind::Builtin, "modules.builtin.bin", "modules.builtin"),
    (IndexKind::BuiltinAlias, "modules.builtin.alias.bin", "modules.builtin.modinfo"),
];

/// The results of the runs with one file.
#[derive(Default)]
struct Tally {
    right: usize,
    /// The right results that came with a notice.
    repaired: usize,
    /// Some results are missing.
    incomplete: usize,
    /// There is a wrong result.
    wrong: Vec<String>,
    slowest: Duration,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { right, repaired, incomplete, wrong, slowest } = self;
        write!(f, "{right} right ({repaired} of them with a notice), {incomplete} incomplete, ")?;
        write!(f, "{} wrong, the slowest {} ms", wrong.len(), slowest.as_millis())
    }
}

/// Writes the lines of these modules in each text, and the indexes that are built from them. They are so few that each
/// lookup has a good chance to meet the damaged bytes.
fn write_excerpt(kernel: &Kernel, dir: &Path) {
    let read = |text: &str| {
        fs::read(kernel.root.join("lib/modules").join(&kernel.release).join(text)).expect("a kernel's text")
    };
    let all = read("modules.dep");
    let mut selected = BTreeSet::new();
    for dep in
        deps(&all).filter(|dep| MODULES.iter().any(|top| *name::from_path(dep.path) == *top.as_bytes()))
    {
        selected.insert(name::from_path(dep.path));
        selected.extend(dep.dependencies().map(name::from_path));
    }
    assert!(selected.len() > 30, "{selected:?}");
    for (kind, index, file) in FILES {
        let whole = read(file);
        let kept: Vec<&[u8]> = match kind {
            IndexKind::Dep => deps(&whole)
                .filter(|dep| selected.contains(&name::from_path(dep.path)))
                .map(|dep| dep.line())
                .collect(),
            IndexKind::Builtin => lines(&whole).take(100).collect(),
            IndexKind::BuiltinAlias => {
                whole.split_str("\0").filter(|info| info.contains_str(".alias=")).collect()
            }
            IndexKind::Alias | IndexKind::Symbol => lines(&whole)
                .filter(|line| line.rsplit_once_str(" ").is_some_and(|(_, module)| selected.contains(module)))
                .collect(),
        };
        let end = if kind == IndexKind::BuiltinAlias { "\0" } else { "\n" };
        let mut excerpt = kept.join(end.as_bytes());
        excerpt.extend_from_slice(end.as_bytes());
        fs::write(dir.join(index), index_of_text(kind, &excerpt).unwrap()).unwrap();
        fs::write(dir.join(file), excerpt).unwrap();
    }
}

/// Returns about twenty of the items, evenly distributed.
fn some<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let items: Vec<T> = items.collect();
    let step = items.len().div_ceil(20).max(1);
    items.into_iter().step_by(step).collect()
}

/// Returns the keys to look up in an index: names and aliases that it contains, and some that it does not.
fn keys(kind: IndexKind, file: &[u8]) -> Vec<String> {
    let mut keys: Vec<String> = match kind {
        IndexKind::Dep => deps(file).map(|dep| text(&name::from_path(dep.path))).collect(),
        IndexKind::Alias => some(entries(file, "alias")).iter().map(|(key, _)| text(key)).collect(),
        IndexKind::Symbol => some(entries(file, "alias")).iter().map(|(key, _)| text(key)).collect(),
        IndexKind::Builtin => {
            some(crate::formats::index::text::names(file)).iter().map(|key| text(key)).collect()
        }
        IndexKind::BuiltinAlias => some(builtin_aliases(file)).iter().map(|info| text(info.value)).collect(),
    };
    keys = keys.iter().map(|key| key.replace('*', "0")).filter(|key| !key.contains('[')).collect();
    let near: Vec<String> = keys.iter().step_by(4).map(|key| format!("{key}x")).collect();
    keys.extend(near);
    keys
}

/// Looks up all keys. Returns the results and the number of notices.
fn look_up(dir: &Path, kind: IndexKind, keys: &[String]) -> (Vec<String>, usize) {
    let (notices, sink) = Recorder::new(|_| ());
    let context = Context::with_config(dir.to_path_buf(), Config::default(), &sink);
    let answer = match kind {
        IndexKind::Dep => keys
            .iter()
            .filter_map(|key| context.checked_dep(key.as_bytes()))
            .map(|dep| {
                let paths = std::iter::once(dep.path).chain(dep.dependencies());
                paths.map(|path| text(&name::from_path(path))).collect::<Vec<_>>().join(" ")
            })
            .collect(),
        IndexKind::Builtin => keys.iter().filter(|key| context.is_builtin(key.as_bytes())).cloned().collect(),
        _ => looked_up(&context, &keys.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    (answer, notices.take().len())
}

/// Changes some bytes: a few single bytes, a sequence, one bit, or a whole sector, which becomes zero.
fn mutate(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => (0..=random.below(4)).for_each(|_| {
            let at = random.below(bytes.len());
            bytes[at] = random.byte();
        }),
        1 => bytes[at] ^= 1 << random.below(8),
        2 => {
            let end = bytes.len().min(at + 1 + random.below(64));
            bytes[at..end].fill_with(|| random.byte());
        }
        _ => {
            let at = at & !511;
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
        }
    }
}

/// Damages the file in various ways and looks up all keys each time.
fn trial(dir: &Path, kind: IndexKind, file: &str, keys: &[String]) -> Tally {
    let sound = fs::read(dir.join(file)).unwrap();
    let (right, _) = look_up(dir, kind, keys);
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    let mut tally = Tally::default();
    for round in 0..TRUNCATIONS + MUTATIONS {
        let mut bytes = sound.clone();
        if round < TRUNCATIONS {
            bytes.truncate(random.below(sound.len()));
        } else {
            mutate(&mut bytes, &mut random);
        }
        let index = File::options().write(true).open(dir.join(file)).unwrap();
        index.write_all_at(&bytes, 0).unwrap();
        index.set_len(bytes.len() as u64).unwrap();
        let start = Instant::now();
        let (answer, notices) = look_up(dir, kind, keys);
        tally.slowest = tally.slowest.max(start.elapsed());
        let wrong: Vec<_> = answer.iter().filter(|item| !right.contains(item)).collect();
        if !wrong.is_empty() {
            tally.wrong.push(format!("round {round}: {wrong:?}"));
        } else if answer == right {
            tally.right += 1;
            tally.repaired += notices.min(1);
        } else {
            tally.incomplete += 1;
        }
    }
    fs::write(dir.join(file), sound).unwrap();
    tally
}

/// One index of a kernel's modules, its text twin, and the keys to look up.
struct Subject<'a> {
    suite: &'a str,
    dir: &'a Path,
    kind: IndexKind,
    index: &'a str,
    text: &'a str,
    keys: &'a [String],
}

fn each_index(test: impl Fn(&Subject<'_>)) {
    for kernel in kernels() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        write_excerpt(&kernel, dir);
        for (kind, index, text) in FILES {
            let keys = keys(kind, &fs::read(dir.join(text)).unwrap());
            test(&Subject { suite: kernel.suite, dir, kind, index, text, keys: &keys });
        }
    }
}

#[test]
fn damaged_indexes() {
    each_index(|&Subject { suite, dir, kind, index, keys, .. }| {
        let (answer, notices) = look_up(dir, kind, keys);
        assert!(notices == 0 && answer.len() >= keys.len() * 3 / 5, "{answer:?}");
        let size = fs::metadata(dir.join(index)).unwrap().len();
        let tally = trial(dir, kind, index, keys);
        println!("{suite} {index}, {size} bytes, {} keys: {tally}", keys.len());
        // A changed letter of a pattern may become a wildcard.
        let patterns = !matches!(kind, IndexKind::Dep | IndexKind::Builtin);
        assert!(tally.wrong.len() <= if patterns { 3 } else { 0 }, "{:?}", tally.wrong);
        assert!(tally.repaired > TRUNCATIONS / 2 && tally.incomplete < MUTATIONS / 30, "{tally}");
        assert!(tally.slowest < Duration::from_secs(2), "{tally}");
    });
}

/// Without the index, wrong entries of the text cannot be detected. But reading it must end, in reasonable time.
#[test]
fn damaged_texts() {
    each_index(|&Subject { suite, dir, kind, index, text, keys }| {
        let sound = fs::read(dir.join(index)).unwrap();
        fs::write(dir.join(index), "").unwrap();
        let tally = trial(dir, kind, text, keys);
        fs::write(dir.join(index), sound).unwrap();
        println!("{suite} {text}: {tally}");
        assert!(tally.right > MUTATIONS / 20, "{tally}");
        assert!(tally.slowest < Duration::from_secs(2), "{tally}");
    });
}
