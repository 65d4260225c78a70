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
//! let options = DepmodOptions::new().config(depmod_config(&[], &sink));
//! let tree = ModuleTree { dir: &dir, out: &dir, release: b"6.12.0", given: None };
//! depmod::write(&tree, &options, &sink)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Generate the index of built-in modules, which needs no module files, and verify it:
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

mod cache;
mod image;
mod inputs;
mod lists;
mod meta;
mod options;
mod order;
mod read;
mod resolve;
mod scan;
mod up_to_date;
mod verify;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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
pub use options::{CacheOutput, CacheUse, DepmodOptions};
pub use scan::{BUILD_LINKS, FoundModule, module_file};
pub use verify::{Difference, Finding, Problem};

use cache::CacheParts;
use image::Wanted;
use lists::Lists;
use read::{KnownModule, ReadModule};
use resolve::Resolved;

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
    Scan(Error),
    /// A module could not be read because there is too little memory or there are too many open files; the
    /// indexes would lack it.
    #[error(transparent)]
    Read(Error),
    /// An output file exceeds the limits of its format.
    #[error(transparent)]
    Build(Error),
    /// The output directory cannot be created.
    #[error(transparent)]
    NoDirectory(Error),
    /// The output cannot be written.
    #[error(transparent)]
    Write(Error),
    /// Modules depend on each other in cycles.
    #[error("modules in dependency cycles: {modules}")]
    Cycles {
        /// The module names along each cycle.
        cycles: Vec<Vec<BString>>,
        /// How many modules are part of a cycle.
        modules: usize,
    },
}

/// Everything that the output files are built from.
struct Plan<'a> {
    options: &'a DepmodOptions,
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

/// The result of a depmod run.
type Result<T> = std::result::Result<T, DepmodError>;

/// Returns only the text files, for display; nothing is written.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn texts(tree: &ModuleTree<'_>, options: &DepmodOptions, sink: &Sink) -> Result<Vec<OutputFile>> {
    let files = tree.files(options, sink)?;
    if options.cache_use == CacheUse::Quick && up_to_date::is_current(tree, &files, options) {
        return Ok(Vec::new());
    }
    let texts = |_: &Lists, _: &[KnownModule<'_>], outputs: Vec<OutputFile>| Ok(outputs);
    with_outputs(tree, &files, options, Wanted::Texts, sink, texts)
}

/// Returns the contents of meta.pb; nothing is written.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn meta(tree: &ModuleTree<'_>, options: &DepmodOptions, sink: &Sink) -> Result<Vec<u8>> {
    let files = tree.files(options, sink)?;
    let bytes = |_: &Lists, _: &[KnownModule<'_>], outputs: Vec<OutputFile>| {
        Ok(outputs.into_iter().next().map(|output| output.bytes).unwrap_or_default())
    };
    with_outputs(tree, &files, options, Wanted::Meta, sink, bytes)
}

/// Builds all files and returns how the existing ones differ; nothing is written.
///
/// With [`CacheUse::Ignore`], the modules themselves are read, not the cache.
pub fn verify(tree: &ModuleTree<'_>, options: &DepmodOptions, sink: &Sink) -> Result<Vec<Finding>> {
    let files = tree.files(options, sink)?;
    let compare = |_: &Lists, known: &[KnownModule<'_>], outputs: Vec<OutputFile>| {
        Ok(verify::compare(tree.out, &outputs, known))
    };
    with_outputs(tree, &files, options, Wanted::All, sink, compare)
}

/// Builds all files and publishes them, either all or none.
///
/// Modules that cannot be read are reported to `sink`. They stay listed, without what could not be read.
pub fn write(tree: &ModuleTree<'_>, options: &DepmodOptions, sink: &Sink) -> Result<()> {
    // The directory is locked before anything is read, so that of two runs the one that read last also writes last.
    let writer = Writer::open(tree.out).ok();
    let files = tree.files(options, sink)?;
    if options.cache_use == CacheUse::Quick && up_to_date::is_current(tree, &files, options) {
        return Ok(());
    }
    with_outputs(tree, &files, options, Wanted::All, sink, |lists, known, outputs| {
        let cache = CacheParts::new(known, &outputs, lists, options.symbol_prefix);
        let cache =
            cache.map_err(|error| DepmodError::Build(Error::new(tree.out.join(CACHE_NAME), error)))?;
        let cache = if options.cache_output == CacheOutput::Write { Some(&cache) } else { None };
        publish(tree.out, writer, &outputs, cache, sink)
    })
}

