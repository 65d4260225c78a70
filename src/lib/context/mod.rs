//! The context: one module directory with its configuration and indexes.
//!
//! Owns the state that look-ups need and takes bytes from [`sys`] to the formats. No
//! globals: two contexts never share anything. Must not print and must not change the system.
//! Contract: kmod's context (`kmod_new` with its resources), without its reference counts.

mod check;
pub mod conf;
pub mod facts;
mod indexes;
mod lookup;
mod stored;

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use crate::config::depmod::DepmodConfig;
use crate::config::{Author, Config};
use crate::notice::{Notice, Sink};
use crate::sys::{self, fileset};
use indexes::Indexes;

pub use indexes::{Kind as IndexKind, index_of_text};
pub use lookup::Module;

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
    builtin_info: OnceCell<Vec<u8>>,
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
    /// first use.
    pub fn open(dir: PathBuf, source: &ConfigSource, sink: Sink<'a>) -> Self {
        let staged = fileset::is_staged(&dir);
        let config = match source {
            ConfigSource::Nothing => Config::default(),
            ConfigSource::System => load_config(&dir, staged, &conf::default_dirs("modprobe.d"), sink),
            ConfigSource::Paths(paths) => load_config(&dir, staged, paths, sink),
        };
        Self::new(dir, staged, config, sink)
    }

    /// A context with a configuration that the caller has already.
    pub fn with_config(dir: PathBuf, config: Config, sink: Sink<'a>) -> Self {
        let staged = fileset::is_staged(&dir);
        Self::new(dir, staged, config, sink)
    }

    fn new(dir: PathBuf, staged: bool, config: Config, sink: Sink<'a>) -> Self {
        let indexes = Indexes::new(&dir, staged, sink);
        Self { dir, config, indexes, builtin_info: OnceCell::new(), sink }
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
        self.indexes.is_usable(kind)
    }

    /// Calls `visit` with every key and value of an index, in their order: keys by their bytes, values
    /// of one key by priority.
    pub fn dump(&self, kind: IndexKind, visit: impl FnMut(&[u8], &[u8])) {
        self.indexes.dump(kind, visit);
    }

    /// The contents of modules.builtin.modinfo; empty when the file is absent.
    pub fn builtin_modinfo(&self) -> &[u8] {
        self.builtin_info.get_or_init(|| {
            let path = self.dir.join("modules.builtin.modinfo");
            match sys::file::read_if_exists(&path) {
                Ok(bytes) => bytes.unwrap_or_default(),
                Err(error) => {
                    (self.sink)(&Notice::Unreadable(error));
                    Vec::new()
                }
            }
        })
    }
}

/// Reads configuration files in their order, then the kernel command line. `staged` tells whether depmod's are perhaps
/// not in their places.
fn load_config(dir: &Path, staged: bool, sources: &[PathBuf], sink: Sink<'_>) -> Config {
    let mut files = conf::ConfFiles::default();
    // Added first: no administrator's file of the same name can take their place, nor an old one that of a new one.
    let in_place = ["modules.softdep", "modules.weakdep"].map(|name| dir.join(name));
    let new = in_place.iter().filter_map(|path| if staged { fileset::staged(path) } else { None });
    let of_modules: Vec<PathBuf> = new.chain(in_place.iter().cloned()).collect();
    for path in &of_modules {
        files.add_file(path, sink);
    }
    for source in sources {
        files.add(source, sink);
    }
    let mut config = Config::default();
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

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dir = self.dir.as_os_str().as_bytes().as_bstr();
        f.debug_struct("Context").field("dir", &dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
