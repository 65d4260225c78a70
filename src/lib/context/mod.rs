//! A module directory with its configuration and indexes.
//!
//! This module owns the state that lookups need, and passes bytes from [`sys`] to the formats. There is no global state:
//! contexts are independent of each other. It must not print, and must not change the system. Contract: kmod's context
//! (`kmod_new` with its resources), without the reference counts.
//!
//! # Example
//!
//! Look up a module by alias, and find its file and dependencies:
//!
//! ```
//! use std::fs;
//!
//! use oxmod::context::{ConfigSource, Context};
//! use oxmod::notice::Sink;
//!
//! let root = tempfile::tempdir()?;
//! let dir = root.path().join("lib/modules/6.12.0");
//! fs::create_dir_all(&dir)?;
//! fs::write(dir.join("modules.dep"), "fs/acmefs.ko: lib/acme_crc.ko\nlib/acme_crc.ko:\n")?;
//! fs::write(dir.join("modules.alias"), "alias fs-acme acmefs\n")?;
//!
//! let context = Context::open(dir.clone(), &ConfigSource::Nothing, &Sink::none());
//! let found = context.lookup(b"fs-acme")?;
//! assert_eq!(found[0].name, "acmefs");
//! assert_eq!(context.path_of(&found[0].name), Some(dir.join("fs/acmefs.ko")));
//! let needed = context.dependencies(&found[0].name);
//! assert_eq!(needed[0].name, "acme_crc");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Open the modules and the configuration of the running system:
//!
//! ```no_run
//! use oxmod::context::{ConfigSource, Context, module_dir};
//! use oxmod::notice::Sink;
//!
//! let dir = module_dir(None, None)?;
//! let sink = Sink::new(|notice| eprintln!("{notice:?}"));
//! let context = Context::open(dir, &ConfigSource::System, &sink);
//! println!("ext4 is built in: {}", context.is_builtin(b"ext4"));
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod backend;
mod block_file;
pub mod cache;
pub mod conf;
mod consistency;
mod index_of_text;
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
use crate::formats::config::{Config, OriginKind};
use crate::formats::index::text::Dep;
use crate::notice::{Notice, Sink};
use crate::sys::{self, publish};
use backend::Backend;
use indexes::Indexes;
use meta::{MetaBackend, MetaLocation};

pub use crate::formats::index::IndexKind;
pub use index_of_text::index_of_text;
pub use lookup::Module;
pub use operand::{DirEntry, exists, is_module_file, list, load_list, names_file, names_module};
pub use stamp::{FileTime, Sources, Stamp};

/// The path of the module directories below a root, with its surrounding slashes.
const MODULES: &[u8] = b"/lib/modules/";

/// The configuration of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigSource {
    /// No configuration (modinfo).
    Nothing,
    /// The system's modprobe.d directories, the soft and weak dependencies in the module directory, and the
    /// kernel command line.
    System,
    /// These files and directories instead of the modprobe.d directories; otherwise the same as
    /// [`ConfigSource::System`].
    Paths(Vec<PathBuf>),
}

impl ConfigSource {
    /// Reads the configuration, including the modules' own soft and weak dependencies. Returns it with the files and
    /// directories that it comes from.
    fn load(&self, lines: impl FnOnce() -> Lines, sink: &Sink) -> (Config, Vec<PathBuf>) {
        let paths = match self {
            Self::Nothing => return Default::default(),
            Self::System => conf::default_dirs("modprobe.d"),
            Self::Paths(paths) => paths.clone(),
        };
        (load_config(&lines(), &paths, sink), paths)
    }
}

/// A module directory with its configuration and indexes.
pub struct Context {
    dir: PathBuf,
    config: Config,
    backend: Box<dyn Backend>,
    sources: Sources,
    sink: Sink,
}

/// Returns the module directory of `release` (default: the running kernel) below `root` (default: the
/// system's root). The path is composed as kmod does it: by plain concatenation, with a relative root after
/// the working directory.
///
/// Errors: the working directory or the kernel's release cannot be determined.
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

