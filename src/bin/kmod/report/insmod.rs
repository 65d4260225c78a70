//! The messages of insmod and rmmod.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use oxmod::errno::strerror;
use oxmod::error::Cause;
use oxmod::ops::insert::InsertError;

use super::{Exit, Report, io_text, verbatim, verbatim_path};

impl Report {
    /// insmod without an operand.
    pub fn missing_file_name(&self) -> Exit {
        self.refuse(format_args!("missing filename."))
    }

    /// `insmod -`.
    pub fn no_standard_input(&self) -> Exit {
        self.refuse(format_args!("this tool does not support loading from stdin!"))
    }

    /// A file that cannot be opened.
    pub fn cannot_load_file(&self, path: &Path, error: &io::Error) -> Exit {
        self.refuse(format_args!("could not load module {}: {}", verbatim_path(path), io_text(error)))
    }

    /// A file that cannot be read, or that the kernel refuses.
    pub fn cannot_insert_file(&self, path: &Path, error: &InsertError) -> Exit {
        let error = error.error();
        let text = match error.errno() {
            libc::ENOEXEC => "Invalid module format".to_owned(),
            libc::ENOENT => "Unknown symbol in module".to_owned(),
            libc::ESRCH => "Module has wrong symbol version".to_owned(),
            libc::EINVAL => "Invalid parameters".to_owned(),
            errno => strerror(errno),
        };
        let why = match &error.cause {
            Cause::Io(_) => text,
            Cause::Format(reason) => format!("{} ({reason})", strerror(error.errno())),
        };
        self.refuse(format_args!("could not insert module {}: {why}", verbatim_path(path)))
    }

    /// rmmod without an operand.
    pub fn missing_module_name(&self) -> Exit {
        self.refuse(format_args!("missing module name."))
    }

    /// A module that the kernel refuses to remove; kmod reports it twice, by its name and as it was typed.
    pub fn cannot_remove(&self, operand: &OsStr, module: &[u8], error: &io::Error) {
        let (name, operand) = (verbatim(module), verbatim(operand.as_encoded_bytes()));
        let why = io_text(error);
        self.error(format_args!("could not remove '{name}': {why}"));
        self.error(format_args!("could not remove module {operand}: {why}"));
    }

    /// rmmod of a built-in module.
    pub fn is_builtin(&self, module: &[u8]) {
        self.error(format_args!("Module {} is builtin.", verbatim(module)));
    }

    /// rmmod of a module that is not loaded.
    pub fn is_not_loaded(&self, module: &[u8]) {
        self.error(format_args!("Module {} is not currently loaded", verbatim(module)));
    }

    /// rmmod of an operand that leaves an empty module name, as one does that begins with a dot and is not a file.
    pub fn names_no_module(&self, operand: &OsStr) {
        let (operand, why) = (verbatim(operand.as_encoded_bytes()), strerror(libc::ENOENT));
        self.error(format_args!("could not use module {operand}: {why}"));
    }

    /// rmmod of a module in use, with the names of its holders separated by spaces, if they are known.
    pub fn is_in_use(&self, module: &[u8], holders: Option<&[u8]>) {
        let name = verbatim(module);
        match holders {
            Some(holders) => self.error(format_args!("Module {name} is in use by: {}", verbatim(holders))),
            None => self.error(format_args!("Module {name} is in use")),
        }
    }

    /// A kernel without support for module removal.
    pub fn no_unloading(&self) {
        self.error(format_args!("Module unloading is not supported"));
    }
}
