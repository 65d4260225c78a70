//! `kmod coldplug`: loads the drivers of the devices that are there.
//!
//! Owns what is done pass by pass, and what counts as a failure. Which modules serve which device is the library's.

mod json;
mod options;
mod text;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use oxmod::context::Context;
use oxmod::lock::Mutex;
use oxmod::notice::{Notice, Sink};
use oxmod::ops::coldplug::{Coldplug, DEVICES, DeviceGroup, GroupPlan, GroupReport, trigger};
use oxmod::ops::manager::Manager;

use crate::cli::invocation::Invocation;

use crate::report::{Exit, Level, Outcome, Report};

use options::Settings;
pub use options::command;
use text::Text;

/// How many looks at the devices one run takes. Real ones need one for each bus that hangs on another; where devices come
/// without end, the run has one.
const LOOKS: usize = 100;

/// What is shown of a run.
pub trait View {
    /// Where modules are, the meta.pb that they are looked up in, if any, and whether they are not to be loaded.
    fn begin(&mut self, directory: &Path, meta: Option<&Path>, dry_run: bool);
    /// What would be done for a need.
    fn foreseen(&mut self, need: &DeviceGroup, foreseen: &GroupPlan);
    /// What was done for one.
    fn served(&mut self, need: &DeviceGroup, served: &GroupReport);
}

/// Runs `kmod coldplug`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let settings = options::parse(invocation, &report)?;
    if settings.json {
        return json::answer(&report, |view| work(&settings, &report, view));
    }
    let mut text = Text::new();
    let outcome = work(&settings, &report, &mut text);
    text.conclude(outcome)
}

fn work(settings: &Settings, report: &Report, view: &mut dyn View) -> Outcome {
    // With an index that cannot be used nobody knows what was left undone.
    let blind = Arc::new(AtomicBool::new(false));
    let sink = Sink::new({
        let (blind, report) = (Arc::clone(&blind), report.clone());
        move |notice| {
            if matches!(notice, Notice::Unreadable(_)) {
                blind.store(true, Relaxed);
            }
            report.library(notice);
        }
    });
    let manager = manager(settings, sink, report)?;
    view.begin(&manager.dir(), manager.meta_file().as_deref(), settings.dry_run);
    if settings.watch {
        return watch::run(settings, &manager, report);
    }
    let run = Run { settings, report, top: Path::new(DEVICES) };
    let outcome = if settings.dry_run { run.foresee(&manager, view) } else { run.load(&manager, view) };
    outcome.and_then(|()| run.trigger())?;
    if blind.load(Relaxed) { Err(Exit::Failure) } else { Ok(()) }
}

/// The manager of the modules that the options name.
fn manager(settings: &Settings, sink: Sink, report: &Report) -> Result<Manager, Exit> {
    let target = &settings.target;
    let dir = target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let (meta, source) = (target.meta.clone(), target.config_source());
    let open = move || match &meta {
        Some(meta) => Context::open_meta(meta, dir.clone(), &source, &sink),
        None => Context::open_existing(dir.clone(), &source, &sink),
    };
    Manager::new(open).map_err(|error| report.unreadable(&error))
}

struct Run<'r> {
    settings: &'r Settings,
    report: &'r Report,
    /// Where the devices are.
    top: &'r Path,
}

impl Run<'_> {
    /// Look after look: a driver may bring in devices that have needs of their own.
    fn load(&self, manager: &Manager, view: &mut dyn View) -> Outcome {
        let mut coldplug = Coldplug::new(manager);
        let fine = Mutex::new(true);
        for _ in 0..LOOKS {
            let needs = self.survey(&mut coldplug)?;
            if needs.is_empty() {
                let fine = fine.into_inner();
                return if fine { Ok(()) } else { Err(Exit::Failure) };
            }
            // Reported at once, so that a driver that hangs does not hide the results of the others; one device at a time.
            let served = coldplug.serve_all(&needs, self.settings.jobs, &|need, served| {
                let mut fine = fine.lock();
                *fine &= self.report.served(need, served);
            });
            for (need, served) in needs.iter().zip(&served) {
                view.served(need, served);
            }
        }
        Err(self.report.devices_without_end(LOOKS))
    }

    /// What devices a driver would bring in nobody knows: one pass.
    fn foresee(&self, manager: &Manager, view: &mut dyn View) -> Outcome {
        let mut coldplug = Coldplug::new(manager);
        for need in self.survey(&mut coldplug)? {
            let foreseen = coldplug.foresee(&need);
            self.report.foreseen(&need, &foreseen);
            view.foreseen(&need, &foreseen);
        }
        Ok(())
    }

    fn survey(&self, coldplug: &mut Coldplug<'_>) -> Result<Vec<DeviceGroup>, Exit> {
        coldplug.survey(self.top).map_err(|error| self.report.no_devices(&error))
    }

    /// For others that listen to events; the drivers are there by now.
    fn trigger(&self) -> Outcome {
        if !self.settings.trigger || self.settings.dry_run {
            return Ok(());
        }
        trigger(self.top).map_err(|error| self.report.not_triggered(&error))
    }
}