/// Returns the running kernel's release, as `uname -r` prints it.
///
/// Errors: those of uname.
pub fn running_release() -> io::Result<OsString> {
    sys::host::release()
}

/// Reads the configuration of depmod from these files and directories, or from the default ones if
/// `sources` is empty.
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

/// Returns `path`, prefixed with the working directory if it is relative. The working directory is the value of `PWD` if
/// that is correct. Nothing is resolved or normalised.
///
/// Errors: the working directory cannot be determined.
pub fn absolute(path: &OsStr) -> io::Result<OsString> {
    if path.as_bytes().starts_with(b"/") {
        return Ok(path.to_owned());
    }
    let mut whole = sys::environment::current_dir()?.into_os_string();
    whole.push("/");
    whole.push(path);
    Ok(whole)
}

impl Context {
    /// Opens a context for the module directory `dir`. The configuration is read now, each index when it is
    /// first used. If `dir` has no modules.dep, a meta.pb in it or in its parent directory is used instead.
    pub fn open(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Self {
        let Some(place) = MetaLocation::of(&dir) else { return Self::over_indexes(dir, source, sink) };
        let meta = MetaBackend::open(&place, &dir, sink).unwrap_or_else(|error| {
            sink.send(&Notice::Unreadable(error));
            MetaBackend::empty(&place, sink)
        });
        Self::over_meta(dir, place, meta, source, sink)
    }

    /// Like [`open`](Self::open), but a directory without modules is an error.
    ///
    /// Errors: there is neither a module index nor a meta.pb, or the meta.pb cannot be used.
    pub fn open_existing(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> error::Result<Self> {
        if let Some(place) = MetaLocation::of(&dir) {
            let meta = MetaBackend::open(&place, &dir, sink)?;
            return Ok(Self::over_meta(dir, place, meta, source, sink));
        }
        sys::file::exists(&dir).map_err(Error::at(&dir))?;
        let context = Self::over_indexes(dir, source, sink);
        // The first lookup opens the index.
        if context.path_of(b"").is_none() && !context.has_index(IndexKind::Dep) {
            let absent = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(Error::new(context.dir.join("modules.dep.bin"), absent));
        }
        Ok(context)
    }

    /// Opens a context that uses this meta.pb, even if there are indexes. Its paths are relative to `dir`,
    /// or to the parent of `dir` if the file is in that directory.
    ///
    /// Errors: the file cannot be used.
    pub fn open_meta(file: &Path, dir: PathBuf, source: &ConfigSource, sink: &Sink) -> error::Result<Self> {
        let place = MetaLocation::given(file, &dir);
        let meta = MetaBackend::open(&place, &dir, sink)?;
        Ok(Self::over_meta(dir, place, meta, source, sink))
    }

    fn over_indexes(dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Self {
        let staged = publish::is_staged(&dir);
        let (config, paths) = source.load(|| Lines::Files(module_config_files(&dir, staged)), sink);
        let backend = Box::new(Indexes::new(&dir, staged, sink));
        let sources = Sources { dir: dir.clone(), meta: None, config: paths };
        Self { dir, config, backend, sources, sink: sink.clone() }
    }

    fn over_meta(
        dir: PathBuf,
        place: MetaLocation,
        meta: MetaBackend,
        source: &ConfigSource,
        sink: &Sink,
    ) -> Self {
        let (config, paths) = source.load(|| Lines::Meta(place.file.clone(), meta.soft_and_weak()), sink);
        let sources = Sources { dir, meta: Some(place.file), config: paths };
        Self { dir: place.dir, config, backend: Box::new(meta), sources, sink: sink.clone() }
    }

    /// Opens a context that uses indexes and a configuration that the caller has already read.
    pub fn with_config(dir: PathBuf, config: Config, sink: &Sink) -> Self {
        let staged = publish::is_staged(&dir);
        let backend = Box::new(Indexes::new(&dir, staged, sink));
        Self { dir, config, backend, sources: Sources::default(), sink: sink.clone() }
    }

    /// The files that the context was read from; empty for one made by [`Context::with_config`].
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The receiver of notices.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// The meta.pb that is used instead of indexes, if any.
    pub fn meta_file(&self) -> Option<&Path> {
        self.backend.meta_file()
    }

    /// Returns the information about a module in meta.pb as `.modinfo` strings: aliases, dependencies, name. `None`
    /// if the file does not contain the module, or if the context uses indexes.
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

    /// Returns the modules.dep entry of a normalised module name.
    pub fn dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        self.backend.dep(name)
    }

    /// Like [`dep`](Self::dep), but also checks that each dependency is listed under its own name. For
    /// callers that use the dependencies.
    pub fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        self.backend.checked_dep(name)
    }

    /// Whether the module with this normalised name is built in.
    pub fn is_builtin(&self, name: &[u8]) -> bool {
        self.backend.is_builtin(name)
    }

    /// Returns the path of the module file for a normalised name, if modules.dep lists it.
    pub fn path_of(&self, name: &[u8]) -> Option<PathBuf> {
        Some(self.in_dir(self.dep(name)?.path))
    }

    /// Returns the full path for a path in modules.dep: relative ones are below the module directory.
    pub fn in_dir(&self, path: &[u8]) -> PathBuf {
        if path.starts_with(b"/") {
            return PathBuf::from(OsStr::from_bytes(path));
        }
        let mut whole = self.dir.clone().into_os_string();
        whole.push("/");
        whole.push(OsStr::from_bytes(path));
        whole.into()
    }

    /// Whether an index, or its text twin, could be read when it was last used.
    pub fn has_index(&self, kind: IndexKind) -> bool {
        self.backend.is_usable(kind)
    }

    /// Calls `visit` with every key and value of an index, ordered by key bytes; the values of one key are
    /// ordered by priority.
    pub fn dump(&self, kind: IndexKind, mut visit: impl FnMut(&[u8], &[u8])) {
        self.backend.dump(kind, &mut visit);
    }

    /// Returns the contents of modules.builtin.modinfo. If the file does not exist, returns the part that a meta.pb
    /// contains, or nothing.
    pub fn builtin_modinfo(&self) -> &[u8] {
        self.backend.builtin_modinfo()
    }
}

/// The soft and weak dependencies that modules declare themselves.
enum Lines {
    /// The files that depmod wrote.
    Files(Vec<PathBuf>),
    /// A meta.pb, and the equivalent of those files in it.
    Meta(PathBuf, Vec<u8>),
}

/// Reads the configuration: the modules' own soft and weak dependencies, the files in their order, then the
/// kernel command line.
fn load_config(lines: &Lines, sources: &[PathBuf], sink: &Sink) -> Config {
    let mut config = Config::default();
    let mut files = conf::ConfFiles::default();
    let module_files = match lines {
        Lines::Files(files) => files.as_slice(),
        Lines::Meta(path, lines) => {
            config.parse_of(OriginKind::Modules, path, lines, sink);
            &[]
        }
    };
    // These are added first, so that an administrator's file of the same name does not mask them.
    for path in module_files {
        files.add_file(path, sink);
    }
    for source in sources {
        files.add(source, sink);
    }
    for file in files.into_vec() {
        let origin =
            if module_files.contains(&file.path) { OriginKind::Modules } else { OriginKind::Administrator };
        config.parse_of(origin, &file.path, &file.bytes, sink);
    }
    let cmdline = Path::new("/proc/cmdline");
    match sys::file::unless_absent(sys::file::read_text(cmdline)) {
        Ok(bytes) => config.parse_command_line(cmdline, &bytes.unwrap_or_default(), sink),
        Err(error) => sink.send(&Notice::Unreadable(error)),
    }
    config
}

/// Returns the paths of modules.softdep and modules.weakdep. A staged file comes before the published one of the
/// same name, and therefore masks it.
fn module_config_files(dir: &Path, staged: bool) -> Vec<PathBuf> {
    let published = ["modules.softdep", "modules.weakdep"].map(|name| dir.join(name));
    let new = published.iter().filter_map(|path| if staged { publish::staged(path) } else { None });
    new.chain(published.iter().cloned()).collect()
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dir = self.dir.as_os_str().as_bytes().as_bstr();
        f.debug_struct("Context").field("dir", &dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
