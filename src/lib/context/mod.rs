//! The context: one module directory with its configuration and indexes.
//!
//! Owns the state that look-ups need and takes bytes from [`sys`] to the formats. No
//! globals: two contexts never share anything. Must not print and must not change the system.
//! Contract: kmod's context (`kmod_new` with its resources), without its reference counts.

mod block_file;
pub mod cache;
pub mod conf;
mod consistency;
mod indexes;
pub mod loaded;
mod lookup;
mod meta;
pub mod module_file;
mod stamp;

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::formats::config::depmod::DepmodConfig;
use crate::formats::config::{Author, Config};
use crate::notice::{Notice, Sink};
use crate::sys::{self, publish};
use indexes::Indexes;
use meta::{MetaFile, Place};

pub use indexes::{Kind as IndexKind, index_of_text};
pub use lookup::Module;
pub use stamp::{Moment, Sources, Stamp};

/// The place of modules below a root, with the slashes that stand around it.
const MODULES: &[u8] = b"/lib/modules/";

/// Which configuration a context has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// None at all (modinfo).
    Nothing,
    /// The modprobe.d directories of the system, the module directory's own soft and weak
    /// dependencies, and the kernel command line.
    System,
    /// These files and directories in place of the modprobe.d directories; the rest as in
    /// [`ConfigSource::System`].
    Paths(Vec<PathBuf>),
}

/// One module directory with its configuration and indexes.
pub struct Context<'a> {
    dir: PathBuf,
    config: Config,
    indexes: Indexes<'a>,
    /// What answers in place of the indexes, if there are none.
    meta: Option<MetaFile<'a>>,
    builtin_info: OnceCell<Vec<u8>>,
    sources: Sources,
    sink: Sink<'a>,
}

/// The module directory of `release` (default: the running kernel's) below `root` (default: the
/// system's), composed as kmod does: a plain concatenation, a relative root behind the working
/// directory.
///
/// Errors: when the working directory or the kernel's release cannot be had.
pub fn module_dir(root: Option<&OsStr>, release: Option<&OsStr>) -> io::Result<PathBuf> {
    let mut path = match root {
        Some(root) if !root.is_empty() => absolute(root)?.into_vec(),
        _ => Vec::new(),
    };
    path.extend_from_slice(MODULES);
    match release {
        Some(release) => path.extend_from_slice(release.as_bytes()),
        None => path.extend_from_slice(sys::host::release()?.as_bytes()),
    }
    Ok(OsString::from_vec(path).into())
}

/// The configuration of depmod from these files and directories; from the usual ones if there are none.
pub fn depmod_config(sources: &[PathBuf], sink: Sink<'_>) -> DepmodConfig {
    let mut config = DepmodConfig::default();
    let files = match sources {
        [] => conf::read_all(&conf::default_dirs("depmod.d"), sink),
        sources => conf::read_all(sources, sink),
    };
    for file in files {
        config.parse(&file.path, &file.bytes, sink);
    }
    config
}

/// `path`, behind the working directory when it is relative; nothing is resolved or tidied.
///
/// Errors: when the working directory cannot be had.
pub fn absolute(path: &OsStr) -> io::Result<OsString> {
    if path.as_bytes().starts_with(b"/") {
        return Ok(path.to_owned());
    }
    let mut whole = std::env::current_dir()?.into_os_string();
    whole.push("/");
    whole.push(path);
    Ok(whole)
}

impl<'a> Context<'a> {
    /// A context for the module directory `dir`. Reads the configuration; indexes are read at their
    /// first use. Where there is no modules.dep, a meta.pb there or in the directory above answers.
    pub fn open(dir: PathBuf, source: &ConfigSource, sink: Sink<'a>) -> Self {
        let place = Place::of(&dir);
        Self::over(dir, place.as_ref(), source, sink)
    }

    /// The same over this meta.pb, whatever indexes there are. Its paths are below `dir`, or below the directory above it
    /// if that is where the file is.
    pub fn open_meta(file: &Path, dir: PathBuf, source: &ConfigSource, sink: Sink<'a>) -> Self {
        let place = Place::given(file, &dir);
        Self::over(dir, Some(&place), source, sink)
    }

    fn over(dir: PathBuf, place: Option<&Place>, source: &ConfigSource, sink: Sink<'a>) -> Self {
        let staged = place.is_none() && publish::is_staged(&dir);
        let meta = place.map(|place| MetaFile::open(place, &dir, sink));
        let lines = match &meta {
            Some(meta) if *source != ConfigSource::Nothing => Lines::Meta(meta.path(), meta.soft_and_weak()),
            _ => Lines::Files { dir: &dir, staged },
        };
        let paths = match source {
            ConfigSource::Nothing => Vec::new(),
            ConfigSource::System => conf::default_dirs("modprobe.d"),
            ConfigSource::Paths(paths) => paths.clone(),
        };
        let config = match source {
            ConfigSource::Nothing => Config::default(),
            _ => load_config(&lines, &paths, sink),
        };
        let in_place = place.map_or_else(|| dir.clone(), |place| place.dir.clone());
        let sources = Sources { dir, meta: place.map(|place| place.file.clone()), config: paths };
        Self { meta, sources, ..Self::new(in_place, staged, config, sink) }
    }

