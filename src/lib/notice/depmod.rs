//! What depmod notices on its way.

use std::path::PathBuf;

use bstr::BString;

use crate::error::Error;

/// One event of a depmod run.
#[derive(Debug)]
#[non_exhaustive]
pub enum DepmodNotice {
    /// An `external` directory cannot be listed.
    DirectoryUnreadable(Error),
    /// An entry of the tree cannot be examined: a dangling link, a loop of links.
    EntryUnreadable(Error),
    /// Neither file nor directory.
    UnsupportedFileType {
        /// The entry.
        path: PathBuf,
        /// Its `st_mode`.
        mode: u32,
    },
    /// Modules have been read: so many bytes of their files, compressed as they are.
    Progress {
        /// Until now.
        done: u64,
        /// All that there is to read in this run.
        total: u64,
    },
    /// A module that cannot be read or makes no sense; it stays listed, without what is missing.
    ModuleUnreadable(Error),
    /// A list of the kernel's installation (modules.order, modules.builtin, modules.builtin.modinfo)
    /// cannot be read.
    ListUnreadable {
        /// Its file name.
        name: &'static str,
        /// Why; the path is that of the file.
        error: Error,
    },
    /// The module directory itself, where those lists should be, is out of reach.
    NoListDirectory(Error),
    /// modules.order may be cut short and is ignored.
    OrderCorrupt {
        /// The file.
        path: PathBuf,
        /// Its last line, counted from 1, which misses its newline.
        line: usize,
    },
    /// `-v`: a module depends on another because of a symbol.
    Dependency {
        /// The module that needs the symbol.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
        /// The module that has it.
        on: PathBuf,
    },
    /// `-e`: neither the kernel nor a module has this symbol.
    UnknownSymbol {
        /// The module that needs it.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
    },
    /// `-e`: the symbol exists in another version than the module was built for.
    VersionMismatch {
        /// The module that needs it.
        path: PathBuf,
        /// The symbol.
        symbol: BString,
    },
    /// An alias whose brackets do not pair up; it is left out of the index.
    UnmatchedBracket {
        /// The alias as the module has it.
        alias: BString,
    },
    /// A line of modules.builtin that names no module.
    BadBuiltinLine {
        /// The line with its newline.
        text: BString,
    },
    /// A module has a device name but no numbers for the node.
    DevnameWithoutNumbers {
        /// The module.
        module: BString,
        /// The node's name.
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
        /// File name of the index.
        file: &'static str,
        /// The key.
        key: BString,
        /// The value.
        value: BString,
        /// The first byte that cannot be held.
        byte: u8,
    },
    /// An alias that the tree of meta.pb cannot hold; it is left out there.
    NotInTree {
        /// The alias.
        alias: BString,
        /// The module.
        module: BString,
        /// What is in the way.
        why: String,
    },
    /// A module that meta.pb cannot hold; it is left out there.
    NotInMeta {
        /// Its file.
        path: BString,
        /// What is in the way.
        why: &'static str,
    },
    /// All is well, but modules.oxmod.bin could not be written: the next run will have to read everything.
    FactsUnwritten(Error),
    /// A line of System.map or Module.symvers that makes no sense and is skipped.
    BadSymbolLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The part in question.
        text: BString,
        /// Whether the file is a Module.symvers.
        symvers: bool,
    },
}
