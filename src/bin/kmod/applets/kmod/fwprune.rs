//! `kmod fwprune`: what Monogon's image builder needs of a kernel's modules, by the flags of its own tool.
//!
//! Writes a meta.pb of the modules and an fsspec of the modules, that meta.pb and the firmware that the modules ask for.
//! Beyond the original: modules and firmware may be compressed, files that are no modules are passed over, patterns and
//! links of directories are understood, and what is ambiguous is told.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bstr::{BString, ByteSlice};
use clap::Command;
use oxmod::error::Error;
use oxmod::formats::config::depmod::DepmodConfig;
use oxmod::formats::firmware::whence::Whence;
use oxmod::notice::{DepmodNotice, Notice, Sink};
use oxmod::ops::depmod;
use oxmod::ops::firmware::{self as op, Files, Image, Made, Policy, Search, Survey};
use oxmod::sys::{file, process, publish};

use super::firmware::request;
use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::report::{Exit, Level, Outcome, Report};

/// The mode of meta.pb in the image.
const META_MODE: u32 = 0o444;
/// Where modules are in the image.
const MODULES: &str = "/lib/modules";

/// The table of options.
pub fn command() -> Command {
    options::table("fwprune", "Make meta.pb and fsspec for Monogon's image builder", "kmod fwprune FLAGS")
        .args([
            value(None, "modinfo", "FILE", "The modules.builtin.modinfo of the kernel"),
            value(None, "modules", "DIR", "The modules, with whatever directories they are in"),
            value(None, "firmware-file-list", "FILE", "Firmware files, a path a line"),
            value(None, "firmware-whence", "FILE", "The WHENCE of the firmware, for its links"),
            value(None, "out-meta", "FILE", "Where meta.pb is to be written"),
            value(None, "out-fsspec", "FILE", "Where the fsspec is to be written, as prototext"),
            value(None, "ambiguous", "HOW", "Optional: error, warn or first [default: warn]"),
            flag(None, "strict", "Optional: fail if any firmware is missing"),
            value(None, "allow-missing", "FILE", "Optional: say nothing of what FILE names, a line each"),
            options::help(),
        ])
        .after_help(
            "A flag may begin with one dash or two; its value follows it, or a '='.\n\n\
             A firmware name stands for a listed path that ends in it. If several do, and none of them is just that below \
             the directory that all are in, the name is ambiguous: the shortest path is taken, of these the first.",
        )
}

/// Runs `kmod fwprune`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let respelt = go_flags(&invocation.command, &invocation.args);
    let mut flags = Flags::default();
    let mut argv = Options::over(invocation, &respelt);
    while let Some(option) = argv.next()? {
        flags.take(option.id, option.value.unwrap_or_default(), &report)?;
    }
    if let Some(surplus) = argv.operands().first() {
        return Err(report.surplus_operand(surplus));
    }
    Job::new(&flags, &report)?.run()
}

/// Arguments in the spelling of getopt: Go's flags may begin with a single dash, but are never put together.
pub fn go_flags(command: &Command, args: &[OsString]) -> Vec<OsString> {
    let mut out = Vec::with_capacity(args.len());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let bytes = arg.as_bytes();
        let name = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-")).unwrap_or_default();
        let (name, value) = name.split_once_str("=").map_or((name, false), |(name, _)| (name, true));
        let known = |arg: &&clap::Arg| arg.get_long().is_some_and(|long| long.as_bytes() == name);
        let known = command.get_arguments().find(known);
        // A letter alone is one of getopt's, a dash no flag at all.
        let is_long = known.is_some() || name.len() > 1;
        let dashes: &[u8] = if bytes.starts_with(b"--") || !is_long { b"" } else { b"-" };
        out.push(OsString::from_vec([dashes, bytes].concat()));
        if known.is_some_and(|known| known.get_action().takes_values()) && !value {
            out.extend(rest.next().cloned());
        }
    }
    out
}

/// The flags as typed.
#[derive(Debug, Default)]
struct Flags {
    values: Vec<(String, OsString)>,
    policy: Policy,
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
                self.policy = request::policy(&value, report)?;
            }
            _ => self.values.push((id.to_owned(), value)),
        }
        Ok(())
    }

    /// The last value of a flag that has to be there.
    fn required(&self, name: &str, report: &Report) -> Result<&Path, Exit> {
        let mut values = self.values.iter().rev().filter(|(id, value)| id == name && !value.is_empty());
        values.next().map(|(_, value)| Path::new(value)).ok_or_else(|| report.missing_flag(name))
    }
}

