//! `kmod coldplug --watch`: drivers for devices as they appear.

use std::path::Path;

use oxmod::lock::Mutex;
use oxmod::ops::coldplug::{DEVICES, Watch, WatchEvent};
use oxmod::ops::manager::Manager;

use super::options::Settings;
use crate::report::{Outcome, Report};

/// Goes on until a signal asks for an end, whatever devices do: that is no failure.
pub fn run(settings: &Settings, manager: &Manager, report: &Report) -> Outcome {
    let watch = Watch { top: Path::new(DEVICES), jobs: settings.jobs, trigger: settings.trigger };
    // The lines about one device stand together.
    let turn = Mutex::new(());
    let tell = |told: WatchEvent<'_>| {
        let _turn = turn.lock();
        match told {
            WatchEvent::Listening => report.listening(),
            WatchEvent::Finished(need, served) => _ = report.served(need, served),
            WatchEvent::Malformed(error) => report.odd_event(error),
            WatchEvent::Lost => report.lost_events(),
            WatchEvent::Refreshed => report.refreshed(),
            WatchEvent::NotRefreshed(error) => report.not_refreshed(error),
            WatchEvent::Ending => report.ending(),
            WatchEvent::NoDevices(error) => _ = report.no_devices(error),
            WatchEvent::NotTriggered(error) => _ = report.not_triggered(error),
        }
    };
    watch.run(manager, &tell).map_err(|failure| report.not_watching(&failure))
}
