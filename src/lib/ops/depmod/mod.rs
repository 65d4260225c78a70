//! depmod: from the modules of a kernel to the files that every other tool answers from.
//!
//! scan -> load -> resolve -> an image of every output file in memory -> one publication. Nothing is
//! written before everything is known. Output is byte for byte that of kmod 34; see modules.dep(5).

mod fresh;
mod image;
mod kernel;
mod load;
mod order;
mod resolve;
mod scan;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use crate::config::depmod::DepmodConfig;
use crate::error::{Error, Result};
use crate::graph::Cycles;
use crate::notice::{DepmodNotice, Notice, Sink};
use crate::sys::{file, fileset};

pub use fresh::is_fresh;
pub use image::{Output, Wanted};
pub use kernel::{BadLine, KernelSymbols};
pub use scan::{ModuleFile, module_file, scan};

use load::Facts;
use resolve::Resolved;

/// What is asked of depmod besides where the modules are.
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
}

/// Why no output could be made.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file or directory is at fault.
    #[error(transparent)]
    File(#[from] Error),
    /// Modules depend on each other in circles.
    #[error("modules in dependency cycles: {modules}")]
    Cycles {
        /// The names around each circle.
        cycles: Vec<Vec<BString>>,
        /// How many modules are part of one.
        modules: usize,
    },
}

/// A module with what was read of it.
struct Loaded {
    name: BString,
    path: PathBuf,
    facts: Facts,
}

/// Everything that the images are made from.
struct Plan<'a> {
    config: &'a Config,
    /// The module directory.
    dir: &'a Path,
    wanted: Wanted,
    /// In the order of the files; a module's index is its priority.
    modules: &'a [Loaded],
    symbols: HashMap<&'a [u8], (u32, u64)>,
    resolved: Resolved,
}

impl Config {
    fn checks_versions(&self) -> bool {
        self.report_unknown && self.kernel_symbols.as_ref().is_some_and(|symbols| symbols.versions)
    }
}

/// Makes the output files for the module directory `dir` from the module files `files`.
///
/// Modules that cannot be read are told to `sink` and stay listed, without what could not be read.
pub fn images(
    dir: &Path,
    files: &[ModuleFile],
    config: &Config,
    wanted: Wanted,
    sink: Sink<'_>,
) -> std::result::Result<Vec<Output>, Failure> {
    let ordered = in_order(dir, files, sink);
    let facts = load::load_all(&ordered);
    let mut modules: Vec<Loaded> = ordered
        .into_iter()
        .zip(facts)
        .map(|(file, facts)| Loaded { name: file.name.clone(), path: file.path.clone(), facts })
        .collect();
    for flaw in modules.iter_mut().filter_map(|module| module.facts.flaw.take()) {
        tell(sink, DepmodNotice::ModuleUnreadable(flaw));
    }
    let symbols = resolve::exported_symbols(&modules, config.symbol_prefix);
    let resolved =
        resolve::resolve(&modules, &symbols, config, sink).map_err(|cycles| name_cycles(&modules, cycles))?;
    let plan = Plan { config, dir, wanted, modules: &modules, symbols, resolved };
    Ok(plan.images(sink).map_err(Error::at(dir))?)
}

/// Writes the files into `dir`, all or none.
pub fn publish(dir: &Path, outputs: &[Output]) -> Result<()> {
    fileset::create_dir(dir)?;
    fileset::publish(dir, outputs.iter().map(|output| (output.name, output.bytes.as_slice())))
}

/// The files in hash order, those that modules.order lists before the others and in its order.
fn in_order<'f>(dir: &Path, files: &'f [ModuleFile], sink: Sink<'_>) -> Vec<&'f ModuleFile> {
    let mut ordered: Vec<&ModuleFile> = files.iter().collect();
    ordered.sort_by_cached_key(|file| {
        let (bucket, name) = order::module_key(&file.name);
        (bucket, BString::from(name))
    });
    let text = read_list(dir, "modules.order", sink).unwrap_or_default();
    match order::parse_modules_order(&text) {
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

fn read_list(dir: &Path, name: &'static str, sink: Sink<'_>) -> Option<Vec<u8>> {
    match file::read(&dir.join(OsStr::new(name))) {
        Ok(text) => Some(text),
        Err(error) => {
            let missing_dir = file::exists(dir).err();
            tell(
                sink,
                match missing_dir {
                    Some(error) => DepmodNotice::NoListDirectory(Error::new(dir, error)),
                    None => DepmodNotice::ListUnreadable { name, error },
                },
            );
            None
        }
    }
}

fn name_cycles(modules: &[Loaded], cycles: Cycles) -> Failure {
    let name = |index: u32| modules[index as usize].name.clone();
    let named = cycles.cycles.into_iter().map(|cycle| cycle.into_iter().map(name).collect()).collect();
    Failure::Cycles { cycles: named, modules: cycles.members }
}

fn tell(sink: Sink<'_>, notice: DepmodNotice) {
    sink(&Notice::Depmod(notice));
}
