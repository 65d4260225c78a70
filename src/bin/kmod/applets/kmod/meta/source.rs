//! Which modules and which file `kmod meta` is about.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use oxmod::context::{depmod_config, module_dir};
use oxmod::formats::config::depmod::DepmodConfig;
use oxmod::formats::meta::FILE_NAME;
use oxmod::notice::Sink;
use oxmod::sys::{file, host, publish};

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
            None => host::release().map_err(|error| report.no_release(&error)),
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
            None => Ok(self.dir(report)?.join(FILE_NAME)),
        }
    }

    /// The same for a file that was found in the directory above: that is the one that its paths are below.
    pub fn of_file(&self, path: &Path, report: &Report) -> Result<Self, Exit> {
        if self.file.is_some() || path == self.target(report)? {
            return Ok(self.clone());
        }
        Ok(Self { dir: path.parent().map(Path::to_path_buf), version: None, ..self.clone() })
    }

    /// The file and its name: in the module directory, or in the one above.
    pub fn read(&self, report: &Report) -> Result<(PathBuf, Vec<u8>), Exit> {
        let path = self.target(report)?;
        let above = path.parent().and_then(Path::parent).map(|dir| dir.join(FILE_NAME));
        // One that was asked for by name may be a pipe; nobody waits for one that happens to be there.
        let opened = if self.file.is_some() { file::read } else { file::read_regular };
        let read = |path: PathBuf| match publish::read(&path, opened) {
            Ok(bytes) => Ok((path, bytes)),
            Err(error) => Err(error),
        };
        match (read(path), above) {
            (Err(error), Some(above)) if self.file.is_none() && error.errno() == libc::ENOENT => {
                // The first of the two is the one to be named.
                read(above).map_err(|_| report.unreadable(&error))
            }
            (read, _) => read.map_err(|error| report.unreadable(&error)),
        }
    }

    /// depmod.d.
    pub fn depmod_config(&self, sink: &Sink) -> DepmodConfig {
        depmod_config(&self.config, sink)
    }
}
