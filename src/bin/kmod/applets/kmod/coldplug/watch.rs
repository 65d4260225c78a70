//! `kmod coldplug --watch`: drivers for devices as they appear.

use std::path::Path;

use oxmod::lock::Mutex;
use oxmod::ops::coldplug::{DEVICES, Told, Watch};
use oxmod::ops::manager::Manager;

use super::options::Settings;
use crate::report::{Outcome, Report};

/// Goes on until a signal asks for an end, whatever devices do: that is no failure.
pub fn run(settings: &Settings, manager: &Manager, report: &Report) -> Outcome {
    let watch = Watch { top: Path::new(DEVICES), jobs: settings.jobs, trigger: settings.trigger };
    // The lines about one device stand together.
    let turn = Mutex::new(());
    let tell = |told: Told<'_>| {
        let _turn = turn.lock();
        match told {
            Told::Listening => report.listening(),
            Told::Served(need, served) => _ = report.served(need, served),
            Told::Malformed(error) => report.odd_event(error),
            Told::Lost => report.lost_events(),
            Told::Refreshed => report.refreshed(),
            Told::NotRefreshed(error) => report.not_refreshed(error),
            Told::Ending => report.ending(),
            Told::NoDevices(error) => _ = report.no_devices(error),
            Told::NotTriggered(error) => _ = report.not_triggered(error),
        }
    };
    watch.run(manager, &tell).map_err(|failure| report.not_watching(&failure))
}
