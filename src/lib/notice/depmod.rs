//! The notices of depmod, their levels and wording.

use std::path::{Path, PathBuf};

use bstr::BString;

use super::{Level, beginning};
use crate::errno::strerror;
use crate::error::{Cause, Error};
use crate::text::{message, verbatim as bytes, verbatim_path as path};

/// One event of a depmod run.
#[derive(Debug)]
#[non_exhaustive]
pub enum DepmodNotice {
    /// A malformed line of depmod.d; it is skipped.
    BadConfigLine {
        /// The file.
        path: PathBuf,
        /// The last physical line of the logical line, counted from 1.
        line: u32,
        /// The first word of the line.
        word: BString,
    },
    /// An `external` directory cannot be listed.
    DirectoryUnreadable(Error),
    /// An entry of the tree that cannot be examined, such as a dangling link or a loop of links.
    EntryUnreadable(Error),
    /// An entry of the tree that is neither a file nor a directory.
    UnsupportedFileType {
        /// The entry.
        path: PathBuf,
        /// Its `st_mode`.
        mode: u32,
    },
    /// The number of bytes of module files that have been read, in compressed form. Sent often, for progress bars.
    Progress {
        /// The bytes read so far.
        done: u64,
        /// The bytes to read in this run.
        total: u64,
    },
    /// A module that cannot be read or is damaged; it is listed without the missing information.
    ModuleUnreadable(Error),
    /// A list of the kernel's installation (modules.order, modules.builtin, modules.builtin.modinfo)
    /// cannot be read.
    ListUnreadable {
        /// Its file name.
        name: &'static str,
        /// The reason, with the path of the file.
        error: Error,
    },
    /// The module directory, which should contain those lists, cannot be opened.
    NoListDirectory(Error),
    /// modules.order may be truncated and is ignored.
    OrderCorrupt {
        /// The file.
        path: PathBuf,
        /// Its last line, counted from 1, which has no newline.
        line: usize,
    },
    /// `-v`: a module depends on another because of a symbol.
    Dependency {
        /// The module that needs the symbol.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
        /// The module that exports it.
        on: PathBuf,
    },
    /// `-e`: neither the kernel nor a module exports this symbol.
    UnknownSymbol {
        /// The module that needs it.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
    },
    /// `-e`: the symbol has another version than the module was built for.
    VersionMismatch {
        /// The module that needs it.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
    },
    /// An alias with an unmatched bracket; it is left out of the index.
    UnmatchedBracket {
        /// The alias as written in the module.
        alias: BString,
    },
    /// A line of modules.builtin that does not name a module.
    BadBuiltinLine {
        /// The line, with its newline.
        text: BString,
    },
    /// A module that has a `devname` alias but no device numbers for the node.
    DevnameWithoutNumbers {
        /// The module.
        module: BString,
        /// The name of the node.
        devname: BString,
    },
    /// `-w`: a module has the same alias twice.
    DuplicateAlias {
        /// The alias, normalised.
        key: BString,
        /// The module.
        value: BString,
    },
    /// A key or value that the format of the binary indexes cannot hold; it is left out of the index.
    NotIndexable {
        /// The file name of the index.
        file: &'static str,
        /// The key.
        key: BString,
        /// The value.
        value: BString,
        /// The first byte that cannot be held.
        byte: u8,
    },
    /// An alias that the tree of meta.pb cannot hold; it is left out of that file.
    NotInTree {
        /// The alias.
        alias: BString,
        /// The module.
        module: BString,
        /// The reason.
        why: String,
    },
    /// A module that meta.pb cannot hold; it is left out of that file.
    NotInMeta {
        /// Its file.
        path: BString,
        /// The reason.
        why: &'static str,
    },
    /// The cache cannot be written. The indexes have been written, but the next run must read every module.
    CacheUnwritten(Error),
    /// A System.map or Module.symvers without kernel symbols; it is not used.
    NoKernelSymbols {
        /// The file.
        path: PathBuf,
        /// Whether the file was given as a Module.symvers.
        symvers: bool,
    },
    /// A line of System.map or Module.symvers that is malformed; it is skipped.
    BadSymbolLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The malformed part.
        text: BString,
        /// Whether the file is a Module.symvers.
        symvers: bool,
    },
}

