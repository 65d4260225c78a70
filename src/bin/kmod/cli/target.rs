//! Which modules a command works on, and with which configuration: the values of the options that [`options::target`] and
//! [`options::meta`] describe, and of those of kmod's tools that mean the same.
//!
//! Must not know what a command does with them.
//!
//! [`options::target`]: crate::cli::options::target
//! [`options::meta`]: crate::cli::options::meta

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

use oxmod::context::{ConfigSource, Context, module_dir, running_release};
use oxmod::error::Error;
use oxmod::notice::Sink;

use crate::report::{Exit, Report};

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
    /// Takes an option of one of our own commands; `false` if it is not one of these.
    ///
    /// Errors: it is to name something, and does not.
    pub fn take(&mut self, id: &str, value: &OsStr, report: &Report) -> Result<bool, Exit> {
        if value.is_empty() && matches!(id, "set-version" | "dir" | "meta") {
            return Err(report.empty_value(id));
        }
        match id {
            "basedir" => self.basedir = Some(value.to_owned()),
            "set-version" => self.release = Some(value.to_owned()),
            "dir" => self.dir = Some(value.into()),
            "config" => self.config.push(value.into()),
            "meta" => self.meta = Some(value.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The base directory, if it is not the root of this system.
    pub fn root(&self) -> Option<&OsStr> {
        self.basedir.as_deref().filter(|root| !root.is_empty())
    }

    /// Whether it is this system with the kernel that is running.
    pub fn is_running_system(&self) -> bool {
        self.root().is_none() && self.release.is_none() && self.dir.is_none()
    }

    /// The kernel's release; empty for a module directory that is given by itself, of which nobody knows it.
    ///
    /// Errors: what uname answers.
    pub fn release(&self) -> io::Result<OsString> {
        match &self.release {
            Some(release) => Ok(release.clone()),
            None if self.dir.is_some() => Ok(OsString::new()),
            None => running_release(),
        }
    }

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::Level;

    fn target(options: &[(&str, &str)]) -> Result<Target, Exit> {
        let report = Report::new("t", Level::Fatal);
        let mut target = Target::default();
        for (id, value) in options {
            assert!(target.take(id, OsStr::new(value), &report)?, "{id}");
        }
        Ok(target)
    }

    #[test]
    fn the_module_directory_is_given_in_parts_or_by_itself() {
        for (options, dir, release, running) in [
            (&[("basedir", "/r"), ("set-version", "6.1")][..], "/r/lib/modules/6.1", "6.1", false),
            (&[("basedir", ""), ("set-version", "6.1")], "/lib/modules/6.1", "6.1", false),
            (&[("basedir", "/r"), ("dir", "/d")], "/d", "", false),
            (&[("dir", "d"), ("set-version", "6.1")], "d", "6.1", false),
        ] {
            let target = target(options).unwrap();
            assert_eq!(target.module_dir().unwrap(), Path::new(dir), "{options:?}");
            assert_eq!((target.release().unwrap(), target.is_running_system()), (release.into(), running));
        }
        assert!(target(&[("basedir", ""), ("meta", "x"), ("config", "")]).unwrap().is_running_system());
        for id in ["set-version", "dir", "meta"] {
            assert!(target(&[(id, "")]).is_err(), "{id}");
        }
        assert!(!Target::default().take("json", OsStr::new(""), &Report::new("t", Level::Fatal)).unwrap());
    }
}