/// What is to be done, all flags being there.
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

    /// Everything is made before anything is written.
    fn run(&self) -> Outcome {
        self.builtin()?;
        let files = op::files(self.modules).map_err(|error| self.report.unreadable(&error))?;
        files.strays.iter().for_each(|stray| self.report.stray(stray));
        let mut image = self.firmware(&files)?;
        let meta = self.meta()?;
        for (_, path) in &files.modules {
            let place = op::module_place(self.modules, b"", path);
            image.add_module(place, path).map_err(|error| self.report.unreadable(&error))?;
        }
        let source = self.out_meta.as_os_str().as_bytes().into();
        image.add_file(format!("{MODULES}/{}", oxmod::formats::meta::FILE_NAME), source, META_MODE);
        let fsspec = image.fsspec().map_err(|error| self.report.unfit_image(&error))?;
        process::let_long_files_fail();
        let outputs = [(self.out_meta, meta.as_slice()), (self.out_fsspec, fsspec.as_slice())];
        publish::replace_all(&outputs).map_err(|error| self.report.unwritten(&error))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, Exit> {
        file::read(path).map_err(|error| self.report.unreadable(&error))
    }

    /// What is part of the kernel may ask before there is a file system to answer.
    fn builtin(&self) -> Outcome {
        let modinfo = self.read(self.modinfo)?;
        let needs = op::needs_of_builtin(&modinfo);
        let told = needs.map(|(firmware, module)| self.report.builtin_firmware(&module, &firmware));
        told.last().map_or(Ok(()), Err)
    }

    /// The firmware of all modules, and the links to it.
    fn firmware(&self, files: &Files) -> Result<Image, Exit> {
        let modules: Vec<(&BString, &PathBuf)> =
            files.modules.iter().map(|(name, path)| (name, path)).collect();
        let (needs, unread) = op::needs_of_files(self.modules, &modules);
        let mut outcome = Ok(());
        for error in &unread {
            outcome = Err(self.report.unreadable(error));
        }
        outcome?;
        let search = Search::listed(&self.read(self.list)?).map_err(|error| Error::new(self.list, error));
        let mut search = search.map_err(|error| self.report.unreadable(&error))?;
        let whence = Whence::parse(&self.read(self.whence)?);
        self.report.bad_whence_lines(self.whence, &whence.bad_lines);
        let mut ambiguities = search.add_links(&whence);
        let mut survey = Survey::new(&needs, &search);
        survey.allow(&request::allowed(&self.flags.allow, self.report)?);
        let level = if self.flags.strict { Level::Error } else { Level::Warning };
        survey.missing.iter().for_each(|missing| self.report.missing_firmware(level, missing));
        let Made { image, ambiguities: more, lost } = survey.image(&search);
        ambiguities.extend(more);
        self.report.ambiguities(&ambiguities, self.flags.policy)?;
        if self.flags.strict {
            self.report.lost_firmware(&lost)?;
        }
        if self.flags.strict && !survey.missing.is_empty() { Err(Exit::Failure) } else { Ok(image) }
    }

    /// The bytes of meta.pb. A module that is not wholly read would be wrong in it.
    fn meta(&self) -> Result<Vec<u8>, Exit> {
        let torn = Arc::new(AtomicBool::new(false));
        let (seen, report) = (Arc::clone(&torn), self.report.clone());
        let sink = Sink::new(move |notice| match notice {
            // Lists that others have no use for, and what has been passed over already.
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
        let config = depmod::Config {
            depmod: DepmodConfig::default(),
            builtin_modinfo: Some(self.modinfo.into()),
            ..depmod::Config::default()
        };
        let tree = depmod::Tree { dir, out: dir, release: b"", given: None };
        let meta = depmod::meta(&tree, &config, &sink);
        let meta = meta.map_err(|failure| self.report.no_output(dir, &failure))?;
        if torn.load(Ordering::Relaxed) { Err(Exit::Failure) } else { Ok(meta) }
    }
}
