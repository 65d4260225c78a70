//! depmod: from the modules of a kernel to the files that every other tool answers from.
//!
//! scan -> load -> resolve -> an image of every output file in memory -> one publication. Nothing is
//! written before everything is known. Output is byte for byte that of kmod 34; see modules.dep(5).
//! What was read of a module is kept in a side-car for the next run, see modules.oxmod.bin(5); everything behind the
//! reading is done anew each time.

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

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::context::cache as side_car;
use crate::error::Error;
use crate::formats::cache::FILE_NAME as CACHE_NAME;
use crate::graph::Cycles;
use crate::notice::{DepmodNotice, Notice, Sink};
use crate::sys::publish::{self, NewFile, Writer};

pub use crate::formats::config::depmod::DepmodConfig;
pub use crate::formats::symvers::{BadLine, KernelSymbols};
pub use image::Output;
pub use inputs::{GivenError, SymbolFile, given_modules, has_output};
pub use scan::{BUILD_LINKS, ModuleFile, module_file};
pub use verify::{Difference, Finding, Wrong};

use cache::Left;
use image::Wanted;
use lists::Lists;
use read::{Known, Loaded};
use resolve::Resolved;

/// What is asked of depmod besides where the modules are.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Default)]
pub struct Config {
    /// depmod.d.
    pub depmod: DepmodConfig,
    /// The kernel's own symbols, if they are known.
    pub kernel_symbols: Option<KernelSymbols>,
    /// `-P`: a character before every symbol of this architecture.
    pub symbol_prefix: Option<u8>,
    /// `-e`: tell needs that nothing satisfies, and those of another version if versions are known.
    /// Without kernel symbols that would be most of them.
    pub report_unknown: bool,
    /// `-v`: tell each dependency with the symbol that makes it.
    pub verbose: bool,
    /// `-w`: tell entries that occur twice.
    pub warn_duplicates: bool,
    /// What the last run has left.
    pub last: Last,
    /// What this one leaves besides the indexes.
    pub keep: Keep,
    /// `--meta`: write meta.pb too.
    pub meta: bool,
    /// What stands in for the module directory's modules.builtin.modinfo.
    pub builtin_modinfo: Option<PathBuf>,
}

/// Whether what was read is kept for the next run and for modinfo.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In the side-car.
    #[default]
    Facts,
    /// No: the side-car tells when and where it was made, and what comes of this run must not.
    Nothing,
}

/// What is made of what the last run has left.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// What is known of modules that are the same is not read again.
    #[default]
    Used,
    /// `--full`: every module is read.
    Ignored,
    /// `-A`: nothing is done if nothing would change.
    Enough,
}

/// Where the modules are and where their indexes go.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    /// The module directory that is read.
    pub dir: &'a Path,
    /// The module directory that is written.
    pub out: &'a Path,
    /// The kernel's version, for depmod.d's patterns.
    pub release: &'a [u8],
    /// The only modules to read; `None` for all of the directory.
    pub given: Option<&'a [ModuleFile]>,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The module directory cannot be listed.
    #[error(transparent)]
    Unsearched(Error),
    /// There is not enough memory, or there are too many open files, to read a module: its indexes would lack it.
    #[error(transparent)]
    Unread(Error),
    /// An output file outgrows its format.
    #[error(transparent)]
    Unmade(Error),
    /// The output cannot be written.
    #[error(transparent)]
    Unwritten(Error),
    /// Modules depend on each other in circles.
    #[error("modules in dependency cycles: {modules}")]
    Cycles {
        /// The names around each circle.
        cycles: Vec<Vec<BString>>,
        /// How many modules are part of one.
        modules: usize,
    },
}

/// Everything that the images are made from.
struct Plan<'a> {
    config: &'a Config,
    /// The module directory.
    dir: &'a Path,
    /// The kernel's version.
    release: &'a [u8],
    wanted: Wanted,
    /// In the order of the files; a module's index is its priority.
    modules: &'a [Loaded<'a>],
    lists: &'a Lists,
    symbols: HashMap<&'a [u8], (u32, u64)>,
    resolved: Resolved,
}

impl Config {
    fn checks_versions(&self) -> bool {
        self.report_unknown && self.kernel_symbols.as_ref().is_some_and(|symbols| symbols.versions)
    }
}

/// What depmod answers.
type Result<T> = std::result::Result<T, Failure>;

