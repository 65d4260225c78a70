//! Which modules and which file `kmod meta` is about.

use std::ffi::OsString;
use std::path::PathBuf;

use oxmod::context::{depmod_config, module_dir, running_release};
use oxmod::notice::Sink;
use oxmod::ops::depmod::DepmodConfig;
use oxmod::ops::meta_file::{MetaFile, path_in};

use crate::report::{Exit, Report};

/// The options that say so, as typed.
#[derive(Debug, Default, Clone)]
pub struct Source {
    basedir: Option<OsString>,
    version: Option<OsString>,
    dir: Option<PathBuf>,
    file: Option<PathBuf>,
    config: Vec<PathBuf>,
}

impl Source {
    /// Takes an option.
    pub fn take(&mut self, id: &str, value: OsString) {
        match id {
            "basedir" => self.basedir = Some(value),
            "set-version" => self.version = Some(value),
            "dir" => self.dir = Some(value.into()),
            "file" => self.file = Some(value.into()),
            "config" => self.config.push(value.into()),
            _ => {}
        }
    }

    /// With the version that an operand gives.
    pub fn of(&self, version: Option<&OsString>) -> Self {
        let version = version.or(self.version.as_ref()).cloned();
        Self { version, ..self.clone() }
    }

    /// The kernel's version; of a directory that is given by itself nobody knows it.
    pub fn release(&self, report: &Report) -> Result<OsString, Exit> {
        match &self.version {
            Some(version) => Ok(version.clone()),
            None if self.dir.is_some() => Ok(OsString::new()),
            None => running_release().map_err(|error| report.no_release(&error)),
        }
    }

    /// The module directory.
    pub fn dir(&self, report: &Report) -> Result<PathBuf, Exit> {
        if let Some(dir) = &self.dir {
            return Ok(dir.clone());
        }
        let release = self.release(report)?;
        module_dir(self.basedir.as_deref(), Some(&release))
            .map_err(|error| report.no_working_directory(&error))
    }

    /// Where a file that is made goes.
    pub fn target(&self, report: &Report) -> Result<PathBuf, Exit> {
        match &self.file {
            Some(file) => Ok(file.clone()),
            None => Ok(path_in(&self.dir(report)?)),
        }
    }

    /// The file: the one that is given, or that of the module directory.
    pub fn open(&self, report: &Report) -> Result<oxmod::error::Result<MetaFile>, Exit> {
        match &self.file {
            Some(file) => Ok(MetaFile::open(file)),
            None => self.dir(report).map(|dir| MetaFile::find(&dir)),
        }
    }

    /// depmod.d.
    pub fn depmod_config(&self, sink: &Sink) -> DepmodConfig {
        depmod_config(&self.config, sink)
    }
}