impl DepmodNotice {
    pub(super) fn level(&self) -> Level {
        match self {
            // Expected on a file system that is mounted read-only on purpose.
            Self::CacheUnwritten(error) if error.errno() == libc::EROFS => Level::Info,
            Self::BadConfigLine { .. }
            | Self::DirectoryUnreadable(_)
            | Self::EntryUnreadable(_)
            | Self::UnsupportedFileType { .. }
            | Self::ModuleUnreadable(_)
            | Self::OrderCorrupt { .. }
            | Self::BadBuiltinLine { .. }
            | Self::DevnameWithoutNumbers { .. }
            | Self::BadSymbolLine { .. } => Level::Error,
            Self::ListUnreadable { .. }
            | Self::NoListDirectory(_)
            | Self::UnknownSymbol { .. }
            | Self::VersionMismatch { .. }
            | Self::UnmatchedBracket { .. }
            | Self::DuplicateAlias { .. }
            | Self::NotIndexable { .. }
            | Self::NotInTree { .. }
            | Self::NotInMeta { .. }
            | Self::NoKernelSymbols { .. }
            | Self::CacheUnwritten(_) => Level::Warning,
            Self::Progress { .. } | Self::Dependency { .. } => Level::Info,
        }
    }

    pub(super) fn message(&self) -> BString {
        match self {
            Self::BadConfigLine { path: file, line, word } => {
                message!("{}:{line}: ignoring bad line starting with {}", path(file), beginning(word))
            }
            Self::DirectoryUnreadable(error) | Self::NoListDirectory(error) => {
                message!("could not open directory {}: {}", path(&error.path), error.cause)
            }
            Self::EntryUnreadable(error) => {
                message!("could not examine {}: {}", path(&error.path), error.cause)
            }
            Self::UnsupportedFileType { path: file, mode } => {
                message!("unsupported file type {}: {:o}", path(file), mode & libc::S_IFMT)
            }
            Self::Progress { done, total } => message!("read {done} of {total} bytes of modules"),
            Self::ModuleUnreadable(error) => module_unreadable(error),
            Self::ListUnreadable { name, error } => {
                let dir = error.path.parent().unwrap_or(&error.path);
                message!("could not open {name} at {}: {}", path(dir), error.cause)
            }
            Self::OrderCorrupt { path: file, line } => {
                message!("{}:{line} corrupted line misses '\\n'", path(file))
            }
            Self::Dependency { path: file, symbol, on } => {
                message!("{} needs \"{}\": {}", path(file), bytes(symbol), path(on))
            }
            Self::CacheUnwritten(error) => {
                message!("could not write {}: {}", path(&error.path), error.cause)
            }
            Self::UnknownSymbol { path: file, symbol } => {
                message!("{} needs unknown symbol {}", path(file), bytes(symbol))
            }
            Self::VersionMismatch { path: file, symbol } => {
                message!("{} disagrees about version of symbol {}", path(file), bytes(symbol))
            }
            Self::UnmatchedBracket { alias } => message!("Unmatched bracket in {}", bytes(alias)),
            Self::BadBuiltinLine { text } => message!("Invalid modules.builtin line: {}", bytes(text)),
            Self::DevnameWithoutNumbers { module, devname } => message!(
                "Module '{}' has devname ({}) but lacks major and minor information. Ignoring.",
                bytes(module),
                bytes(devname)
            ),
            Self::DuplicateAlias { key, value } => {
                message!("duplicate module alias:\n{} {}", bytes(key), bytes(value))
            }
            Self::NotIndexable { file, key, value, byte } => message!(
                "{file}: leaving out '{}' of {}: byte 0x{byte:x} is not 7-bit ASCII",
                bytes(key),
                bytes(value)
            ),
            Self::NotInTree { alias, module, why } => {
                message!("meta.pb: leaving out '{}' of {}: {why}", bytes(alias), bytes(module))
            }
            Self::NotInMeta { path, why } => message!("meta.pb: leaving out {}: {why}", bytes(path)),
            Self::NoKernelSymbols { path: file, symvers } => no_kernel_symbols(file, *symvers),
            Self::BadSymbolLine { path, line, text, symvers } => bad_symbol_line(path, *line, text, *symvers),
        }
    }
}

fn bad_symbol_line(file: &Path, line: usize, text: &[u8], symvers: bool) -> BString {
    let (file, text) = (path(file), bytes(text));
    if symvers {
        message!("{file}:{line} Invalid symbol version {text}")
    } else {
        message!("{file}:{line}: invalid line: {text}")
    }
}

fn no_kernel_symbols(file: &Path, symvers: bool) -> BString {
    let kind = if symvers { "Module.symvers" } else { "System.map" };
    message!("{} is not the {kind} of a kernel: symbols are not checked", path(file))
}

fn module_unreadable(error: &Error) -> BString {
    let (file, words) = (path(&error.path), strerror(error.errno()));
    match &error.cause {
        Cause::Io(_) => message!("failed to load symbols from {file}: {words}"),
        Cause::Format(reason) => message!("failed to load symbols from {file}: {words} ({reason})"),
    }
}
