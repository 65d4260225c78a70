//! A meta.pb as the source of answers instead of the indexes.
//!
//! This module owns the choice of the file. A meta.pb holds no symbols. Damage is reported once, and
//! damaged parts are treated as absent.

use std::cell::{Cell, OnceCell};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::error::{self, Error, FormatError, FormatKind};
use crate::formats::index::text::Dep;
use crate::formats::meta::{Aliases, FILE_NAME, MetaReader, UNFIT_FOR_PATHS};
use crate::name;
use crate::notice::{Notice, Sink};
use crate::sys::{file, publish};

use super::IndexKind;
use super::backend::Backend;
use super::block_file::BlockFile;
use super::indexes::read_builtin_modinfo;

/// The maximum length in bytes of a modules.dep line that is generated; those of real kernels have a few
/// thousand.
const LONGEST_LINE: usize = 1 << 20;

/// A meta.pb and the directory that its paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetaLocation {
    pub(super) file: PathBuf,
    pub(super) dir: PathBuf,
}

impl MetaLocation {
    /// Finds the meta.pb for a module directory `dir` without modules.dep: in `dir`, or in its parent
    /// directory. The paths in the file are relative to the directory in which it was found.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let exists = |dir: &Path, name: &str| file::exists(&dir.join(name)).is_ok();
        if exists(dir, "modules.dep.bin") || exists(dir, "modules.dep") || publish::is_staged(dir) {
            return None;
        }
        let dir = [Some(dir), dir.parent()].into_iter().flatten().find(|dir| exists(dir, FILE_NAME))?;
        Some(Self { file: dir.join(FILE_NAME), dir: dir.into() })
    }

    /// Uses `file`, given by the user, for the module directory `dir`. Its paths are relative to `dir`, or
    /// to the parent of `dir` if the file is in that directory.
    pub(super) fn given(file: &Path, dir: &Path) -> Self {
        let in_dir = file.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
        let inode = |dir: &Path| file::stat(dir).ok().map(|stat| stat.inode);
        let file_dir = in_dir.and_then(inode);
        let above = dir.parent().filter(|above| file_dir.is_some() && inode(above) == file_dir);
        Self { file: file.into(), dir: above.unwrap_or(dir).into() }
    }
}

/// An open meta.pb.
pub(super) struct MetaBackend {
    path: PathBuf,
    /// The directory that its paths are relative to.
    dir: PathBuf,
    /// `None` when it cannot be read.
    meta: Option<MetaReader>,
    /// The lines of modules.dep by position, each generated when it is first used.
    lines: Vec<OnceCell<Vec<u8>>>,
    /// The patterns of each module that has a file, by position, collected when they are first requested by module.
    aliases: OnceCell<Vec<Vec<Vec<u8>>>>,
    /// modules.builtin.modinfo, read when it is first used.
    builtin_info: OnceCell<Vec<u8>>,
    damaged: Cell<bool>,
    sink: Sink,
}

impl MetaBackend {
    /// Opens the file. If it is for another kernel than the name of `dir` says, a notice is sent.
    ///
    /// Errors: it cannot be read, or is damaged.
    pub(super) fn open(place: &MetaLocation, dir: &Path, sink: &Sink) -> error::Result<Self> {
        let stored = publish::read(&place.file, BlockFile::open)?;
        let meta = MetaReader::open(Box::new(stored)).map_err(Error::at(&place.file))?;
        let file = Self::over(place, Some(meta), sink);
        let release = file.query(MetaReader::release).flatten().unwrap_or_default();
        let wanted = dir.file_name().map(OsStr::as_bytes).unwrap_or_default();
        if !release.is_empty() && release != wanted {
            let (path, release, wanted) = (file.path.clone(), release.into(), wanted.into());
            sink.send(&Notice::MetaKernelMismatch { path, release, wanted });
        }
        Ok(file)
    }

    /// Returns a replacement for a file that cannot be opened; it holds no modules.
    pub(super) fn empty(place: &MetaLocation, sink: &Sink) -> Self {
        Self::over(place, None, sink)
    }

