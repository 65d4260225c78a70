//! `kmod firmware`: what firmware modules ask for, where it is, what of it is missing, and an image of just that.
//!
//! Owns the tasks and what each of them answers; how that is printed is for [`text`] and [`json`].

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
        .args(request::answers())
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
        return json::answer(&report, |list| {
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

/// What a task comes to.
pub enum Answer {
    /// The names that there is something for, with it.
    List(Vec<Listed>),
    /// The image, and what there is in all.
    Prune(Pruned),
    /// The names that there is nothing for.
    Missing(Vec<Absent>),
    /// Files with those who ask for them.
    Owners(Vec<Owner>),
}

/// A name that there is something for.
pub struct Listed {
    /// As modules ask for it.
    pub name: BString,
    /// The modules that do.
    pub modules: Vec<BString>,
    /// Links and files.
    pub places: Vec<NeededPath>,
}

/// What is left of everything.
pub struct Pruned {
    /// The files and links.
    pub image: ImageTree,
    /// Everything that they were chosen from.
    pub all: Sizes,
}

/// A name that there is nothing for.
pub struct Absent {
    /// As modules ask for it.
    pub name: BString,
    /// The modules that do.
    pub modules: Vec<BString>,
    /// Whether there is a device that one of them is for; `None` if nobody knows.
    pub device: Option<bool>,
}

/// A file with those who ask for it.
pub struct Owner {
    /// Where it is.
    pub path: BString,
    /// The modules.
    pub modules: Vec<BString>,
    /// The drivers that WHENCE has it for; `None` without a WHENCE.
    pub drivers: Option<Vec<BString>>,
}

/// All that is known before the task matters.
struct Known<'a> {
    request: &'a Request,
    report: &'a Report,
    context: &'a Context,
    search: FirmwareSearch,
    whence: Option<Whence>,
    chosen: SelectedModules,
    /// The module files that could not be read.
    unread: Vec<PathBuf>,
    survey: Survey,
}

/// Does what is asked. The answer may lack something, in which case the outcome is no success.
fn perform(request: &Request, report: &Report) -> Result<(Answer, Outcome), Exit> {
    let target = &request.target;
    let dir = target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let context = target.open(dir, &target.config_source(), &report.sink());
    let context = context.map_err(|error| report.unreadable(&error))?;
    let chosen = op::select(&context, &request.selection).map_err(|why| report.selection_failed(&why))?;
    let (needs, unread) = op::needs(&context, &chosen);
    let mut outcome = report.unreadable_inputs(&unread);
    let unread = unread.into_iter().map(|error| error.path).collect();
    let mut search = request.search(report)?;
    let whence = request.whence(report)?;
    let conflicts = whence.as_ref().map(|whence| search.add_links(whence)).unwrap_or_default();
    report.ambiguities(&conflicts, request.policy)?;
    let mut survey = Survey::new(&needs, &search);
    survey.allow(&request.allowed(report)?);
    let known = Known { request, report, context: &context, search, whence, chosen, unread, survey };
    let answer = match request.task {
        Task::List => known.list()?,
        Task::Prune => known.prune()?,
        Task::Missing => known.missing(),
        Task::Owners => known.owners()?,
    };
    if request.task == Task::Missing && request.strict && !known.survey.missing.is_empty() {
        outcome = Err(Exit::Failure);
    }
    Ok((answer, outcome))
}

impl Known<'_> {
    /// Says what is missing, as loud as was asked for, and what besides has no place.
    fn complain(&self, lost: &[&PresentFirmware]) -> Outcome {
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
        self.complain(&[])?;
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
        self.complain(&lost)?;
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

    /// Adds the chosen modules and what depmod needs besides them; answers the sizes of all there are.
    fn add_modules(&self, image: &mut ImageTree) -> oxmod::error::Result<Sizes> {
        let dir = self.context.dir();
        let release = dir.file_name().unwrap_or_default().as_encoded_bytes();
        let inputs = op::depmod_inputs(dir);
        let readable = self.chosen.values().flatten().filter(|path| !self.unread.contains(path));
        for path in readable.chain(&inputs) {
            image.add_module(op::module_place(dir, release, path), path)?;
        }
        let everything = op::select(self.context, &Selection::default()).unwrap_or_default();
        let mut all = ImageTree::default();
        for path in everything.values().flatten().chain(&inputs) {
            // What is not there is none of them.
            let _ = all.add_module(path.as_os_str().as_encoded_bytes(), path);
        }
        Ok(all.sizes())
    }

    fn missing(&self) -> Answer {
        let selection = Selection { devices: Some(self.request.sys.clone()), ..Selection::default() };
        let served = match op::select(self.context, &selection) {
            Ok(chosen) => Some(chosen),
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
                device: served
                    .as_ref()
                    .map(|served| missing.modules.iter().any(|module| served.contains_key(module))),
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
            let asked = |file: &&BString| {
                owned.is_at(|path| self.request.is_path(file, path)) || owned.is_called(file)
            };
            let asked: Vec<&BString> = self.request.files.iter().filter(asked).collect();
            if asked.is_empty() && !self.request.files.is_empty() {
                continue;
            }
            for file in asked {
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
