//! What depmod says.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oxmod::error::{Cause, Error};
use oxmod::notice::DepmodNotice;
use oxmod::ops::depmod::Failure;
use oxmod::sys::errno::strerror;

use super::{Exit, Level, Report, verbatim, why};

/// A path as it is.
fn path(path: &Path) -> super::Verbatim<'_> {
    verbatim(path.as_os_str().as_bytes())
}

impl Report {
    /// A message of the highest level, which ends depmod: it has no -q.
    fn end(&self, text: std::fmt::Arguments<'_>) -> Exit {
        self.fatal(text).err().unwrap_or(Exit::Failure)
    }

    /// An operand that is no kernel version.
    pub fn bad_version(&self, version: &OsStr) -> Exit {
        self.refuse(format_args!("Bad version passed {}", verbatim(version.as_bytes())))
    }

    /// uname failed.
    pub fn no_release(&self, error: &io::Error) -> Exit {
        self.end(format_args!("could not tell the running kernel's version: {}", io_why(error)))
    }

    /// The working directory is gone or out of reach.
    pub fn no_working_directory(&self, error: &io::Error) -> Exit {
        self.end(format_args!("could not tell the working directory: {}", io_why(error)))
    }

    /// `-P` with anything but one byte.
    pub fn bad_symbol_prefix(&self) -> Exit {
        self.end(format_args!("-P only takes a single char"))
    }

    /// `-e` has nothing to compare with.
    pub fn errsyms_without_symbols(&self) {
        self.warning(format_args!("-e needs -E or -F"));
    }

    /// Two options each of which says what is to become of the files.
    pub fn two_tasks(&self, one: &str, other: &str) -> Exit {
        self.end(format_args!("{one} and {other} cannot be used together"))
    }

    /// `--errexit` promises a check that cannot be made.
    pub fn errexit_without_symbols(&self) -> Exit {
        self.end(format_args!("--errexit needs -E or -F"))
    }

    /// System.map or Module.symvers cannot be read.
    pub fn cannot_load(&self, error: &Error) -> Exit {
        self.end(format_args!("could not load {}: {}", path(&error.path), why(error)))
    }

    /// The module directory cannot be listed.
    fn cannot_search(&self, error: &Error) -> Exit {
        self.error(format_args!("could not open directory {}: {}", path(&error.path), why(error)));
        self.end(format_args!("could not search modules: {}", why(error)))
    }

    /// A module file operand that is not absolute.
    pub fn not_absolute(&self, file: &Path) -> Exit {
        self.end(format_args!("{}: not absolute path.", path(file)))
    }

    /// A module file operand that does not exist.
    pub fn no_module(&self, file: &Path, error: &io::Error) -> Exit {
        self.end(format_args!("could not create module {}: {}", path(file), io_why(error)))
    }

    /// Two module file operands of one name, or the same one twice.
    pub fn module_given_twice(&self, name: &[u8], new: &Path, old: &Path) -> Exit {
        if new == old {
            self.error(format_args!("hash_add_unique {}: {}", verbatim(name), strerror(libc::EEXIST)));
            return self.end(format_args!("could not add module {}: {}", path(new), strerror(libc::EEXIST)));
        }
        self.error(format_args!(
            "kmod_module '{}' already exists with different path: new-path='{}' old-path='{}'",
            verbatim(name),
            path(new),
            path(old)
        ));
        self.end(format_args!("could not create module {}: {}", path(new), strerror(libc::EEXIST)))
    }

    /// There is no output; what was there before still is.
    pub fn no_output(&self, out: &Path, failure: &Failure) -> Exit {
        match failure {
            Failure::Unsearched(error) => self.cannot_search(error),
            Failure::Unread(error) => {
                self.end(format_args!("could not read {}: {}", path(&error.path), why(error)))
            }
            Failure::Unwritten(error) => self.cannot_publish(out, error),
            Failure::Cycles { cycles, modules } => {
                for cycle in cycles {
                    let mut chain = bstr::join(" -> ", cycle);
                    if let Some(first) = cycle.first() {
                        chain.extend_from_slice(b" -> ");
                        chain.extend_from_slice(first);
                    }
                    self.error(format_args!("Cycle detected: {}", verbatim(&chain)));
                }
                self.refuse(format_args!("Found {modules} modules in dependency cycles!"))
            }
            Failure::Unmade(error) => {
                self.end(format_args!("could not make the indexes of {}: {}", path(&error.path), why(error)))
            }
        }
    }

    /// The output could not be written; what was there before still is.
    fn cannot_publish(&self, dir: &Path, error: &Error) -> Exit {
        if error.path == dir {
            return self.end(format_args!("could not create directory {}: {}", path(dir), why(error)));
        }
        self.refuse(format_args!("could not write {}: {}", path(&error.path), why(error)))
    }

