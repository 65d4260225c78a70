//! `kmod firmware`: the firmware that modules request, the files that exist, the names that are missing, and an image of
//! just these files.
//!
//! This module owns the tasks and their results. [`text`] and [`json`] print them.

mod json;
mod request;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;

use bstr::BString;
use clap::Command;
use oxmod::context::Context;
use oxmod::ops::firmware::{
    self as op, FirmwareSearch, GatheredFiles, ImageTree, NeededPath, PresentFirmware, SelectedModules,
    Selection, Sizes, Survey, Unavailable, Whence,
};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, help_text};
use crate::cli::own_options;
use crate::output::stdout::Out;
use crate::report::{self, Exit, Level, Outcome, Report};

use request::{Form, Request, Task};

/// The table of options.
pub fn command() -> Command {
    let usage = "kmod firmware list [OPTIONS] [MODULE...]\n       kmod firmware prune [OPTIONS] [MODULE...]\n       \
                 kmod firmware missing [OPTIONS] [MODULE...]\n       kmod firmware owners [OPTIONS] [FILE...]";
    options::table("firmware", "Find the firmware that modules request", usage)
        .args(request::selection())
        .args(request::places())
        .args(request::output_options())
        .args(own_options::target())
        .arg(options::meta())
        .args(options::syslog_and_verbose())
        .arg(options::help())
        .after_help(request::EXPLANATION)
}

/// Runs `kmod firmware`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let Some(request) = Request::parse(invocation, &report)? else {
        report::missing_or_invalid_command();
        let mut out = Out::open();
        out.bytes(help_text(&invocation.command).as_bytes())?;
        out.finish()?;
        return Err(Exit::Failure);
    };
    if request.form == Form::Json {
        return json::write(&report, |list| {
            let (answer, outcome) = perform(&request, &report)?;
            json::fill(list, &answer)?;
            outcome
        });
    }
    let (answer, outcome) = perform(&request, &report)?;
    let mut out = Out::open();
    let printed = text::print(&request, &answer, &mut out, &report);
    out.conclude(outcome.and(printed))
}

/// The result of a task.
pub enum Answer {
    /// The names for which there are files.
    List(Vec<Listed>),
    /// The image, and the sizes of all files.
    Prune(Pruned),
    /// The names for which there are no files.
    Missing(Vec<Absent>),
    /// Files with the modules that request them.
    Owners(Vec<Owner>),
}

/// A name for which there are files.
pub struct Listed {
    /// The name, as modules request it.
    pub name: BString,
    /// The modules that request it.
    pub modules: Vec<BString>,
    /// Links and files.
    pub places: Vec<NeededPath>,
}

/// An image.
pub struct Pruned {
    /// The files and links.
    pub image: ImageTree,
    /// The sizes of all files from which they were selected.
    pub all: Sizes,
}

/// A name for which there is no file.
pub struct Absent {
    /// The name, as modules request it.
    pub name: BString,
    /// The modules that request it.
    pub modules: Vec<BString>,
    /// Whether the machine has a device for one of the modules; `None` if the devices cannot be listed.
    pub device: Option<bool>,
}

/// A file with the modules that request it.
pub struct Owner {
    /// The path of the file.
    pub path: BString,
    /// The modules.
    pub modules: Vec<BString>,
    /// The drivers that WHENCE lists for it; `None` without a WHENCE.
    pub drivers: Option<Vec<BString>>,
}

/// The data that all tasks use.
struct Data<'a> {
    request: &'a Request,
    report: &'a Report,
    context: &'a Context,
    search: FirmwareSearch,
    whence: Option<Whence>,
    selected: SelectedModules,
    /// The module files that could not be read.
    unread: Vec<PathBuf>,
    survey: Survey,
}

/// Performs the task. If the result is incomplete, the outcome is a failure.
fn perform(request: &Request, report: &Report) -> Result<(Answer, Outcome), Exit> {
    let target = &request.target;
    let dir = target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let context = target.open(dir, &target.config_source(), &report.sink());
    let context = context.map_err(|error| report.unreadable(&error))?;
    let selected = op::select(&context, &request.selection).map_err(|why| report.selection_failed(&why))?;
    let (needs, unread) = op::needs(&context, &selected);
    let mut outcome = report.unreadable_inputs(&unread);
    let unread = unread.into_iter().map(|error| error.path).collect();
    let mut search = request.search(report)?;
    let whence = request.whence(report)?;
    let conflicts = whence.as_ref().map(|whence| search.add_links(whence)).unwrap_or_default();
    report.ambiguities(&conflicts, request.policy)?;
    let mut survey = Survey::new(&needs, &search);
    survey.allow(&request.allowed(report)?);
    let data = Data { request, report, context: &context, search, whence, selected, unread, survey };
    let answer = match request.task {
        Task::List => data.list()?,
        Task::Prune => data.prune()?,
        Task::Missing => data.missing(),
        Task::Owners => data.owners()?,
    };
    if request.task == Task::Missing && request.strict && !data.survey.missing.is_empty() {
        outcome = Err(Exit::Failure);
    }
    Ok((answer, outcome))
}

