//! The messages of depmod.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use oxmod::errno::strerror;
use oxmod::error::Error;
use oxmod::ops::depmod::DepmodError;

use super::{Exit, Level, Report, io_text, verbatim, verbatim_path as path};

impl Report {
    /// Prints a message of the highest level, which ends depmod: it has no -q.
    fn end(&self, text: std::fmt::Arguments<'_>) -> Exit {
        self.say(Level::Fatal, text);
        Exit::Failure
    }

    /// An operand that is not a kernel version.
    pub fn bad_version(&self, version: &OsStr) -> Exit {
        self.refuse(format_args!("Bad version passed {}", verbatim(version.as_bytes())))
    }

    /// A failed uname(2).
    pub fn no_release(&self, error: &io::Error) -> Exit {
        self.end(format_args!("could not determine the running kernel's version: {}", io_text(error)))
    }

    /// A working directory that does not exist or cannot be reached.
    pub fn no_working_directory(&self, error: &io::Error) -> Exit {
        self.end(format_args!("could not determine the working directory: {}", io_text(error)))
    }

    /// `-P` with a value that is not one byte.
    pub fn bad_symbol_prefix(&self) -> Exit {
        self.end(format_args!("-P only takes a single char"))
    }

    /// `-e` without symbols to compare with.
    pub fn errsyms_without_symbols(&self) {
        self.warning(format_args!("-e needs -E or -F"));
    }

    /// Two options that exclude each other.
    pub fn two_tasks(&self, one: &str, other: &str) -> Exit {
        self.end(format_args!("{one} and {other} cannot be used together"))
    }

    /// `--errexit` without symbols to compare with.
    pub fn errexit_without_symbols(&self) -> Exit {
        self.end(format_args!("--errexit needs -E or -F"))
    }

    /// A System.map or Module.symvers that cannot be read.
    pub fn cannot_load(&self, error: &Error) -> Exit {
        self.end(format_args!("could not load {}: {}", path(&error.path), error.cause))
    }

    /// A module directory that cannot be listed.
    fn cannot_search(&self, error: &Error) -> Exit {
        self.error(format_args!("could not open directory {}: {}", path(&error.path), error.cause));
        self.end(format_args!("could not search modules: {}", error.cause))
    }

    /// A module file operand that is not an absolute path.
    pub fn not_absolute(&self, file: &Path) -> Exit {
        self.end(format_args!("{}: not absolute path.", path(file)))
    }

    /// A module file operand that does not exist.
    pub fn no_module(&self, error: &Error) -> Exit {
        self.end(format_args!("could not create module {}: {}", path(&error.path), error.cause))
    }

    /// Two module file operands of the same name.
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

    /// A run that wrote nothing; the previous files are still there.
    pub fn no_output(&self, failure: &DepmodError) -> Exit {
        match failure {
            DepmodError::Scan(error) => self.cannot_search(error),
            DepmodError::Read(error) => {
                self.end(format_args!("could not read {}: {}", path(&error.path), error.cause))
            }
            DepmodError::NoDirectory(error) => {
                self.end(format_args!("could not create directory {}: {}", path(&error.path), error.cause))
            }
            DepmodError::Write(error) => {
                self.refuse(format_args!("could not write {}: {}", path(&error.path), error.cause))
            }
            DepmodError::Cycles { cycles, modules } => {
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
            DepmodError::Build(error) => self.end(format_args!(
                "could not build the indexes of {}: {}",
                path(&error.path),
                error.cause
            )),
        }
    }
}
