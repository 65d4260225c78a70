//! The lists that are installed with a kernel: modules.order, modules.builtin and modules.builtin.modinfo.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Cause, Error};
use crate::formats::cache::{Digest, InputRole};
use crate::notice::DepmodNotice;
use crate::sys::file;

/// Index of modules.order.
pub(super) const ORDER: usize = 0;
/// Index of modules.builtin.
pub(super) const BUILTIN: usize = 1;
/// Index of modules.builtin.modinfo.
pub(super) const BUILTIN_MODINFO: usize = 2;

const NAMES: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// The contents of the lists.
pub(super) struct Lists {
    dir: PathBuf,
    texts: [Result<Vec<u8>, Error>; 3],
}

impl Lists {
    /// Reads all lists; an error is returned when the list is used. `builtin_modinfo` replaces
    /// modules.builtin.modinfo.
    pub(super) fn read(dir: &Path, builtin_modinfo: Option<&Path>) -> Self {
        let mut texts = NAMES.map(|name| file::read(&dir.join(name)));
        if let Some(path) = builtin_modinfo {
            texts[BUILTIN_MODINFO] = file::read(path);
        }
        Self { dir: dir.into(), texts }
    }

    /// Returns one of the lists, or why it could not be read.
    pub(super) fn text(&self, list: usize) -> Result<&[u8], DepmodNotice> {
        self.texts[list].as_deref().map_err(|error| match file::exists(&self.dir) {
            Ok(()) => DepmodNotice::ListUnreadable { name: NAMES[list], error: copy(error) },
            Err(error) => DepmodNotice::NoListDirectory(Error::new(&self.dir, error)),
        })
    }

    /// Returns the names and digests of the lists that the output depends on besides the modules. modules.order is not
    /// included, because it only determines the order of the modules.
    pub(super) fn inputs(&self) -> [(InputRole, String, Option<Digest>); 2] {
        [BUILTIN, BUILTIN_MODINFO].map(|list| {
            let digest = self.texts[list].as_deref().ok().map(Digest::of);
            (InputRole::Input, NAMES[list].to_owned(), digest)
        })
    }
}

/// Copies an error. I/O errors cannot be cloned, but their errno is sufficient.
fn copy(error: &Error) -> Error {
    match &error.cause {
        Cause::Io(_) => Error::new(&error.path, io::Error::from_raw_os_error(error.errno())),
        Cause::Format(format) => Error::new(&error.path, format.clone()),
    }
}
