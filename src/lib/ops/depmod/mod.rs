//! depmod: generates the indexes of a module directory from its modules.
//!
//! The stages are: scan, load, resolve, build an image of every output file in memory, publish all of them
//! together. Nothing is written before everything is known. The output is byte for byte that of kmod 34;
//! see modules.dep(5). What was read from a module is cached for the next run, see modules.oxmod.bin(5);
//! all later stages are done again in each run.
//!
//! # Examples
//!
//! Generate the indexes of a module directory:
//!
//! ```no_run
//! use std::ffi::OsStr;
//!
//! use oxmod::context::{depmod_config, module_dir};
//! use oxmod::notice::Sink;
//! use oxmod::ops::depmod::{self, DepmodOptions, ModuleTree};
//!
//! let dir = module_dir(None, Some(OsStr::new("6.12.0")))?;
//! let sink = Sink::new(|notice| eprintln!("{notice:?}"));
//! let config = DepmodOptions { depmod: depmod_config(&[], &sink), ..DepmodOptions::default() };
//! let tree = ModuleTree { dir: &dir, out: &dir, release: b"6.12.0", given: None };
//! depmod::write(&tree, &config, &sink)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The index of built-in modules, which needs no module files, and its verification:
//!
//! ```
//! use std::fs;
//!
//! use oxmod::context::{ConfigSource, Context};
//! use oxmod::notice::Sink;
//! use oxmod::ops::depmod::{self, DepmodOptions, ModuleTree};
//!
//! let root = tempfile::tempdir()?;
//! let dir = root.path().join("lib/modules/6.12.0");
//! fs::create_dir_all(&dir)?;
//! fs::write(dir.join("modules.builtin"), "kernel/fs/acmefs.ko\n")?;
//!
//! let tree = ModuleTree { dir: &dir, out: &dir, release: b"6.12.0", given: None };
//! depmod::write(&tree, &DepmodOptions::default(), &Sink::none())?;
//! assert!(depmod::verify(&tree, &DepmodOptions::default(), &Sink::none())?.is_empty());
//!
//! let context = Context::open(dir.clone(), &ConfigSource::Nothing, &Sink::none());
//! assert!(context.is_builtin(b"acmefs"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod image;
mod up_to_date;

mod cache;
mod inputs;
mod lists;
mod meta;
mod order;
mod read;
mod resolve;
mod scan;
mod verify;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::context::cache as context_cache;
use crate::error::Error;
use crate::formats::cache::FILE_NAME as CACHE_NAME;
use crate::graph::Cycles;
use crate::hash::IndexMap;
use crate::notice::{DepmodNotice, Notice, Sink};
use crate::sys::publish::{self, NewFile, Writer};

pub use crate::formats::config::depmod::DepmodConfig;
pub use crate::formats::symvers::{BadLine, KernelSymbols};
pub use image::OutputFile;
pub use inputs::{GivenError, SymbolFile, given_modules, has_output};
pub use scan::{BUILD_LINKS, FoundModule, module_file};
pub use verify::{Difference, Finding, Problem};

use cache::CacheParts;
use image::Wanted;
use lists::Lists;
use read::{KnownModule, ReadModule};
use resolve::Resolved;

/// The options of a depmod run, except for the directories.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Default)]
pub struct DepmodOptions {
    /// The configuration from depmod.d.
    pub depmod: DepmodConfig,
    /// The kernel's own symbols, if known.
    pub kernel_symbols: Option<KernelSymbols>,
    /// `-P`: a character that precedes every symbol on this architecture.
    pub symbol_prefix: Option<u8>,
    /// `-e`: report symbols that nothing exports and, if versions are known, symbols of another version.
    /// Without kernel symbols this would report most symbols.
    pub report_unknown: bool,
    /// `-v`: report each dependency with the symbol that causes it.
    pub verbose: bool,
    /// `-w`: report duplicate entries.
    pub warn_duplicates: bool,
    /// How to use the cache of the previous run.
    pub last: CacheUse,
    /// Whether to write a cache for the next run.
    pub keep: CacheOutput,
    /// `--meta`: write meta.pb too.
    pub meta: bool,
    /// A file to use instead of the module directory's modules.builtin.modinfo.
    pub builtin_modinfo: Option<PathBuf>,
}

/// Whether to write the cache for the next run and for modinfo.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum CacheOutput {
    /// Write the cache.
    #[default]
    Facts,
    /// Do not write it: the cache contains timestamps and inode numbers, which would make the output
    /// irreproducible.
    Nothing,
}

/// How the cache of the previous run is used.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// Modules that are unchanged are not read again.
    #[default]
    Used,
    /// `--full`: every module is read.
    Ignored,
    /// `-A`: if nothing would change, nothing is done.
    Enough,
}

/// The directories of a depmod run.
#[derive(Debug, Clone, Copy)]
pub struct ModuleTree<'a> {
    /// The module directory to read.
    pub dir: &'a Path,
    /// The module directory to write to.
    pub out: &'a Path,
    /// The kernel release, for the patterns in depmod.d.
    pub release: &'a [u8],
    /// The only modules to read; `None` for all of the directory.
    pub given: Option<&'a [FoundModule]>,
}