impl Data<'_> {
    /// Reports missing firmware at the appropriate level, and with --strict the firmware that is not in the image because
    /// its path is taken.
    fn report_missing(&self, lost: &[&PresentFirmware]) -> Outcome {
        let missing = &self.survey.missing;
        for missing in missing {
            let level = match missing.why {
                _ if self.request.strict => Level::Error,
                Unavailable::Absent => Level::Notice,
                _ => Level::Warning,
            };
            self.report.missing_firmware(level, missing);
        }
        if self.request.strict {
            let lost = self.report.lost_firmware(lost);
            return if missing.is_empty() { lost } else { Err(Exit::Failure) };
        }
        let quiet = missing.iter().filter(|missing| missing.why == Unavailable::Absent).count();
        if quiet > 0 && !self.report.shows(Level::Notice) {
            self.report.missing_count(quiet);
        }
        Ok(())
    }

    fn list(&self) -> Result<Answer, Exit> {
        let ambiguities = self.survey.image(&self.search).ambiguities;
        self.report.ambiguities(&ambiguities, self.request.policy)?;
        self.report_missing(&[])?;
        let listed = self.survey.present.iter().map(|present| Listed {
            name: present.name.clone(),
            modules: present.modules.clone(),
            places: present.files.iter().flat_map(|found| NeededPath::all(&self.search, found)).collect(),
        });
        Ok(Answer::List(listed.collect()))
    }

    fn prune(&self) -> Result<Answer, Exit> {
        let GatheredFiles { mut image, ambiguities, lost } = self.survey.image(&self.search);
        self.report.ambiguities(&ambiguities, self.request.policy)?;
        self.report_missing(&lost)?;
        let (files, bytes) = self.search.total();
        let mut all = Sizes { files, bytes };
        if self.request.with_modules {
            let unreadable = |error| self.report.unreadable(&error);
            all = all.plus(self.add_modules(&mut image).map_err(unreadable)?);
        }
        if let Some(dir) = &self.request.copy_to {
            if self.request.decompress {
                let (plain, ambiguities) = image.decompressed();
                self.report.ambiguities(&ambiguities, self.request.policy)?;
                image = plain;
            }
            op::copy(&mut image, dir).map_err(|error| self.report.not_copied(&error))?;
        }
        Ok(Answer::Prune(Pruned { image, all }))
    }

    /// Adds the selected modules, and the lists that depmod reads besides them. Returns the sizes of all modules and lists.
    fn add_modules(&self, image: &mut ImageTree) -> oxmod::error::Result<Sizes> {
        let dir = self.context.dir();
        let release = dir.file_name().unwrap_or_default().as_encoded_bytes();
        let inputs = op::depmod_inputs(dir);
        let readable = self.selected.values().flatten().filter(|path| !self.unread.contains(path));
        for path in readable.chain(&inputs) {
            image.add_module(op::module_place(dir, release, path), path)?;
        }
        let everything = op::select(self.context, &Selection::default()).unwrap_or_default();
        let mut all = ImageTree::default();
        for path in everything.values().flatten().chain(&inputs) {
            // A file that does not exist is not counted.
            let _ = all.add_module(path.as_os_str().as_encoded_bytes(), path);
        }
        Ok(all.sizes())
    }

    fn missing(&self) -> Answer {
        let selection = Selection { devices: Some(self.request.sys.clone()), ..Selection::default() };
        let device_modules = match op::select(self.context, &selection) {
            Ok(selected) => Some(selected),
            Err(why) => {
                self.report.unknown_devices(&why);
                None
            }
        };
        let missing: Vec<Absent> = self
            .survey
            .missing
            .iter()
            .map(|missing| Absent {
                name: missing.name.clone(),
                modules: missing.modules.clone(),
                device: device_modules
                    .as_ref()
                    .map(|selected| missing.modules.iter().any(|module| selected.contains_key(module))),
            })
            .collect();
        for missing in self.survey.missing.iter().filter(|missing| missing.why != Unavailable::Absent) {
            self.report.missing_firmware(Level::Warning, missing);
        }
        Answer::Missing(missing)
    }

    fn owners(&self) -> Result<Answer, Exit> {
        let mut owners = Vec::new();
        let mut unused: BTreeSet<&BString> = self.request.files.iter().collect();
        for owned in self.survey.owners(&self.search) {
            let is_requested = |file: &&BString| {
                owned.is_at(|path| self.request.is_path(file, path)) || owned.is_called(file)
            };
            let requested: Vec<&BString> = self.request.files.iter().filter(is_requested).collect();
            if requested.is_empty() && !self.request.files.is_empty() {
                continue;
            }
            for file in requested {
                unused.remove(file);
            }
            let drivers = self.whence.as_ref().map(|whence| owned.drivers(whence));
            owners.push(Owner { path: owned.path, modules: owned.modules, drivers });
        }
        let mut unknown = None;
        for file in unused {
            let missing = self.survey.missing.iter().find(|missing| missing.is_called(file));
            unknown = Some(self.report.no_such_firmware(file, missing));
        }
        unknown.map_or(Ok(Answer::Owners(owners)), Err)
    }
}
