//! The options that our own commands have in common: the table, and what is read of the command line.
//!
//! An option of this table means the same in each of them, and its letter means nothing else.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::Arg;
use oxmod::context::running_release;

use crate::cli::options::value;
use crate::cli::target::Target;
use crate::report::{Exit, Report};

/// Which modules our own commands work on, and with which configuration; see [`Target::take`].
pub fn target() -> [Arg; 4] {
    [
        value(Some('b'), "basedir", "ROOT", "Use ROOT as the base directory [default: /]"),
        value(
            Some('k'),
            "set-version",
            "RELEASE",
            "Use the modules of this kernel [default: the running kernel]",
        ),
        value(None, "dir", "DIR", "Use this module directory, regardless of ROOT and RELEASE"),
        value(Some('C'), "config", "PATH", "Read this file or directory instead of the default directories"),
    ]
}

/// -n of our own commands.
#[cfg(feature = "coldplug")]
pub fn dry_run() -> Arg {
    crate::cli::options::flag(Some('n'), "dry-run", "Change nothing; print what would be done")
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
