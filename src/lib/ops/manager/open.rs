//! Opening a context for a manager: one without any modules is an error.

use std::path::Path;

use crate::context::{ConfigSource, Context, IndexKind};
use crate::error::{Error, Result};
use crate::formats::meta::Meta;
use crate::notice::Sink;
use crate::sys::{file, publish};

/// A context for a manager: the modules in `dir`, or those of a meta.pb there or in the directory above.
///
/// Errors: there is neither, or the meta.pb cannot be used.
pub fn open_dir(dir: &Path, source: &ConfigSource, sink: &Sink) -> Result<Context> {
    let context = Context::open(dir.to_path_buf(), source, sink);
    if context.meta_file().is_none() {
        file::exists(dir).map_err(Error::at(dir))?;
        // The first question opens it. Without it there is nothing to load, which would go unnoticed.
        if context.path_of(b"").is_none() && !context.has_index(IndexKind::Dep) {
            let absent = std::io::Error::from_raw_os_error(libc::ENOENT);
            return Err(Error::new(dir.join("modules.dep.bin"), absent));
        }
    }
    usable(context)
}

/// A context for a manager: the modules of this meta.pb, whose files are below `dir`.
///
/// Errors: there is no such file, or it cannot be used.
pub fn open_meta(file: &Path, dir: &Path, source: &ConfigSource, sink: &Sink) -> Result<Context> {
    usable(Context::open_meta(file, dir.to_path_buf(), source, sink))
}

/// An unusable meta.pb would answer that there is nothing at all.
fn usable(context: Context) -> Result<Context> {
    let unusable = context.meta_file().filter(|_| !context.has_index(IndexKind::Dep));
    match unusable.map(|path| publish::read(path, file::read).and_then(|bytes| parsed(path, bytes))) {
        Some(Err(error)) => Err(error),
        // It was replaced meanwhile, or is not at fault.
        Some(Ok(())) | None => Ok(context),
    }
}

fn parsed(path: &Path, bytes: Vec<u8>) -> Result<()> {
    Meta::open(Box::new(bytes)).map(drop).map_err(Error::at(path))
}
