//! `kmod coldplug --watch`: loads the drivers for devices as they appear, and reports what happens.

use std::path::Path;

use oxmod::lock::Mutex;
use oxmod::ops::coldplug::{DEVICES, Watch, WatchEvent};
use oxmod::ops::manager::Manager;

use super::options::Settings;
use crate::report::{Outcome, Report};

/// Runs until a signal requests the end. It is not a failure if drivers could not be loaded.
pub fn run(settings: &Settings, manager: &Manager, report: &Report) -> Outcome {
    let watch = Watch { top: Path::new(DEVICES), jobs: settings.jobs, trigger: settings.trigger };
    // Messages about one device are not mixed with those about others.
    let lock = Mutex::new(());
    let on_event = |event: WatchEvent<'_>| {
        let _guard = lock.lock();
        match event {
            WatchEvent::Listening => report.listening(),
            WatchEvent::Finished(group, result) => _ = report.group_loaded(group, result),
            WatchEvent::Malformed(error) => report.malformed_event(error),
            WatchEvent::Lost => report.lost_events(),
            WatchEvent::Refreshed => report.reloaded(),
            WatchEvent::NotRefreshed(error) => report.not_reloaded(error),
            WatchEvent::Ending => report.shutting_down(),
            WatchEvent::NoDevices(error) => _ = report.no_devices(error),
            WatchEvent::NotTriggered(error) => _ = report.not_triggered(error),
        }
    };
    watch.run(manager, &on_event).map_err(|error| report.not_watching(&error))
}
