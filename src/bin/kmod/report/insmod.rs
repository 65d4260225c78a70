//! What insmod and rmmod say.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use oxmod::errno::strerror;
use oxmod::error::Cause;
use oxmod::ops::insert::InsertError;

use super::{Exit, Report, io_text, verbatim, verbatim_path};

impl Report {
    /// insmod without a file.
    pub fn missing_file_name(&self) -> Exit {
        self.refuse(format_args!("missing filename."))
    }

    /// `insmod -`.
    pub fn no_standard_input(&self) -> Exit {
        self.refuse(format_args!("this tool does not support loading from stdin!"))
    }

    /// There is no such file.
    pub fn cannot_load_file(&self, path: &Path, error: &io::Error) -> Exit {
        self.refuse(format_args!("could not load module {}: {}", verbatim_path(path), io_text(error)))
    }

    /// The file could not be read, or the kernel refused it.
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

    /// rmmod without a module.
    pub fn missing_module_name(&self) -> Exit {
        self.refuse(format_args!("missing module name."))
    }

    /// rmmod, and the kernel keeps the module. kmod says it twice.
    pub fn cannot_remove(&self, module: &[u8], error: &io::Error) {
        let (name, why) = (verbatim(module), io_text(error));
        self.error(format_args!("could not remove '{name}': {why}"));
        self.error(format_args!("could not remove module {name}: {why}"));
    }

    /// rmmod of a part of the kernel.
    pub fn is_builtin(&self, module: &[u8]) {
        self.error(format_args!("Module {} is builtin.", verbatim(module)));
    }

    /// rmmod of a module that is not loaded.
    pub fn is_not_loaded(&self, module: &[u8]) {
        self.error(format_args!("Module {} is not currently loaded", verbatim(module)));
    }

    /// rmmod of what leaves nothing for a name: no path of a file, and begins with a dot.
    pub fn names_no_module(&self, operand: &OsStr) {
        let (operand, why) = (verbatim(operand.as_encoded_bytes()), strerror(libc::ENOENT));
        self.error(format_args!("could not use module {operand}: {why}"));
    }

    /// rmmod of a module that others use; these, separated by blanks, or nobody knows which.
    pub fn is_in_use(&self, module: &[u8], holders: Option<&[u8]>) {
        let name = verbatim(module);
        match holders {
            Some(holders) => self.error(format_args!("Module {name} is in use by: {}", verbatim(holders))),
            None => self.error(format_args!("Module {name} is in use")),
        }
    }

    /// The kernel keeps no use counts.
    pub fn no_unloading(&self) {
        self.error(format_args!("Module unloading is not supported"));
    }
}