/// The texts and nothing else, for people to look at; nothing is written.
///
/// Modules that cannot be read are told to `sink` and stay listed, without what could not be read.
pub fn texts(tree: &Tree<'_>, config: &Config, sink: &Sink) -> Result<Vec<Output>> {
    let files = tree.files(config, sink)?;
    if config.last == Last::Enough && up_to_date::is_fresh(tree, &files, config) {
        return Ok(Vec::new());
    }
    let made = |_: &Lists, _: &[Known<'_>], outputs: Vec<Output>| Ok(outputs);
    with_outputs(tree, &files, config, Wanted::Texts, sink, made)
}

/// The bytes of meta.pb; nothing is written.
///
/// Modules that cannot be read are told to `sink` and stay listed, without what could not be read.
pub fn meta(tree: &Tree<'_>, config: &Config, sink: &Sink) -> Result<Vec<u8>> {
    let files = tree.files(config, sink)?;
    let made = |_: &Lists, _: &[Known<'_>], outputs: Vec<Output>| {
        Ok(outputs.into_iter().next().map(|output| output.bytes).unwrap_or_default())
    };
    with_outputs(tree, &files, config, Wanted::Meta, sink, made)
}

/// Makes all files and tells in what those that are there differ; nothing is written.
///
/// With [`Last::Ignored`] the modules themselves are asked and not what the last run has kept of them.
pub fn verify(tree: &Tree<'_>, config: &Config, sink: &Sink) -> Result<Vec<Finding>> {
    let files = tree.files(config, sink)?;
    let compare =
        |_: &Lists, known: &[Known<'_>], outputs: Vec<Output>| Ok(verify::compare(tree.out, &outputs, known));
    with_outputs(tree, &files, config, Wanted::All, sink, compare)
}

/// Makes all files and writes what is new, all or nothing.
///
/// Modules that cannot be read are told to `sink` and stay listed, without what could not be read.
pub fn write(tree: &Tree<'_>, config: &Config, sink: &Sink) -> Result<()> {
    // From the beginning, so that a run that looked earlier does not write later.
    let writer = Writer::open(tree.out).ok();
    let files = tree.files(config, sink)?;
    if config.last == Last::Enough && up_to_date::is_fresh(tree, &files, config) {
        return Ok(());
    }
    with_outputs(tree, &files, config, Wanted::All, sink, |lists, known, outputs| {
        let left = Left::new(known, &outputs, lists, config.symbol_prefix);
        let left = left.map_err(|error| Failure::Unmade(Error::new(tree.out.join(CACHE_NAME), error)))?;
        let left = if config.keep == Keep::Facts { Some(&left) } else { None };
        publish(tree.out, writer, &outputs, left, sink).map_err(Failure::Unwritten)
    })
}

fn publish(
    out: &Path,
    writer: Option<Writer>,
    outputs: &[Output],
    left: Option<&Left<'_>>,
    sink: &Sink,
) -> crate::error::Result<()> {
    let writer = if let Some(writer) = writer {
        writer
    } else {
        publish::create_dir(out)?;
        Writer::open(out)?
    };
    // The indexes first, modules.dep.bin before all: what others name is then known, should anything stop this half-way.
    let (indexes, texts): (Vec<&Output>, Vec<&Output>) = outputs.iter().partition(|output| output.is_index());
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
    // Its absence costs time, nothing else.
    if let Err(error) = kept {
        tell(sink, DepmodNotice::CacheUnwritten(error));
    }
    Ok(())
}

/// Reads the modules, makes the output files, and hands everything to `then`.
fn with_outputs<T>(
    tree: &Tree<'_>,
    files: &[ModuleFile],
    config: &Config,
    wanted: Wanted,
    sink: &Sink,
    then: impl FnOnce(&Lists, &[Known<'_>], Vec<Output>) -> Result<T>,
) -> Result<T> {
    let lists = Lists::read(tree.dir, config.builtin_modinfo.as_deref());
    let ordered = in_order(tree.dir, files, &lists, sink);
    let left = if config.last == Last::Ignored { None } else { side_car::read(tree.out) };
    let last = left.as_deref().and_then(cache::open);
    let mut known = read::all(tree.dir, &ordered, last.as_ref(), sink);
    for flaw in known.iter_mut().filter_map(|known| known.flaw.take()) {
        if flaw.is_shortage() {
            return Err(Failure::Unread(flaw));
        }
        tell(sink, DepmodNotice::ModuleUnreadable(flaw));
    }
    let outputs = outputs(tree, &ordered, &known, &lists, config, wanted, sink)?;
    then(&lists, &known, outputs)
}

fn outputs(
    tree: &Tree<'_>,
    ordered: &[&ModuleFile],
    known: &[Known<'_>],
    lists: &Lists,
    config: &Config,
    wanted: Wanted,
    sink: &Sink,
) -> Result<Vec<Output>> {
    let modules: Vec<Loaded<'_>> =
        ordered.iter().zip(known).map(|(file, known)| Loaded::new(file, known)).collect();
    let symbols = resolve::exported_symbols(&modules, config.symbol_prefix);
    let resolved =
        resolve::resolve(&modules, &symbols, config, sink).map_err(|cycles| name_cycles(&modules, cycles))?;
    let (dir, release) = (tree.dir, tree.release);
    let plan = Plan { config, dir, release, wanted, modules: &modules, lists, symbols, resolved };
    plan.images(sink).map_err(|error| Failure::Unmade(Error::new(dir, error)))
}

impl Tree<'_> {
    fn files(&self, config: &Config, sink: &Sink) -> Result<Vec<ModuleFile>> {
        match self.given {
            Some(files) => Ok(files.to_vec()),
            None => scan::scan(self.dir, self.release, &config.depmod, sink).map_err(Failure::Unsearched),
        }
    }
}

/// The files in hash order, those that modules.order lists before the others and in its order.
fn in_order<'f>(dir: &Path, files: &'f [ModuleFile], lists: &Lists, sink: &Sink) -> Vec<&'f ModuleFile> {
    let mut ordered: Vec<&ModuleFile> = files.iter().collect();
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

/// How modules.order spells a file: below the module directory and always as `.ko`.
fn listed_path(dir: &Path, path: &Path) -> Option<Vec<u8>> {
    let relative = path.strip_prefix(dir).ok()?.as_os_str().as_bytes();
    let stem = crate::name::path_stem(relative);
    let suffix = relative.get(stem.len()..)?;
    // A name with a dot of its own is never found in the list: kmod has it so.
    crate::name::module_file_stem(suffix).filter(|rest| rest.is_empty())?;
    Some([stem, b".ko"].concat())
}

fn name_cycles(modules: &[Loaded<'_>], cycles: Cycles) -> Failure {
    let name = |index: u32| modules[index as usize].name.into();
    let named = cycles.cycles.into_iter().map(|cycle| cycle.into_iter().map(name).collect()).collect();
    Failure::Cycles { cycles: named, modules: cycles.members }
}

fn tell(sink: &Sink, notice: DepmodNotice) {
    sink.send(&Notice::Depmod(notice));
}
