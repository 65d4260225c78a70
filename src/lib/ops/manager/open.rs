//! Opening what a manager works with: modules without which there would be nothing to be loaded are an error.

use std::path::Path;
use std::sync::Arc;

use super::error::Error;
use crate::context::{ConfigSource, Context, IndexKind};
use crate::formats::meta::Meta;
use crate::notice::Sink;
use crate::sys::{file, publish};

/// A context for a manager: the modules in `dir`, or those of a meta.pb there or in the directory above.
///
/// Errors: there is neither, or the meta.pb cannot be used.
pub fn open_dir<'c>(dir: &Path, source: &ConfigSource, sink: Sink<'c>) -> Result<Context<'c>, Error> {
    let context = Context::open(dir.to_path_buf(), source, sink);
    if context.meta_file().is_none() {
        file::exists(dir).map_err(|error| Error::directory(dir, &error))?;
        // The first question opens it. Without it there is nothing to be loaded, which nobody would notice.
        if context.path_of(b"").is_none() && !context.has_index(IndexKind::Dep) {
            let absent = std::io::Error::from_raw_os_error(libc::ENOENT);
            return Err(Error::directory(&dir.join("modules.dep.bin"), &absent));
        }
    }
    usable(context)
}

/// A context for a manager: the modules of this meta.pb, whose files are below `dir`.
///
/// Errors: there is no such file, or it cannot be used.
pub fn open_meta<'c>(
    file: &Path,
    dir: &Path,
    source: &ConfigSource,
    sink: Sink<'c>,
) -> Result<Context<'c>, Error> {
    usable(Context::open_meta(file, dir.to_path_buf(), source, sink))
}

/// A meta.pb that is of no use would answer that there is nothing at all.
fn usable(context: Context<'_>) -> Result<Context<'_>, Error> {
    let unusable = context.meta_file().filter(|_| !context.has_index(IndexKind::Dep));
    match unusable.map(|path| publish::read(path, file::read).and_then(|bytes| parsed(path, bytes))) {
        Some(Err(error)) => Err(Error::Meta { error: Arc::new(error) }),
        // It was replaced meanwhile, or is not at fault.
        Some(Ok(())) | None => Ok(context),
    }
}

fn parsed(path: &Path, bytes: Vec<u8>) -> crate::error::Result<()> {
    Meta::open(Box::new(bytes)).map(drop).map_err(crate::error::Error::at(path))
}