/// The reason why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum DepmodError {
    /// The module directory cannot be listed.
    #[error(transparent)]
    Unsearched(Error),
    /// A module could not be read because there is too little memory or there are too many open files; the
    /// indexes would lack it.
    #[error(transparent)]
    Unread(Error),
    /// An output file exceeds the limits of its format.
    #[error(transparent)]
    Unmade(Error),
    /// The output cannot be written.
    #[error(transparent)]
    Unwritten(Error),
    /// Modules depend on each other in cycles.
    #[error("modules in dependency cycles: {modules}")]
    Cycles {
        /// The module names along each cycle.
        cycles: Vec<Vec<BString>>,
        /// How many modules are part of a cycle.
        modules: usize,
    },
}

/// Everything that the images are made from.
struct Plan<'a> {
    config: &'a DepmodOptions,
    /// The module directory.
    dir: &'a Path,
    /// The kernel release.
    release: &'a [u8],
    wanted: Wanted,
    /// In the order of the output files; a module's index is its priority.
    modules: &'a [ReadModule<'a>],
    lists: &'a Lists,
    symbols: IndexMap<&'a [u8], (u32, u64)>,
    resolved: Resolved,
}

impl DepmodOptions {
    fn checks_versions(&self) -> bool {
        self.report_unknown && self.kernel_symbols.as_ref().is_some_and(|symbols| symbols.versions)
    }
}

/// The result of a depmod run.
type Result<T> = std::result::Result<T, DepmodError>;

/// Returns only the text files, for display; nothing is written.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn texts(tree: &ModuleTree<'_>, config: &DepmodOptions, sink: &Sink) -> Result<Vec<OutputFile>> {
    let files = tree.files(config, sink)?;
    if config.last == CacheUse::Enough && up_to_date::is_fresh(tree, &files, config) {
        return Ok(Vec::new());
    }
    let made = |_: &Lists, _: &[KnownModule<'_>], outputs: Vec<OutputFile>| Ok(outputs);
    with_outputs(tree, &files, config, Wanted::Texts, sink, made)
}

/// Returns the contents of meta.pb; nothing is written.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn meta(tree: &ModuleTree<'_>, config: &DepmodOptions, sink: &Sink) -> Result<Vec<u8>> {
    let files = tree.files(config, sink)?;
    let made = |_: &Lists, _: &[KnownModule<'_>], outputs: Vec<OutputFile>| {
        Ok(outputs.into_iter().next().map(|output| output.bytes).unwrap_or_default())
    };
    with_outputs(tree, &files, config, Wanted::Meta, sink, made)
}

/// Builds all files and returns how the existing ones differ; nothing is written.
///
/// With [`CacheUse::Ignored`], the modules themselves are read, not the cache.
pub fn verify(tree: &ModuleTree<'_>, config: &DepmodOptions, sink: &Sink) -> Result<Vec<Finding>> {
    let files = tree.files(config, sink)?;
    let compare = |_: &Lists, known: &[KnownModule<'_>], outputs: Vec<OutputFile>| {
        Ok(verify::compare(tree.out, &outputs, known))
    };
    with_outputs(tree, &files, config, Wanted::All, sink, compare)
}

/// Builds all files and publishes them, either all or none.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn write(tree: &ModuleTree<'_>, config: &DepmodOptions, sink: &Sink) -> Result<()> {
    // Opened (and locked) first, so that a run that reads earlier does not write later.
    let writer = Writer::open(tree.out).ok();
    let files = tree.files(config, sink)?;
    if config.last == CacheUse::Enough && up_to_date::is_fresh(tree, &files, config) {
        return Ok(());
    }
    with_outputs(tree, &files, config, Wanted::All, sink, |lists, known, outputs| {
        let left = CacheParts::new(known, &outputs, lists, config.symbol_prefix);
        let left = left.map_err(|error| DepmodError::Unmade(Error::new(tree.out.join(CACHE_NAME), error)))?;
        let left = if config.keep == CacheOutput::Facts { Some(&left) } else { None };
        publish(tree.out, writer, &outputs, left, sink).map_err(DepmodError::Unwritten)
    })
}

fn publish(
    out: &Path,
    writer: Option<Writer>,
    outputs: &[OutputFile],
    left: Option<&CacheParts<'_>>,
    sink: &Sink,
) -> crate::error::Result<()> {
    let writer = if let Some(writer) = writer {
        writer
    } else {
        publish::create_dir(out)?;
        Writer::open(out)?
    };
    // The indexes come first, and modules.dep.bin before all others: the modules that they refer to are
    // then known if anything interrupts the publication.
    let (indexes, texts): (Vec<&OutputFile>, Vec<&OutputFile>) =
        outputs.iter().partition(|output| output.is_index());
    let files: Vec<NewFile<'_>> = indexes
        .into_iter()
        .chain(texts)
        .map(|output| NewFile { name: output.name, pieces: vec![&output.bytes] })
        .collect();
    writer.publish(&files)?;
    let kept = match left {
        Some(left) => writer.leave(&NewFile { name: CACHE_NAME, pieces: left.pieces() }),
        None => writer.remove(CACHE_NAME),
    };
    // A missing cache only costs time.
    if let Err(error) = kept {
        tell(sink, DepmodNotice::CacheUnwritten(error));
    }
    Ok(())
}