    /// A line of depmod.d that makes no sense.
    pub fn bad_depmod_line(&self, file: &Path, line: u32, word: &[u8]) {
        self.error(format_args!(
            "{}:{line}: ignoring bad line starting with '{}'",
            path(file),
            verbatim(word)
        ));
    }

    pub(super) fn depmod(&self, notice: &DepmodNotice) {
        match notice {
            DepmodNotice::DirectoryUnreadable(error) => {
                self.error(format_args!("could not open directory {}: {}", path(&error.path), why(error)));
            }
            DepmodNotice::EntryUnreadable(error) => {
                self.error(format_args!("could not examine {}: {}", path(&error.path), why(error)));
            }
            DepmodNotice::UnsupportedFileType { path: file, mode } => {
                self.error(format_args!("unsupported file type {}: {:o}", path(file), mode & libc::S_IFMT));
            }
            DepmodNotice::ModuleUnreadable(error) => self.module_unreadable(error),
            // For the bar alone.
            DepmodNotice::Progress { .. } => {}
            DepmodNotice::ListUnreadable { name, error } => {
                let dir = error.path.parent().unwrap_or(&error.path);
                self.warning(format_args!("could not open {name} at {}: {}", path(dir), why(error)));
            }
            DepmodNotice::NoListDirectory(error) => {
                self.warning(format_args!("could not open directory {}: {}", path(&error.path), why(error)));
            }
            DepmodNotice::OrderCorrupt { path: file, line } => {
                self.error(format_args!("{}:{line} corrupted line misses '\\n'", path(file)));
            }
            DepmodNotice::FactsUnwritten(error) => {
                // On a file system that is meant to stay as it is, nobody expects it.
                let expected = error.errno() == libc::EROFS;
                let level = if expected { Level::Info } else { Level::Warning };
                self.say(level, format_args!("could not write {}: {}", path(&error.path), why(error)));
            }
            other => self.depmod_contents(other),
        }
    }

    fn module_unreadable(&self, error: &Error) {
        let errno = strerror(error.errno());
        match &error.cause {
            Cause::Io(_) => {
                self.error(format_args!("failed to load symbols from {}: {errno}", path(&error.path)));
            }
            Cause::Format(format) => {
                self.error(format_args!(
                    "failed to load symbols from {}: {errno} ({format})",
                    path(&error.path)
                ));
            }
        }
    }

    /// What is odd inside the files.
    fn depmod_contents(&self, notice: &DepmodNotice) {
        match notice {
            DepmodNotice::UnknownSymbol { path: file, symbol } => {
                self.warning(format_args!("{} needs unknown symbol {}", path(file), verbatim(symbol)));
            }
            DepmodNotice::VersionMismatch { path: file, symbol } => self.warning(format_args!(
                "{} disagrees about version of symbol {}",
                path(file),
                verbatim(symbol)
            )),
            DepmodNotice::UnmatchedBracket { alias } => {
                self.warning(format_args!("Unmatched bracket in {}", verbatim(alias)));
            }
            DepmodNotice::BadBuiltinLine { text } => {
                self.error(format_args!("Invalid modules.builtin line: {}", verbatim(text)));
            }
            DepmodNotice::DevnameWithoutNumbers { module, devname } => self.error(format_args!(
                "Module '{}' has devname ({}) but lacks major and minor information. Ignoring.",
                verbatim(module),
                verbatim(devname)
            )),
            DepmodNotice::DuplicateAlias { key, value } => {
                self.warning(format_args!("duplicate module alias:\n{} {}", verbatim(key), verbatim(value)));
            }
            DepmodNotice::NotIndexable { file, key, value, byte } => self.warning(format_args!(
                "{file}: leaving out '{}' of {}: byte 0x{byte:x} is not 7-bit ASCII",
                verbatim(key),
                verbatim(value)
            )),
            DepmodNotice::NotInTree { alias, module, why } => self.warning(format_args!(
                "meta.pb: leaving out '{}' of {}: {why}",
                verbatim(alias),
                verbatim(module)
            )),
            DepmodNotice::NotInMeta { path, why } => {
                self.warning(format_args!("meta.pb: leaving out {}: {why}", verbatim(path)));
            }
            DepmodNotice::BadSymbolLine { path: file, line, text, symvers: true } => {
                self.error(format_args!("{}:{line} Invalid symbol version {}", path(file), verbatim(text)));
            }
            DepmodNotice::BadSymbolLine { path: file, line, text, symvers: false } => {
                self.error(format_args!("{}:{line}: invalid line: {}", path(file), verbatim(text)));
            }
            other => self.error(format_args!("{other:?}")),
        }
    }
}

fn io_why(error: &io::Error) -> String {
    strerror(error.raw_os_error().unwrap_or(libc::EIO))
}
