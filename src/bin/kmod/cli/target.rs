//! The modules and the configuration that a command line selects, of kmod's tools and of our own commands (see
//! [`own_options`](super::own_options)).
//!
//! This module must not know what a command does with them.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use oxmod::context::{ConfigSource, Context, module_dir};
use oxmod::error::Error;
use oxmod::notice::Sink;

/// The values of the options, unchanged.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Target {
    /// `--basedir`: the directory that contains lib/modules; if empty, the root directory of this system.
    pub basedir: Option<OsString>,
    /// `--set-version`: the kernel's release.
    pub release: Option<OsString>,
    /// `--dir`: the module directory.
    pub dir: Option<PathBuf>,
    /// `--config`: configuration files and directories, in order.
    pub config: Vec<PathBuf>,
    /// `--meta`: the meta.pb to use in place of the indexes.
    pub meta: Option<PathBuf>,
}

impl Target {
    /// Returns the module directory.
    ///
    /// Errors: the current directory or the kernel's release cannot be determined.
    pub fn module_dir(&self) -> io::Result<PathBuf> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => module_dir(self.basedir.as_deref(), self.release.as_deref()),
        }
    }

    /// Returns where the configuration of modprobe is read from.
    pub fn config_source(&self) -> ConfigSource {
        if self.config.is_empty() { ConfigSource::System } else { ConfigSource::Paths(self.config.clone()) }
    }

    /// Opens the module directory `dir`, or the meta.pb, with the configuration from `source`.
    ///
    /// Errors: the meta.pb cannot be used.
    pub fn open(&self, dir: PathBuf, source: &ConfigSource, sink: &Sink) -> Result<Context, Error> {
        match &self.meta {
            Some(file) => Context::open_meta(file, dir, source, sink),
            None => Ok(Context::open(dir, source, sink)),
        }
    }
}
