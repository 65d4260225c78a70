//! `kmod fwprune`: writes the files that Monogon's image builder needs, with the flags of Monogon's own tool.
//!
//! They are a meta.pb of the modules, and an fsspec of the modules, that meta.pb and the firmware that the modules request.
//! Unlike the original, this tool supports compressed modules and firmware, skips files that are not modules, expands
//! patterns, follows links to directories, and reports ambiguities.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bstr::BString;
use clap::Command;
use oxmod::notice::{DepmodNotice, Notice, Sink};
use oxmod::ops::depmod;
use oxmod::ops::firmware::{
    self as op, AmbiguityPolicy, DirectoryFiles, FirmwareSearch, GatheredFiles, ImageTree, Survey,
};

use crate::cli::choice::policy;
use crate::cli::go_flags::go_flags;
use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("fwprune", "Write meta.pb and fsspec for Monogon's image builder", "kmod fwprune FLAGS")
        .args([
            value(None, "modinfo", "FILE", "The modules.builtin.modinfo of the kernel"),
            value(None, "modules", "DIR", "Directory tree with the modules"),
            value(None, "firmware-file-list", "FILE", "List of the firmware files, one path per line"),
            value(None, "firmware-whence", "FILE", "The WHENCE of the firmware, for its links"),
            value(None, "out-meta", "FILE", "Where to write meta.pb"),
            value(None, "out-fsspec", "FILE", "Where to write the fsspec, as prototext"),
            value(
                None,
                "ambiguous",
                "HOW",
                "What to do with ambiguous names: error, warn or first [default: warn] (optional)",
            ),
            flag(None, "strict", "Fail if firmware is missing (optional)"),
            value(
                None,
                "allow-missing",
                "FILE",
                "Do not report the missing names in FILE, a name or pattern per line (optional)",
            ),
            options::help(),
        ])
        .after_help(
            "A flag begins with one dash or two. Its value is the next argument, or follows an '='.\n\n\
             The file for a firmware name is the listed path that ends in the name. If several paths do, the one that is \
             just the name below the directory that all paths have in common is used. If there is none, the name is \
             ambiguous, and the first of the shortest paths is used.",
        )
}

/// Runs `kmod fwprune`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let arguments = go_flags(&invocation.command, &invocation.args);
    let mut flags = Flags::default();
    let mut argv = Options::over(invocation, &arguments);
    while let Some(option) = argv.next()? {
        flags.take(option.id, option.value.unwrap_or_default(), &report)?;
    }
    if let Some(surplus) = argv.operands().first() {
        return Err(report.surplus_operand(surplus));
    }
    Job::new(&flags, &report)?.run()
}

/// The flags of the command line.
#[derive(Debug, Default)]
struct Flags {
    values: Vec<(String, OsString)>,
    policy: AmbiguityPolicy,
    strict: bool,
    allow: Vec<PathBuf>,
}

impl Flags {
    fn take(&mut self, id: &str, value: OsString, report: &Report) -> Result<(), Exit> {
        match id {
            "strict" => self.strict = true,
            "allow-missing" if value.is_empty() => return Err(report.empty_value(id)),
            "allow-missing" => self.allow.push(value.into()),
            "ambiguous" => {
                self.policy = policy(&value, report)?;
            }
            _ => self.values.push((id.to_owned(), value)),
        }
        Ok(())
    }

    /// Returns the last value of a required flag.
    fn required(&self, name: &str, report: &Report) -> Result<&Path, Exit> {
        let mut values = self.values.iter().rev().filter(|(id, value)| id == name && !value.is_empty());
        values.next().map(|(_, value)| Path::new(value)).ok_or_else(|| report.missing_flag(name))
    }
}

/// A run, after all required flags were found.
struct Job<'a> {
    flags: &'a Flags,
    report: &'a Report,
    modinfo: &'a Path,
    modules: &'a Path,
    list: &'a Path,
    whence: &'a Path,
    out_meta: &'a Path,
    out_fsspec: &'a Path,
}

impl<'a> Job<'a> {
    fn new(flags: &'a Flags, report: &'a Report) -> Result<Self, Exit> {
        let required = |name| flags.required(name, report);
        Ok(Self {
            flags,
            report,
            modinfo: required("modinfo")?,
            modules: required("modules")?,
            list: required("firmware-file-list")?,
            whence: required("firmware-whence")?,
            out_meta: required("out-meta")?,
            out_fsspec: required("out-fsspec")?,
        })
    }

