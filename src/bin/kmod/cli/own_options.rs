//! The options that our own commands share: their table, and the parsing of their values.
//!
//! Each option has the same meaning in all of these commands.

use std::ffi::{OsStr, OsString};
use std::io;

use clap::Arg;
use oxmod::context::running_release;

use crate::cli::options::value;
use crate::cli::target::Target;
use crate::report::{Exit, Report};

/// The options that select the modules and the configuration. Parse them with [`Target::take`].
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

/// -n.
#[cfg(feature = "coldplug")]
pub fn dry_run() -> Arg {
    crate::cli::options::flag(Some('n'), "dry-run", "Change nothing; print what would be done")
}

impl Target {
    /// Stores the value of an option. Returns `false` if it is another option.
    ///
    /// Errors: the value is empty where that is not allowed.
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

    /// Returns the base directory, unless it is the root directory of this system.
    pub fn root(&self) -> Option<&OsStr> {
        self.basedir.as_deref().filter(|root| !root.is_empty())
    }

    /// Whether the options select this system and the running kernel.
    pub fn is_running_system(&self) -> bool {
        self.root().is_none() && self.release.is_none() && self.dir.is_none()
    }

    /// Returns the kernel's release; an empty string if only `--dir` was used, since that does not tell the release.
    ///
    /// Errors: uname failed.
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
    fn options_select_the_module_directory() {
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
