//! Loading the drivers for the existing devices.
//!
//! This module owns the decision which devices and modules are new: a driver may add further devices, which
//! requires another survey, and a module that was loaded or failed for one device is not tried again for
//! the next device of the same survey. The manager does the loading.
//!
//! # Examples
//!
//! Find out which drivers would be loaded, with devices and modules from directories of your own:
//!
//! ```
//! use std::fs;
//!
//! use oxmod::context::{ConfigSource, Context};
//! use oxmod::notice::Sink;
//! use oxmod::ops::coldplug::Coldplug;
//! use oxmod::ops::manager::Manager;
//!
//! let root = tempfile::tempdir()?;
//! let (dir, devices) = (root.path().join("modules"), root.path().join("devices"));
//! fs::create_dir_all(&dir)?;
//! fs::write(dir.join("modules.dep"), "acmenet.ko:\n")?;
//! fs::write(dir.join("modules.alias"), "alias acme:v1* acmenet\n")?;
//! fs::create_dir_all(devices.join("one"))?;
//! fs::write(devices.join("one/modalias"), "acme:v1p2\n")?;
//!
//! let open = move || Ok(Context::open(dir.clone(), &ConfigSource::Nothing, &Sink::none()));
//! let manager = Manager::new(open)?;
//! let mut coldplug = Coldplug::new(&manager);
//! let needs = coldplug.survey(&devices)?;
//! assert_eq!(needs[0].modalias, "acme:v1p2");
//! assert_eq!(coldplug.foresee(&needs[0]).planned[0].module.name, "acmenet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Load them, until no further devices appear:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use oxmod::ops::coldplug::Coldplug;
//! use oxmod::ops::manager::Manager;
//!
//! let manager = Manager::from_root("/")?;
//! let mut coldplug = Coldplug::new(&manager);
//! loop {
//!     let needs = coldplug.survey(Path::new("/sys/devices"))?;
//!     if needs.is_empty() {
//!         break;
//!     }
//!     for need in &needs {
//!         for (module, error) in coldplug.serve(need).report.failed {
//!             eprintln!("{module}: {error}");
//!         }
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod queue;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use bstr::BString;

use crate::error::Result;
use crate::lock::Mutex;
use crate::ops::ModuleError;
use crate::ops::manager::{LoadReport, Manager};
use crate::ops::probe::Plan;
use crate::sys::{devices, parallel};

pub use event::WatchEvent;
pub use watch::{Watch, WatchError};

/// Where the kernel shows its devices.
pub const DEVICES: &str = "/sys/devices";

/// Has the kernel send the event of each device below `top` again, as if it had just been added. All of them are tried.
///
/// Errors: `top` cannot be listed; else the first of the kernel's refusals.
pub fn trigger(top: &Path) -> Result<()> {
    devices::trigger(top)
}

/// Devices that need the same drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGroup {
    /// The modalias, by which drivers are found.
    pub modalias: BString,
    /// The directories of the devices, in the order in which they were found.
    pub devices: Vec<PathBuf>,
}

/// The result of serving a need.
#[derive(Debug)]
pub struct GroupReport {
    /// The result for the modules that were not handled before.
    pub report: LoadReport,
    /// The modules that were already handled for another need of the same run.
    pub repeated: Vec<BString>,
}

/// The plan for serving a need.
#[derive(Debug)]
pub struct GroupPlan {
    /// The plans of the modules that were not handled before.
    pub planned: Vec<Plan>,
    /// The modules that were already handled for another need of the same run.
    pub repeated: Vec<BString>,
}

/// A run over the devices.
#[derive(Debug)]
pub struct Coldplug<'m> {
    manager: &'m Manager,
    /// The devices, each with the modalias for which it was served.
    seen: BTreeSet<(PathBuf, BString)>,
    modules: Mutex<Modules>,
}

/// The modules that were handled.
#[derive(Debug, Default)]
struct Modules {
    tried: BTreeSet<BString>,
    /// Those that failed and may succeed for another device.
    failed: BTreeSet<BString>,
}

impl<'m> Coldplug<'m> {
    /// Returns a run in which nothing has been handled yet.
    pub fn new(manager: &'m Manager) -> Self {
        Self { manager, seen: BTreeSet::new(), modules: Mutex::default() }
    }

    /// Marks modules as handled.
    fn pass_over(&self, modules: &BTreeSet<BString>) {
        self.modules().tried.extend(modules.iter().cloned());
    }

    /// Returns the needs of those devices below `top` that no earlier call has returned, in the order of
    /// the devices. When these have been served, there may be more. Modules that have failed so far are
    /// tried again for the new devices.
    ///
    /// Errors: `top` cannot be listed.
    pub fn survey(&mut self, top: &Path) -> Result<Vec<DeviceGroup>> {
        let mut needs: Vec<DeviceGroup> = Vec::new();
        let mut places: BTreeMap<BString, usize> = BTreeMap::new();
        for (device, modalias) in devices::modaliases(top)? {
            let modalias = BString::from(modalias);
            if !self.seen.insert((device.clone(), modalias.clone())) {
                continue;
            }
            let place = *places.entry(modalias.clone()).or_insert(needs.len());
            match needs.get_mut(place) {
                Some(need) => need.devices.push(device),
                None => needs.push(DeviceGroup { modalias, devices: vec![device] }),
            }
        }
        let mut modules = self.modules();
        for module in std::mem::take(&mut modules.failed) {
            modules.tried.remove(&module);
        }
        drop(modules);
        Ok(needs)
    }

    /// Loads all drivers for a need. May be called from several threads.
    pub fn serve(&self, need: &DeviceGroup) -> GroupReport {
        let mut repeated = Vec::new();
        let report = self
            .manager
            .load_for_device_if(&need.modalias, |module| self.is_first(&module.name, &mut repeated));
        self.modules().failed.extend(failures(&report).cloned());
        GroupReport { report, repeated }
    }

    /// Serves needs on up to `jobs` threads, and returns the results in the order of `needs`. These threads call `done` as
    /// soon as a need is served.
    pub fn serve_all(
        &self,
        needs: &[DeviceGroup],
        jobs: usize,
        done: &(dyn Fn(&DeviceGroup, &GroupReport) + Sync),
    ) -> Vec<GroupReport> {
        parallel::map(
            jobs,
            needs,
            || (),
            |(), need| {
                let served = self.serve(need);
                done(need, &served);
                served
            },
        )
    }

    /// Returns what [`serve`](Self::serve) would do, and marks the modules as handled.
    pub fn foresee(&self, need: &DeviceGroup) -> GroupPlan {
        let mut repeated = Vec::new();
        let mut planned = self.manager.plan_for_device(&need.modalias);
        planned.retain(|planned| self.is_first(&planned.module.name, &mut repeated));
        GroupPlan { planned, repeated }
    }

    fn is_first(&self, module: &BString, repeated: &mut Vec<BString>) -> bool {
        let first = self.modules().tried.insert(module.clone());
        if !first {
            repeated.push(module.clone());
        }
        first
    }

    fn modules(&self) -> MutexGuard<'_, Modules> {
        self.modules.lock()
    }
}

/// Returns the failed modules that may succeed later: forbidden ones stay forbidden.
fn failures(report: &LoadReport) -> impl Iterator<Item = &BString> {
    let for_good = |error: &ModuleError| matches!(error, ModuleError::Forbidden { .. });
    report.failed.iter().filter(move |(_, error)| !for_good(error)).map(|(module, _)| module)
}
