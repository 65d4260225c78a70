//! The answers that a meta.pb gives in place of the indexes.
//!
//! Owns the choice of the file, and the form of its answers: that of the indexes', so that nobody else needs to know which
//! of the two they come from. Symbols it does not hold. What is damaged is told once, and answers no more.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::{BString, ByteSlice};

use crate::error::{Error, FormatError, FormatKind};
use crate::formats::meta::{Aliases, FILE_NAME, Meta, UNFIT_FOR_PATHS};
use crate::name;
use crate::notice::{Notice, Sink};
use crate::sys::{file, publish};

use super::IndexKind;
use super::block_file::BlockFile;

/// The longest line of modules.dep that is made, in bytes; those of real kernels have some thousand.
const LONGEST_LINE: usize = 1 << 20;

/// A meta.pb and the directory that its paths are below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) dir: PathBuf,
}

impl Place {
    /// That of the module directory `dir` if it has no modules.dep: in it, or above it for all there is.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let is_there = |dir: &Path, name: &str| file::exists(&dir.join(name)).is_ok();
        if is_there(dir, "modules.dep.bin") || is_there(dir, "modules.dep") || publish::is_staged(dir) {
            return None;
        }
        let dir = [Some(dir), dir.parent()].into_iter().flatten().find(|dir| is_there(dir, FILE_NAME))?;
        Some(Self { file: dir.join(FILE_NAME), dir: dir.into() })
    }

    /// A file given by hand, for the module directory `dir`: its paths are below that, unless it is the one above it.
    pub(super) fn given(file: &Path, dir: &Path) -> Self {
        let in_dir = file.parent().map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
        let inode = |dir: &Path| file::stat(dir).ok().map(|stat| stat.inode);
        let here = in_dir.and_then(inode);
        let above = dir.parent().filter(|above| here.is_some() && inode(above) == here);
        Self { file: file.into(), dir: above.unwrap_or(dir).into() }
    }
}

/// An open meta.pb.
pub(super) struct MetaFile<'a> {
    path: PathBuf,
    /// `None` when it cannot be read.
    meta: Option<Meta>,
    /// Of modules.dep, by position, each from its first use on.
    lines: Vec<OnceCell<Vec<u8>>>,
    /// The patterns of each module that has a file, if somebody wanted them by module.
    aliases: OnceCell<HashMap<u32, Vec<Vec<u8>>>>,
    damaged: Cell<bool>,
    sink: Sink<'a>,
}

impl<'a> MetaFile<'a> {
    /// Opens the file; one that is of another kernel than `dir` by its name is worth a word.
    pub(super) fn open(place: &Place, dir: &Path, sink: Sink<'a>) -> Self {
        let path = place.file.clone();
        let stored = publish::read(&path, BlockFile::open);
        let opened = stored.and_then(|stored| Meta::open(Box::new(stored)).map_err(Error::at(&path)));
        let meta = opened.map_err(|error| sink(&Notice::Unusable(error))).ok();
        let count = meta.as_ref().map_or(0, Meta::len);
        let lines = (0..count).map(|_| OnceCell::new()).collect();
        let file = Self { path, meta, lines, aliases: OnceCell::new(), damaged: Cell::new(false), sink };
        let release = file.ask(Meta::release).flatten().unwrap_or_default();
        let wanted = dir.file_name().map(OsStr::as_bytes).unwrap_or_default();
        if !release.is_empty() && release != wanted {
            let (path, release, wanted) = (file.path.clone(), release.into(), wanted.into());
            sink(&Notice::MetaOfAnother { path, release, wanted });
        }
        file
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it could be read.
    pub(super) fn is_usable(&self) -> bool {
        self.meta.is_some()
    }

    /// Puts a question to the file; what is wrong with it is told the first time.
    fn ask<'s, T>(&'s self, question: impl FnOnce(&'s Meta) -> Result<T, FormatError>) -> Option<T> {
        let answer = question(self.meta.as_ref()?);
        let tell = |error| (self.sink)(&Notice::Unusable(Error::new(self.path.clone(), error)));
        if self.damaged.get() {
            return answer.ok();
        }
        answer.inspect_err(|_| self.damaged.set(true)).map_err(tell).ok()
    }

    /// The line of modules.dep for a normalised name.
    pub(super) fn line(&self, name: &[u8]) -> Option<&[u8]> {
        let position = self.ask(|meta| meta.position(name)).flatten()?;
        let line = self.lines.get(position as usize)?;
        let line = line.get_or_init(|| self.ask(|meta| line_of(meta, position)).unwrap_or_default());
        // Nothing for what has no file.
        Some(line.as_slice()).filter(|line| !line.is_empty())
    }

    /// Whether a normalised name is that of something built in.
    pub(super) fn is_builtin(&self, name: &[u8]) -> bool {
        let is_builtin = |meta: &Meta| match meta.position(name)? {
            Some(position) => {
                let module = meta.module(position)?;
                Ok(module.is_builtin() && !module.is_part()?)
            }
            None => Ok(false),
        };
        self.ask(is_builtin).unwrap_or_default()
    }

    /// The names of what a normalised key leads to, by position.
    pub(super) fn search(&self, kind: IndexKind, key: &[u8]) -> Vec<BString> {
        let Some(aliases) = aliases(kind) else { return Vec::new() };
        let names = |meta: &Meta| {
            let found = meta.search(aliases, key)?;
            found.into_iter().map(|at| Ok(meta.name(at)?.into_owned().into())).collect()
        };
        self.ask(names).unwrap_or_default()
    }

    /// Calls `visit` with each key and value that the index would have, in their order.
    pub(super) fn dump(&self, kind: IndexKind, mut visit: impl FnMut(&[u8], &[u8])) {
        let mut pairs: Vec<Pair> = if let Some(aliases) = aliases(kind) {
            let keyed =
                |(pattern, name): Pair| Some((name::normalize_alias(&pattern).ok()?.into_owned(), name));
            self.ask(|meta| patterns(meta, aliases))
                .unwrap_or_default()
                .into_iter()
                .filter_map(keyed)
                .collect()
        } else {
            let names = |meta: &Meta| -> Result<Vec<_>, FormatError> {
                (0..meta.len()).map(|at| Ok(meta.name(at)?.into_owned())).collect()
            };
            let names = self.ask(names).unwrap_or_default().into_iter();
            names.filter_map(|name| self.value(kind, &name).map(|value| (name, value))).collect()
        };
        // Those of one key stay in the order of their positions.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in &pairs {
            visit(key, value);
        }
    }