fn publish(
    out: &Path,
    writer: Option<Writer>,
    outputs: &[OutputFile],
    cache: Option<&CacheParts<'_>>,
    sink: &Sink,
) -> Result<()> {
    let writer = if let Some(writer) = writer {
        writer
    } else {
        publish::create_dir(out).map_err(DepmodError::NoDirectory)?;
        Writer::open(out).map_err(DepmodError::Write)?
    };
    // The indexes come first, and modules.dep.bin before the others. If the publication is interrupted, the modules that
    // the other indexes refer to are then known.
    let (indexes, texts): (Vec<&OutputFile>, Vec<&OutputFile>) =
        outputs.iter().partition(|output| output.is_index());
    let files: Vec<NewFile<'_>> = indexes
        .into_iter()
        .chain(texts)
        .map(|output| NewFile { name: output.name, pieces: vec![&output.bytes] })
        .collect();
    writer.publish(&files).map_err(DepmodError::Write)?;
    let result = match cache {
        Some(cache) => writer.write_unsynced(&NewFile { name: CACHE_NAME, pieces: cache.pieces() }),
        None => writer.remove(CACHE_NAME),
    };
    // Without the cache, the next run only takes longer.
    if let Err(error) = result {
        notify(sink, DepmodNotice::CacheUnwritten(error));
    }
    Ok(())
}

/// Reads the modules, builds the output files, and passes everything to `then`.
fn with_outputs<T>(
    tree: &ModuleTree<'_>,
    files: &[FoundModule],
    options: &DepmodOptions,
    wanted: Wanted,
    sink: &Sink,
    then: impl FnOnce(&Lists, &[KnownModule<'_>], Vec<OutputFile>) -> Result<T>,
) -> Result<T> {
    let lists = Lists::read(tree.dir, options.builtin_modinfo.as_deref());
    let ordered = in_order(tree.dir, files, &lists, sink);
    let ignore_cache = options.cache_use == CacheUse::Ignore;
    let cache_bytes = if ignore_cache { None } else { context_cache::read(tree.out) };
    let cache = cache_bytes.as_deref().and_then(cache::open);
    let mut known = read::all(tree.dir, &ordered, cache.as_ref(), sink);
    for error in known.iter_mut().filter_map(|known| known.error.take()) {
        if error.is_shortage() {
            return Err(DepmodError::Read(error));
        }
        notify(sink, DepmodNotice::ModuleUnreadable(error));
    }
    let outputs = outputs(tree, &ordered, &known, &lists, options, wanted, sink)?;
    then(&lists, &known, outputs)
}

fn outputs(
    tree: &ModuleTree<'_>,
    ordered: &[&FoundModule],
    known: &[KnownModule<'_>],
    lists: &Lists,
    options: &DepmodOptions,
    wanted: Wanted,
    sink: &Sink,
) -> Result<Vec<OutputFile>> {
    let modules: Vec<ReadModule<'_>> =
        ordered.iter().zip(known).map(|(file, known)| ReadModule::new(file, known)).collect();
    let symbols = resolve::exported_symbols(&modules, options.symbol_prefix);
    let resolved = resolve::resolve(&modules, &symbols, options, sink)
        .map_err(|cycles| name_cycles(&modules, cycles))?;
    let (dir, release) = (tree.dir, tree.release);
    let plan = Plan { options, dir, release, wanted, modules: &modules, lists, symbols, resolved };
    plan.images(sink).map_err(|error| DepmodError::Build(Error::new(dir, error)))
}

impl ModuleTree<'_> {
    fn files(&self, options: &DepmodOptions, sink: &Sink) -> Result<Vec<FoundModule>> {
        match self.given {
            Some(files) => Ok(files.to_vec()),
            None => scan::scan(self.dir, self.release, &options.config, sink).map_err(DepmodError::Scan),
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
    let text = lists.text(lists::ORDER).unwrap_or_else(|notice| {
        notify(sink, notice);
        &[]
    });
    match order::parse_modules_order(text) {
        Ok(positions) => ordered.sort_by_cached_key(|file| {
            let listed = listed_path(dir, &file.path).and_then(|path| positions.get(&*path).copied());
            listed.unwrap_or(usize::MAX)
        }),
        Err(line) => notify(sink, DepmodNotice::OrderCorrupt { path: dir.join("modules.order"), line }),
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

fn notify(sink: &Sink, notice: DepmodNotice) {
    sink.send(&Notice::Depmod(notice));
}
