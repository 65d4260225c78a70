//! The context: one module directory with its configuration and indexes.
//!
//! Owns the state that look-ups need and takes bytes from [`sys`] to the formats. No
//! globals: two contexts never share anything. Must not print and must not change the system.
//! Contract: kmod's context (`kmod_new` with its resources), without its reference counts.

mod backend;
mod block_file;
pub mod cache;
pub mod conf;
mod consistency;
mod indexes;
pub mod loaded;
mod lookup;
mod meta;
pub mod module_file;
mod operand;
mod stamp;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::error::{self, Error};
use crate::formats::config::depmod::DepmodConfig;
use crate::formats::config::{Author, Config};
use crate::formats::index::text::Dep;
use crate::notice::{Notice, Sink};
use crate::sys::{self, publish};
use backend::Backend;
use indexes::Indexes;
use meta::{MetaFile, Place};

pub use crate::formats::index::{Kind as IndexKind, index_of_text};
pub use lookup::Module;
pub use operand::{Listed, exists, is_module_file, list, load_list};
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

impl ConfigSource {
    /// The files and directories to read.
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Nothing => Vec::new(),
            Self::System => conf::default_dirs("modprobe.d"),
            Self::Paths(paths) => paths.clone(),
        }
    }

    /// Reads the configuration, with what the modules themselves state.
    fn load(&self, lines: impl FnOnce() -> Lines, sink: &Sink) -> Config {
        match self {
            Self::Nothing => Config::default(),
            Self::System | Self::Paths(_) => load_config(&lines(), &self.paths(), sink),
        }
    }
}

/// One module directory with its configuration and indexes.
pub struct Context {
    dir: PathBuf,
    config: Config,
    backend: Box<dyn Backend>,
    sources: Sources,
    sink: Sink,
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
        None => path.extend_from_slice(running_release()?.as_bytes()),
    }
    Ok(OsString::from_vec(path).into())
}

/// The running kernel's release, as `uname -r` prints it.
///
/// Errors: what uname answers.
pub fn running_release() -> io::Result<OsString> {
    sys::host::release()
}