/// Reads the modules, builds the output files, and passes everything to `then`.
fn with_outputs<T>(
    tree: &ModuleTree<'_>,
    files: &[FoundModule],
    config: &DepmodOptions,
    wanted: Wanted,
    sink: &Sink,
    then: impl FnOnce(&Lists, &[KnownModule<'_>], Vec<OutputFile>) -> Result<T>,
) -> Result<T> {
    let lists = Lists::read(tree.dir, config.builtin_modinfo.as_deref());
    let ordered = in_order(tree.dir, files, &lists, sink);
    let left = if config.last == CacheUse::Ignored { None } else { context_cache::read(tree.out) };
    let last = left.as_deref().and_then(cache::open);
    let mut known = read::all(tree.dir, &ordered, last.as_ref(), sink);
    for flaw in known.iter_mut().filter_map(|known| known.flaw.take()) {
        if flaw.is_shortage() {
            return Err(DepmodError::Unread(flaw));
        }
        tell(sink, DepmodNotice::ModuleUnreadable(flaw));
    }
    let outputs = outputs(tree, &ordered, &known, &lists, config, wanted, sink)?;
    then(&lists, &known, outputs)
}

fn outputs(
    tree: &ModuleTree<'_>,
    ordered: &[&FoundModule],
    known: &[KnownModule<'_>],
    lists: &Lists,
    config: &DepmodOptions,
    wanted: Wanted,
    sink: &Sink,
) -> Result<Vec<OutputFile>> {
    let modules: Vec<ReadModule<'_>> =
        ordered.iter().zip(known).map(|(file, known)| ReadModule::new(file, known)).collect();
    let symbols = resolve::exported_symbols(&modules, config.symbol_prefix);
    let resolved =
        resolve::resolve(&modules, &symbols, config, sink).map_err(|cycles| name_cycles(&modules, cycles))?;
    let (dir, release) = (tree.dir, tree.release);
    let plan = Plan { config, dir, release, wanted, modules: &modules, lists, symbols, resolved };
    plan.images(sink).map_err(|error| DepmodError::Unmade(Error::new(dir, error)))
}

impl ModuleTree<'_> {
    fn files(&self, config: &DepmodOptions, sink: &Sink) -> Result<Vec<FoundModule>> {
        match self.given {
            Some(files) => Ok(files.to_vec()),
            None => scan::scan(self.dir, self.release, &config.depmod, sink).map_err(DepmodError::Unsearched),
        }
    }
}

/// Returns the files in hash order, except that those listed in modules.order come first, in its order.
fn in_order<'f>(dir: &Path, files: &'f [FoundModule], lists: &Lists, sink: &Sink) -> Vec<&'f FoundModule> {
    let mut ordered: Vec<&FoundModule> = files.iter().collect();
    ordered.sort_by_cached_key(|file| {
        let (bucket, name) = order::module_key(&file.name);
        (bucket, BString::from(name))
    });
    let text = lists.text(lists::ORDER).unwrap_or_else(|missing| {
        tell(sink, missing);
        &[]
    });
    match order::parse_modules_order(text) {
        Ok(positions) => ordered.sort_by_cached_key(|file| {
            let listed = listed_path(dir, &file.path).and_then(|path| positions.get(&*path).copied());
            listed.unwrap_or(usize::MAX)
        }),
        Err(line) => tell(sink, DepmodNotice::OrderCorrupt { path: dir.join("modules.order"), line }),
    }
    ordered
}

/// Returns the path of a file as modules.order spells it: relative to the module directory and ending in
/// `.ko`.
fn listed_path(dir: &Path, path: &Path) -> Option<Vec<u8>> {
    let relative = path.strip_prefix(dir).ok()?.as_os_str().as_bytes();
    let stem = crate::name::path_stem(relative);
    let suffix = relative.get(stem.len()..)?;
    // As in kmod, a name that contains another dot never matches the list.
    crate::name::module_file_stem(suffix).filter(|rest| rest.is_empty())?;
    Some([stem, b".ko"].concat())
}

fn name_cycles(modules: &[ReadModule<'_>], cycles: Cycles) -> DepmodError {
    let name = |index: u32| modules[index as usize].name.into();
    let named = cycles.cycles.into_iter().map(|cycle| cycle.into_iter().map(name).collect()).collect();
    DepmodError::Cycles { cycles: named, modules: cycles.members }
}

fn tell(sink: &Sink, notice: DepmodNotice) {
    sink.send(&Notice::Depmod(notice));
}
