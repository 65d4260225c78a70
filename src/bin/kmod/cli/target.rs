//! Which modules a command works on, and with which configuration: the values of the options that say so, those of kmod's
//! tools as well as those of our own commands (see [`own_options`](super::own_options)).
//!
//! Must not know what a command does with them.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use oxmod::context::{ConfigSource, Context, module_dir};
use oxmod::error::Error;
use oxmod::notice::Sink;

/// The options as typed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Target {
    /// `--basedir`: the directory below which lib/modules is; an empty one is the root of this system.
    pub basedir: Option<OsString>,
    /// `--set-version`: the kernel's release.
    pub release: Option<OsString>,
    /// `--dir`: the module directory itself.
    pub dir: Option<PathBuf>,
    /// `--config`, in order.
    pub config: Vec<PathBuf>,
    /// `--meta`: the meta.pb that answers in place of the indexes.
    pub meta: Option<PathBuf>,
}

impl Target {
    /// The module directory.
    ///
    /// Errors: the current directory or the kernel's release cannot be determined.
    pub fn module_dir(&self) -> io::Result<PathBuf> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => module_dir(self.basedir.as_deref(), self.release.as_deref()),
        }
    }

    /// Which modprobe.d counts.
    pub fn config_source(&self) -> ConfigSource {
        if self.config.is_empty() { ConfigSource::System } else { ConfigSource::Paths(self.config.clone()) }
    }

    /// Opens the module directory `dir`, or the meta.pb, with this configuration.
    ///
    /// Errors: the meta.pb cannot be used.
    pub fn open(&self, dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Result<Context, Error> {
        match &self.meta {
            Some(file) => Context::open_meta(file, dir, source, sink),
            None => Ok(Context::open(dir, source, sink)),
        }
    }
}