/// The configuration of depmod from these files and directories; from the default ones if there are none.
pub fn depmod_config(sources: &[PathBuf], sink: &Sink) -> DepmodConfig {
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

impl Context {
    /// Opens the module directory `dir`. Reads the configuration; indexes are read at their first use. Where there is no
    /// modules.dep, a meta.pb there or in the directory above answers.
    pub fn open(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Self {
        let Some(place) = Place::of(&dir) else { return Self::over_indexes(dir, source, sink) };
        let meta = MetaFile::open(&place, &dir, sink).unwrap_or_else(|error| {
            sink.send(&Notice::Unreadable(error));
            MetaFile::empty(&place, sink)
        });
        Self::over_meta(dir, place, meta, source, sink)
    }

    /// [`open`](Self::open), where a directory without modules is a fault.
    ///
    /// Errors: there is neither an index of modules nor a meta.pb, or the meta.pb cannot be used.
    pub fn open_existing(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> error::Result<Self> {
        if let Some(place) = Place::of(&dir) {
            let meta = MetaFile::open(&place, &dir, sink)?;
            return Ok(Self::over_meta(dir, place, meta, source, sink));
        }
        sys::file::exists(&dir).map_err(Error::at(&dir))?;
        let context = Self::over_indexes(dir, source, sink);
        // The first question opens the index.
        if context.path_of(b"").is_none() && !context.has_index(IndexKind::Dep) {
            let absent = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(Error::new(context.dir.join("modules.dep.bin"), absent));
        }
        Ok(context)
    }

    /// Opens `dir` with this meta.pb, whatever indexes there are. Its paths are below `dir`, or below the directory above
    /// it if that is where the file is.
    ///
    /// Errors: the file cannot be used.
    pub fn open_meta(file: &Path, dir: PathBuf, source: &ConfigSource, sink: &Sink) -> error::Result<Self> {
        let place = Place::given(file, &dir);
        let meta = MetaFile::open(&place, &dir, sink)?;
        Ok(Self::over_meta(dir, place, meta, source, sink))
    }

    fn over_indexes(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Self {
        let staged = publish::is_staged(&dir);
        let config = source.load(|| Lines::Files(files_of_modules(&dir, staged)), sink);
        let backend = Box::new(Indexes::new(&dir, staged, sink));
        let sources = Sources { dir: dir.clone(), meta: None, config: source.paths() };
        Self { dir, config, backend, sources, sink: sink.clone() }
    }

    fn over_meta(dir: PathBuf, place: Place, meta: MetaFile, source: &ConfigSource, sink: &Sink) -> Self {
        let config = source.load(|| Lines::Meta(place.file.clone(), meta.soft_and_weak()), sink);
        let sources = Sources { dir, meta: Some(place.file), config: source.paths() };
        Self { dir: place.dir, config, backend: Box::new(meta), sources, sink: sink.clone() }
    }

    /// A context over indexes with a configuration that the caller has already.
    pub fn with_config(dir: PathBuf, config: Config, sink: &Sink) -> Self {
        let staged = publish::is_staged(&dir);
        let backend = Box::new(Indexes::new(&dir, staged, sink));
        Self { dir, config, backend, sources: Sources::default(), sink: sink.clone() }
    }

    /// The files that it was read from; none for one that was given its configuration.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The receiver of notices.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// The meta.pb that answers in place of the indexes.
    pub fn meta_file(&self) -> Option<&Path> {
        self.backend.meta_file()
    }

    /// What meta.pb says of a module in the form of `.modinfo`: aliases, dependencies, name. `None` where it has no such
    /// module, or where indexes answer.
    pub fn meta_strings(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.backend.strings(name)
    }

    /// The module directory, such as `/lib/modules/6.12.0`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The line of modules.dep for a normalised module name.
    pub fn dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        self.backend.dep(name)
    }

    /// The same for a module whose dependencies count: that each is listed under its own name is checked.
    pub fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        self.backend.checked_dep(name)
    }

    /// Whether a normalised module name is built into the kernel.
    pub fn is_builtin(&self, name: &[u8]) -> bool {
        self.backend.is_builtin(name)
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
        self.backend.is_usable(kind)
    }

    /// Calls `visit` with every key and value of an index, in their order: keys by their bytes, values
    /// of one key by priority.
    pub fn dump(&self, kind: IndexKind, mut visit: impl FnMut(&[u8], &[u8])) {
        self.backend.dump(kind, &mut visit);
    }

    /// The contents of modules.builtin.modinfo; when the file is absent what a meta.pb has of it, else nothing.
    pub fn builtin_modinfo(&self) -> &[u8] {
        self.backend.builtin_modinfo()
    }
}

/// The soft and weak dependencies that the modules themselves state.
enum Lines {
    /// depmod's files.
    Files(Vec<PathBuf>),
    /// What would be in them, from this meta.pb.
    Meta(PathBuf, Vec<u8>),
}

/// Reads the configuration: what the modules themselves state, files in their order, the kernel command line.
fn load_config(lines: &Lines, sources: &[PathBuf], sink: &Sink) -> Config {
    let mut config = Config::default();
    let mut files = conf::ConfFiles::default();
    let of_modules = match lines {
        Lines::Files(files) => files.as_slice(),
        Lines::Meta(path, lines) => {
            config.parse_of(Author::Modules, path, lines, sink);
            &[]
        }
    };
    // Added first: no administrator's file of the same name can take their place.
    for path in of_modules {
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
        Err(error) => sink.send(&Notice::Unreadable(error)),
    }
    config
}

/// modules.softdep and modules.weakdep: a new one comes before an old one of the same name, and in its place.
fn files_of_modules(dir: &Path, staged: bool) -> Vec<PathBuf> {
    let in_place = ["modules.softdep", "modules.weakdep"].map(|name| dir.join(name));
    let new = in_place.iter().filter_map(|path| if staged { publish::staged(path) } else { None });
    new.chain(in_place.iter().cloned()).collect()
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dir = self.dir.as_os_str().as_bytes().as_bstr();
        f.debug_struct("Context").field("dir", &dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