    fn over(place: &MetaLocation, meta: Option<MetaReader>, sink: &Sink) -> Self {
        let count = meta.as_ref().map_or(0, MetaReader::len);
        Self {
            path: place.file.clone(),
            dir: place.dir.clone(),
            meta,
            lines: (0..count).map(|_| OnceCell::new()).collect(),
            aliases: OnceCell::new(),
            builtin_info: OnceCell::new(),
            damaged: Cell::new(false),
            sink: sink.clone(),
        }
    }

    /// Runs a query on the file; the first error is reported.
    fn query<'s, T>(&'s self, query: impl FnOnce(&'s MetaReader) -> Result<T, FormatError>) -> Option<T> {
        let result = query(self.meta.as_ref()?);
        let report = |error| self.sink.send(&Notice::Unreadable(Error::new(self.path.clone(), error)));
        if self.damaged.get() {
            return result.ok();
        }
        result.inspect_err(|_| self.damaged.set(true)).map_err(report).ok()
    }

    /// Returns the line of modules.dep for a normalised name.
    fn line(&self, name: &[u8]) -> Option<&[u8]> {
        let position = self.query(|meta| meta.position(name)).flatten()?;
        let line = self.lines.get(position as usize)?;
        let line = line.get_or_init(|| self.query(|meta| line_of(meta, position)).unwrap_or_default());
        // A module without a file has an empty line.
        Some(line.as_slice()).filter(|line| !line.is_empty())
    }

    /// Returns the value of `name` in an index whose keys are names.
    fn value(&self, kind: IndexKind, name: &[u8]) -> Option<Vec<u8>> {
        match kind {
            IndexKind::Dep => self.line(name).map(<[u8]>::to_vec),
            IndexKind::Builtin => self.is_builtin(name).then(Vec::new),
            IndexKind::Alias | IndexKind::Symbol | IndexKind::BuiltinAlias => None,
        }
    }

    /// Returns the equivalent of modules.softdep and modules.weakdep.
    pub(super) fn soft_and_weak(&self) -> Vec<u8> {
        self.query(MetaReader::soft_and_weak).unwrap_or_default()
    }

    /// Returns the part of modules.builtin.modinfo that a meta.pb contains: aliases.
    fn known_builtin_modinfo(&self) -> Vec<u8> {
        let aliases = self.query(|meta| patterns(meta, Aliases::Builtin)).unwrap_or_default();
        aliases
            .iter()
            .flat_map(|(pattern, module)| [module, &b".alias="[..], pattern, b"\0"].concat())
            .collect()
    }
}

impl Backend for MetaBackend {
    fn dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        Dep::parse(self.line(name)?)
    }

    /// Does not check anything: dependencies are positions of modules in the same file, not paths.
    fn checked_dep(&self, name: &[u8]) -> Option<Dep<'_>> {
        self.dep(name)
    }

    fn is_builtin(&self, name: &[u8]) -> bool {
        let is_builtin = |meta: &MetaReader| match meta.position(name)? {
            Some(position) => {
                let module = meta.module(position)?;
                Ok(module.is_builtin() && !module.is_kernel_part()?)
            }
            None => Ok(false),
        };
        self.query(is_builtin).unwrap_or_default()
    }

    fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString> {
        let Some(aliases) = aliases(kind) else { return Vec::new() };
        let names = |meta: &MetaReader| {
            let found = meta.search(aliases, key)?;
            found.into_iter().map(|at| Ok(meta.name(at)?.into_owned().into())).collect()
        };
        self.query(names).unwrap_or_default()
    }

    fn dump(&self, kind: IndexKind, visit: &mut dyn FnMut(&[u8], &[u8])) {
        let mut pairs: Vec<Pair> = if let Some(aliases) = aliases(kind) {
            let keyed =
                |(pattern, name): Pair| Some((name::normalize_alias(&pattern).ok()?.into_owned(), name));
            let patterns = self.query(|meta| patterns(meta, aliases)).unwrap_or_default();
            patterns.into_iter().filter_map(keyed).collect()
        } else {
            let names = |meta: &MetaReader| -> Result<Vec<_>, FormatError> {
                (0..meta.len()).map(|at| Ok(meta.name(at)?.into_owned())).collect()
            };
            let names = self.query(names).unwrap_or_default().into_iter();
            names.filter_map(|name| self.value(kind, &name).map(|value| (name, value))).collect()
        };
        // A stable sort: the values of one key stay in the order of their positions.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in &pairs {
            visit(key, value);
        }
    }

    fn is_usable(&self, _: IndexKind) -> bool {
        self.meta.is_some()
    }

    fn builtin_modinfo(&self) -> &[u8] {
        self.builtin_info.get_or_init(|| {
            read_builtin_modinfo(&self.dir, &self.sink).unwrap_or_else(|| self.known_builtin_modinfo())
        })
    }

    fn meta_file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn strings(&self, name: &[u8]) -> Option<Vec<u8>> {
        let position = self.query(|meta| meta.position(name)).flatten()?;
        let aliases = self.aliases.get_or_init(|| {
            let mut aliases = vec![Vec::new(); self.lines.len()];
            let visit = |pattern: &[u8], at: u32| {
                if let Some(of_module) = aliases.get_mut(at as usize) {
                    of_module.push(pattern.to_vec());
                }
            };
            self.query(|meta| meta.patterns(Aliases::Loadable, visit));
            aliases
        });
        let aliases = aliases.get(position as usize).map(Vec::as_slice).unwrap_or_default();
        self.query(|meta| strings_of(meta, position, aliases))
    }
}

