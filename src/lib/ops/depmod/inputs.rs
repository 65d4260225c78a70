//! The inputs of depmod besides the module directory: module files given by the user, and the kernel's symbols. Also the
//! check whether depmod has written to a directory before.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::scan::{FoundModule, module_file};
use super::{CACHE_NAME, notify};
use crate::context::names_module;
use crate::error::{Error, Result};
use crate::formats::symvers::{BadLine, KernelSymbols};
use crate::notice::{DepmodNotice, Sink};
use crate::sys::file;

/// The reason why the module files given by the user are rejected.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// The path is relative.
    #[error("{}: not an absolute path", .0.display())]
    Relative(PathBuf),
    /// Two files have the same module name, or the same file is given twice.
    #[error("module {name} is given twice: {} and {}", first.display(), second.display())]
    Twice {
        /// The module.
        name: BString,
        /// The file that was given first.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// The file does not exist, or no module name can be derived from its path.
    #[error(transparent)]
    Absent(Error),
}

/// Returns the modules in these files.
///
/// Errors: those of [`GivenError`], in the order of the files.
pub fn given_modules(
    paths: impl IntoIterator<Item = PathBuf>,
) -> std::result::Result<Vec<FoundModule>, GivenError> {
    let mut files: Vec<FoundModule> = Vec::new();
    for path in paths {
        if !path.as_os_str().as_bytes().starts_with(b"/") {
            return Err(GivenError::Relative(path));
        }
        let module = module_file(&path);
        if let Some(first) = files.iter().find(|file| file.name == module.name) {
            return Err(GivenError::Twice { name: module.name, first: first.path.clone(), second: path });
        }
        names_module(&path).map_err(|error| GivenError::Absent(Error::new(&path, error)))?;
        files.push(module);
    }
    Ok(files)
}

/// A file that lists the kernel's own symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolFile {
    /// `-E`: Module.symvers, which has versions.
    Symvers(PathBuf),
    /// `-F`: System.map.
    SystemMap(PathBuf),
}

impl SymbolFile {
    /// Reads the symbols. `prefix` is a character that precedes every symbol on this architecture. Malformed lines are
    /// reported to `sink`. `None` for a file that lists no kernel symbols: that is reported, and nothing can be
    /// checked against it.
    ///
    /// Errors: the file cannot be read.
    pub fn read(&self, prefix: Option<u8>, sink: &Sink) -> Result<Option<KernelSymbols>> {
        let (path, symvers) = match self {
            Self::Symvers(path) => (path, true),
            Self::SystemMap(path) => (path, false),
        };
        let text = file::read(path)?;
        let mut bad = Vec::new();
        let read = if symvers { KernelSymbols::from_symvers } else { KernelSymbols::from_system_map };
        let symbols = read(&text, prefix, |line| bad.push(line));
        if symbols.is_empty() {
            notify(sink, DepmodNotice::NoKernelSymbols { path: path.clone(), symvers });
            return Ok(None);
        }
        for BadLine { line, text } in bad {
            notify(sink, DepmodNotice::BadSymbolLine { path: path.clone(), line, text, symvers });
        }
        Ok(Some(symbols))
    }
}

/// Whether depmod has written to a module directory before.
pub fn has_output(dir: &Path) -> bool {
    ["modules.dep", CACHE_NAME].iter().any(|name| file::exists(&dir.join(name)).is_ok())
}