    /// What an index of names has for one.
    fn value(&self, kind: IndexKind, name: &[u8]) -> Option<Vec<u8>> {
        match kind {
            IndexKind::Dep => self.line(name).map(<[u8]>::to_vec),
            IndexKind::Builtin => self.is_builtin(name).then(Vec::new),
            IndexKind::Alias | IndexKind::Symbol | IndexKind::BuiltinAlias => None,
        }
    }

    /// What modules.softdep and modules.weakdep would be.
    pub(super) fn soft_and_weak(&self) -> Vec<u8> {
        self.ask(Meta::soft_and_weak).unwrap_or_default()
    }

    /// What a module's `.modinfo` says, as far as it is here.
    pub(super) fn strings(&self, name: &[u8]) -> Option<Vec<u8>> {
        let position = self.ask(|meta| meta.position(name)).flatten()?;
        let aliases = self.aliases.get_or_init(|| {
            let mut aliases: HashMap<u32, Vec<Vec<u8>>> = HashMap::new();
            let visit = |pattern: &[u8], at| aliases.entry(at).or_default().push(pattern.to_vec());
            self.ask(|meta| meta.patterns(Aliases::Loadable, visit));
            aliases
        });
        let aliases = aliases.get(&position).map(Vec::as_slice).unwrap_or_default();
        self.ask(|meta| strings_of(meta, position, aliases))
    }

    /// As much of modules.builtin.modinfo as is known: aliases.
    pub(super) fn builtin_modinfo(&self) -> Vec<u8> {
        let aliases = self.ask(|meta| patterns(meta, Aliases::Builtin)).unwrap_or_default();
        aliases
            .iter()
            .flat_map(|(pattern, module)| [module, &b".alias="[..], pattern, b"\0"].concat())
            .collect()
    }
}

/// Path, colon, and the paths of what is to be loaded before; nothing for what is built in.
fn line_of(meta: &Meta, position: u32) -> Result<Vec<u8>, FormatError> {
    let path = path_of(meta, position)?;
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let mut line = [path, b":"].concat();
    for on in meta.closure(position)? {
        if line.len() > LONGEST_LINE {
            return Err(FormatError::new(FormatKind::Limit, "a module depends on too much"));
        }
        let needed = path_of(meta, on)?;
        if !needed.is_empty() {
            line.push(b' ');
            line.extend_from_slice(needed);
        }
    }
    Ok(line)
}

/// The path of a module, if it is one that modules.dep can hold, and that of this module.
fn path_of(meta: &Meta, position: u32) -> Result<&[u8], FormatError> {
    let module = meta.module(position)?;
    let is_right = *name::from_path(module.path) == *name::normalize(module.name);
    if module.path.is_empty() || is_right && module.path.find_byteset(UNFIT_FOR_PATHS).is_none() {
        return Ok(module.path);
    }
    let (name, path) = (module.name.escape_ascii(), module.path.escape_ascii());
    Err(FormatError::malformed(format!("'{path}' cannot be the file of {name}")))
}

/// The strings of a module, each with its NUL.
fn strings_of(meta: &Meta, position: u32, aliases: &[Vec<u8>]) -> Result<Vec<u8>, FormatError> {
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

/// Patterns, as the tree has them, with the names of their modules.
fn patterns(meta: &Meta, aliases: Aliases) -> Result<Vec<Pair>, FormatError> {
    let mut found = Vec::new();
    meta.patterns(aliases, |pattern, at| found.push((pattern.to_vec(), at)))?;
    let names = (0..meta.len()).map(|at| meta.name(at)).collect::<Result<Vec<_>, _>>()?;
    let name = |at: u32| names.get(at as usize).map(|name| name.to_vec());
    let pairs = found.into_iter().map(|(pattern, at)| Some((pattern, name(at)?)));
    pairs.collect::<Option<_>>().ok_or_else(|| FormatError::malformed("it has no such module"))
}

fn aliases(kind: IndexKind) -> Option<Aliases> {
    match kind {
        IndexKind::Alias => Some(Aliases::Loadable),
        IndexKind::BuiltinAlias => Some(Aliases::Builtin),
        IndexKind::Dep | IndexKind::Symbol | IndexKind::Builtin => None,
    }
}