/// Returns the path, a colon, and the paths of the dependencies; empty for a built-in module.
fn line_of(meta: &MetaReader, position: u32) -> Result<Vec<u8>, FormatError> {
    let path = path_of(meta, position)?;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let mut line = [path, b":"].concat();
    for on in meta.closure(position)? {
        if line.len() > LONGEST_LINE {
            return Err(FormatError::new(FormatKind::Limit, "too many dependencies"));
        }
        let needed = path_of(meta, on)?;
        if !needed.is_empty() {
            line.push(b' ');
            line.extend_from_slice(needed);
        }
    }
    Ok(line)
}

/// Returns the path of a module after checking that modules.dep can hold it and that it matches the module
/// name.
fn path_of(meta: &MetaReader, position: u32) -> Result<&[u8], FormatError> {
    let module = meta.module(position)?;
    let matches = *name::from_path(module.path) == *name::normalize(module.name);
    if module.path.is_empty() || matches && module.path.find_byteset(UNFIT_FOR_PATHS).is_none() {
        return Ok(module.path);
    }
    let (name, path) = (module.name.escape_ascii(), module.path.escape_ascii());
    Err(FormatError::malformed(format!("'{path}' cannot be the file of {name}")))
}

/// Returns the strings of a module, each terminated by NUL.
fn strings_of(meta: &MetaReader, position: u32, aliases: &[Vec<u8>]) -> Result<Vec<u8>, FormatError> {
    let module = meta.module(position)?;
    let depends = module.depends()?.into_iter().map(|on| meta.name(on)).collect::<Result<Vec<_>, _>>()?;
    let mut strings = Vec::new();
    let mut push =
        |key: &str, value: &[u8]| strings.extend_from_slice(&[key.as_bytes(), b"=", value, b"\0"].concat());
    for alias in aliases {
        push("alias", alias);
    }
    module.softdeps()?.into_iter().for_each(|value| push("softdep", value));
    module.weakdeps()?.into_iter().for_each(|value| push("weakdep", value));
    push("depends", &bstr::join(",", &depends));
    push("name", module.name);
    Ok(strings)
}

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Returns the patterns, in tree order, with the names of their modules.
fn patterns(meta: &MetaReader, aliases: Aliases) -> Result<Vec<Pair>, FormatError> {
    let mut found = Vec::new();
    meta.patterns(aliases, |pattern, at| found.push((pattern.to_vec(), at)))?;
    let names = (0..meta.len()).map(|at| meta.name(at)).collect::<Result<Vec<_>, _>>()?;
    let name = |at: u32| names.get(at as usize).map(|name| name.to_vec());
    let pairs = found.into_iter().map(|(pattern, at)| Some((pattern, name(at)?)));
    pairs.collect::<Option<_>>().ok_or_else(|| FormatError::malformed("module position out of range"))
}

fn aliases(kind: IndexKind) -> Option<Aliases> {
    match kind {
        IndexKind::Alias => Some(Aliases::Loadable),
        IndexKind::BuiltinAlias => Some(Aliases::Builtin),
        IndexKind::Dep | IndexKind::Symbol | IndexKind::Builtin => None,
    }
}
