//! `kmod coldplug`: loads the drivers of the devices that are present.
//!
//! This module repeats the scan of the devices, and decides what counts as a failure. The library finds and loads the
//! drivers.

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

/// The maximum number of scans in one run. A real machine needs one for each bus that is behind another bus; the limit
/// ends the run if devices keep appearing.
const MAX_SCANS: usize = 100;

/// Shows the progress of a run: as text, or in a document.
pub trait View {
    /// Called first, with the module directory and the meta.pb that is used for lookups, if any.
    fn begin(&mut self, directory: &Path, meta: Option<&Path>, dry_run: bool);
    /// In a dry run: shows what would be done for a group of devices.
    fn planned(&mut self, group: &DeviceGroup, plan: &GroupPlan);
    /// Shows what was done for a group of devices.
    fn finished(&mut self, group: &DeviceGroup, result: &GroupReport);
}

/// Runs `kmod coldplug`.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let settings = options::parse(invocation, &report)?;
    if settings.json {
        return json::write(&report, |view| work(&settings, &report, view));
    }
    let mut text = Text::new();
    let outcome = work(&settings, &report, &mut text);
    text.conclude(outcome)
}

fn work(settings: &Settings, report: &Report, view: &mut dyn View) -> Outcome {
    // If an index cannot be read, drivers may be missing without being reported.
    let unreadable_index = Arc::new(AtomicBool::new(false));
    let sink = Sink::new({
        let (unreadable_index, report) = (Arc::clone(&unreadable_index), report.clone());
        move |notice| {
            if matches!(notice, Notice::Unreadable(_)) {
                unreadable_index.store(true, Relaxed);
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
    let outcome = if settings.dry_run { run.plan(&manager, view) } else { run.load(&manager, view) };
    outcome.and_then(|()| run.trigger())?;
    if unreadable_index.load(Relaxed) { Err(Exit::Failure) } else { Ok(()) }
}

/// Creates the manager for the module directory that the options select.
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
    /// The directory of the devices.
    top: &'r Path,
}

impl Run<'_> {
    /// Scans the devices and loads their drivers, until no new devices appear.
    fn load(&self, manager: &Manager, view: &mut dyn View) -> Outcome {
        let mut coldplug = Coldplug::new(manager);
        let success = Mutex::new(true);
        for _ in 0..MAX_SCANS {
            let groups = self.scan(&mut coldplug)?;
            if groups.is_empty() {
                let success = success.into_inner();
                return if success { Ok(()) } else { Err(Exit::Failure) };
            }
            // Each result is reported at once, so that a driver that hangs does not hide the results of the others. The
            // lock keeps the messages about one group together.
            let results = coldplug.load_all(&groups, self.settings.jobs, &|group, result| {
                let mut success = success.lock();
                *success &= self.report.group_loaded(group, result);
            });
            for (group, result) in groups.iter().zip(&results) {
                view.finished(group, result);
            }
        }
        Err(self.report.too_many_scans(MAX_SCANS))
    }

    /// Shows what would be done for the existing devices. The devices that would appear later are unknown.
    fn plan(&self, manager: &Manager, view: &mut dyn View) -> Outcome {
        let mut coldplug = Coldplug::new(manager);
        for group in self.scan(&mut coldplug)? {
            let plan = coldplug.plan(&group);
            self.report.group_planned(&group, &plan);
            view.planned(&group, &plan);
        }
        Ok(())
    }

    fn scan(&self, coldplug: &mut Coldplug<'_>) -> Result<Vec<DeviceGroup>, Exit> {
        coldplug.scan(self.top).map_err(|error| self.report.no_devices(&error))
    }

    /// Repeats the devices' events, for other programs that listen to them.
    fn trigger(&self) -> Outcome {
        if !self.settings.trigger || self.settings.dry_run {
            return Ok(());
        }
        trigger(self.top).map_err(|error| self.report.not_triggered(&error))
    }
}