    /// Builds all files, then writes them.
    fn run(&self) -> Outcome {
        self.builtin()?;
        let files = op::files(self.modules).map_err(|error| self.report.unreadable(&error))?;
        files.others.iter().for_each(|path| self.report.not_a_module(path));
        let mut image = self.firmware(&files)?;
        let meta = self.meta()?;
        for (_, path) in &files.modules {
            let place = op::module_place(self.modules, b"", path);
            image.add_module(place, path).map_err(|error| self.report.unreadable(&error))?;
        }
        image.add_meta(self.out_meta);
        let fsspec = image.fsspec().map_err(|error| self.report.unfit_image(&error))?;
        let outputs = [(self.out_meta, meta.as_slice()), (self.out_fsspec, fsspec.as_slice())];
        op::write_all(&outputs).map_err(|error| self.report.unwritten(&error))
    }

    /// Reports built-in modules that request firmware: they may do so before any file system is mounted.
    fn builtin(&self) -> Outcome {
        let needs = op::needs_of_builtin_in(self.modinfo);
        let needs = needs.map_err(|error| self.report.unreadable(&error))?;
        for (firmware, module) in &needs {
            self.report.builtin_firmware(module, firmware);
        }
        if needs.is_empty() { Ok(()) } else { Err(Exit::Failure) }
    }

    /// Returns an image of the firmware of all modules, and of the links to it.
    fn firmware(&self, files: &DirectoryFiles) -> Result<ImageTree, Exit> {
        let modules: Vec<(&BString, &PathBuf)> =
            files.modules.iter().map(|(name, path)| (name, path)).collect();
        let (needs, unread) = op::needs_of_files(self.modules, &modules);
        self.report.unreadable_inputs(&unread)?;
        let unreadable = |error| self.report.unreadable(&error);
        let mut search = FirmwareSearch::listed_in(self.list).map_err(unreadable)?;
        let whence = op::read_whence(self.whence).map_err(unreadable)?;
        self.report.bad_whence_lines(self.whence, &whence.bad_lines);
        let mut ambiguities = search.add_links(&whence);
        let mut survey = Survey::new(&needs, &search);
        survey.allow(&op::names_in_all(&self.flags.allow).map_err(unreadable)?);
        let level = if self.flags.strict { Level::Error } else { Level::Warning };
        survey.missing.iter().for_each(|missing| self.report.missing_firmware(level, missing));
        let GatheredFiles { image, ambiguities: more, lost } = survey.image(&search);
        ambiguities.extend(more);
        self.report.ambiguities(&ambiguities, self.flags.policy)?;
        if self.flags.strict {
            self.report.lost_firmware(&lost)?;
        }
        if self.flags.strict && !survey.missing.is_empty() { Err(Exit::Failure) } else { Ok(image) }
    }

    /// Builds meta.pb. It is an error if a module cannot be read completely, because its entry would be wrong.
    fn meta(&self) -> Result<Vec<u8>, Exit> {
        let incomplete = Arc::new(AtomicBool::new(false));
        let (seen, report) = (Arc::clone(&incomplete), self.report.clone());
        let sink = Sink::new(move |notice| match notice {
            // Lists that meta.pb does not need, and files that have been reported already.
            Notice::Depmod(
                DepmodNotice::ListUnreadable { .. }
                | DepmodNotice::Progress { .. }
                | DepmodNotice::EntryUnreadable(_)
                | DepmodNotice::UnsupportedFileType { .. },
            ) => {}
            Notice::Depmod(DepmodNotice::ModuleUnreadable(error)) => {
                seen.store(true, Ordering::Relaxed);
                report.unreadable(error);
            }
            notice => report.library(notice),
        });
        let dir = self.modules;
        let options = depmod::DepmodOptions::new().builtin_modinfo(Some(self.modinfo.into()));
        let tree = depmod::ModuleTree { dir, out: dir, release: b"", given: None };
        let meta = depmod::meta(&tree, &options, &sink);
        let meta = meta.map_err(|failure| self.report.no_output(&failure))?;
        if incomplete.load(Ordering::Relaxed) { Err(Exit::Failure) } else { Ok(meta) }
    }
}