    /// A context over indexes with a configuration that the caller has already.
    pub fn with_config(dir: PathBuf, config: Config, sink: Sink<'a>) -> Self {
        let staged = publish::is_staged(&dir);
        Self::new(dir, staged, config, sink)
    }

    fn new(dir: PathBuf, staged: bool, config: Config, sink: Sink<'a>) -> Self {
        let indexes = Indexes::new(&dir, staged, sink);
        let sources = Sources::default();
        Self { dir, config, indexes, meta: None, builtin_info: OnceCell::new(), sources, sink }
    }

    /// What it was read from. One that was given its configuration does not know.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The meta.pb that answers in place of the indexes.
    pub fn meta_file(&self) -> Option<&Path> {
        self.meta.as_ref().map(MetaFile::path)
    }

    /// What it says of a module in the form of `.modinfo`: aliases, dependencies, name. `None` where there is no such module.
    pub fn meta_strings(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.meta.as_ref()?.strings(name)
    }

    /// The module directory, such as `/lib/modules/6.12.0`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the file of a normalised module name is, if modules.dep lists it.
    pub fn path_of(&self, name: &[u8]) -> Option<PathBuf> {
        Some(self.in_dir(self.dep(name)?.path))
    }

    /// A path of modules.dep: relative ones are below the module directory.
    pub fn in_dir(&self, path: &[u8]) -> PathBuf {
        if path.starts_with(b"/") {
            return PathBuf::from(OsStr::from_bytes(path));
        }
        let mut whole = self.dir.clone().into_os_string();
        whole.push("/");
        whole.push(OsStr::from_bytes(path));
        whole.into()
    }

    /// Whether an index, or the text in its place, could be read when it was last asked.
    pub fn has_index(&self, kind: IndexKind) -> bool {
        self.meta.as_ref().map_or_else(|| self.indexes.is_usable(kind), MetaFile::is_usable)
    }

    /// Calls `visit` with every key and value of an index, in their order: keys by their bytes, values
    /// of one key by priority.
    pub fn dump(&self, kind: IndexKind, visit: impl FnMut(&[u8], &[u8])) {
        match &self.meta {
            Some(meta) => meta.dump(kind, visit),
            None => self.indexes.dump(kind, visit),
        }
    }

    /// The contents of modules.builtin.modinfo; when the file is absent what a meta.pb has of it, else nothing.
    pub fn builtin_modinfo(&self) -> &[u8] {
        self.builtin_info.get_or_init(|| {
            let path = self.dir.join("modules.builtin.modinfo");
            match sys::file::read_if_exists(&path) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => self.meta.as_ref().map(MetaFile::builtin_modinfo).unwrap_or_default(),
                Err(error) => {
                    (self.sink)(&Notice::Unreadable(error));
                    Vec::new()
                }
            }
        })
    }
}

/// The soft and weak dependencies that the modules themselves state.
enum Lines<'l> {
    /// depmod's files; `staged` tells whether they are perhaps not in their places.
    Files { dir: &'l Path, staged: bool },
    /// What would be in them, out of this meta.pb.
    Meta(&'l Path, Vec<u8>),
}

/// Reads the configuration: what the modules themselves state, files in their order, the kernel command line.
fn load_config(lines: &Lines<'_>, sources: &[PathBuf], sink: Sink<'_>) -> Config {
    let mut config = Config::default();
    let mut files = conf::ConfFiles::default();
    let of_modules = match lines {
        Lines::Files { dir, staged } => files_of_modules(dir, *staged),
        Lines::Meta(path, lines) => {
            config.parse_of(Author::Modules, path, lines, sink);
            Vec::new()
        }
    };
    // Added first: no administrator's file of the same name can take their place.
    for path in &of_modules {
        files.add_file(path, sink);
    }
    for source in sources {
        files.add(source, sink);
    }
    for file in files.into_vec() {
        let author = if of_modules.contains(&file.path) { Author::Modules } else { Author::Administrator };
        config.parse_of(author, &file.path, &file.bytes, sink);
    }
    let cmdline = Path::new("/proc/cmdline");
    match sys::file::unless_absent(sys::file::read_text(cmdline)) {
        Ok(bytes) => config.parse_command_line(cmdline, &bytes.unwrap_or_default(), sink),
        Err(error) => sink(&Notice::Unreadable(error)),
    }
    config
}

/// modules.softdep and modules.weakdep: a new one comes before an old one of the same name, and in its place.
fn files_of_modules(dir: &Path, staged: bool) -> Vec<PathBuf> {
    let in_place = ["modules.softdep", "modules.weakdep"].map(|name| dir.join(name));
    let new = in_place.iter().filter_map(|path| if staged { publish::staged(path) } else { None });
    new.chain(in_place.iter().cloned()).collect()
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dir = self.dir.as_os_str().as_bytes().as_bstr();
        f.debug_struct("Context").field("dir", &dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
