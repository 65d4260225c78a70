//! Loading the drivers for the existing devices.
//!
//! This module decides which devices and modules are new: a driver may make further devices appear, which requires
//! another scan, and a module that was loaded or failed for one device is not tried again for the other devices of the
//! same scan. The manager does the loading.
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
//! let groups = coldplug.scan(&devices)?;
//! assert_eq!(groups[0].modalias, "acme:v1p2");
//! assert_eq!(coldplug.plan(&groups[0]).planned[0].module.name, "acmenet");
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
//!     let groups = coldplug.scan(Path::new("/sys/devices"))?;
//!     if groups.is_empty() {
//!         break;
//!     }
//!     for group in &groups {
//!         for (module, error) in coldplug.load(group).report.failed {
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

/// Makes the kernel send the event of each device below `top` again, as if the device had just been added. A failure
/// does not keep the other devices from being tried.
///
/// Errors: `top` cannot be listed; otherwise the first error from the kernel.
pub fn trigger(top: &Path) -> Result<()> {
    devices::trigger(top)
}

/// The devices that have the same modalias, and therefore need the same drivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceGroup {
    /// The modalias, by which drivers are found.
    pub modalias: BString,
    /// The directories of the devices, in the order in which they were found.
    pub devices: Vec<PathBuf>,
}

/// The result of loading the drivers for a group of devices.
#[derive(Debug)]
pub struct GroupReport {
    /// The result for the modules that were not handled before.
    pub report: LoadReport,
    /// The modules that were already handled for another group of the same run.
    pub repeated: Vec<BString>,
}

/// The plan for loading the drivers for a group of devices.
#[derive(Debug)]
pub struct GroupPlan {
    /// The plans of the modules that were not handled before.
    pub planned: Vec<Plan>,
    /// The modules that were already handled for another group of the same run.
    pub repeated: Vec<BString>,
}

/// A run over the devices.
#[derive(Debug)]
pub struct Coldplug<'m> {
    manager: &'m Manager,
    /// The devices that scans have returned, each with its modalias.
    seen: BTreeSet<(PathBuf, BString)>,
    modules: Mutex<Modules>,
}

/// The modules that were handled.
#[derive(Debug, Default)]
struct Modules {
    tried: BTreeSet<BString>,
    /// Those that failed and may be loaded for another device.
    failed: BTreeSet<BString>,
}

impl<'m> Coldplug<'m> {
    /// Returns a run in which nothing has been handled yet.
    pub fn new(manager: &'m Manager) -> Self {
        Self { manager, seen: BTreeSet::new(), modules: Mutex::default() }
    }

    /// Marks modules as handled, so that they are not tried.
    fn skip(&self, modules: &BTreeSet<BString>) {
        self.modules().tried.extend(modules.iter().cloned());
    }

    /// Returns the devices below `top` that no earlier call has returned, grouped by modalias, in the order of the
    /// devices. Loading their drivers may make further devices appear. Modules that have failed so far are tried again
    /// for the new devices.
    ///
    /// Errors: `top` cannot be listed.
    pub fn scan(&mut self, top: &Path) -> Result<Vec<DeviceGroup>> {
        let mut groups: Vec<DeviceGroup> = Vec::new();
        let mut places: BTreeMap<BString, usize> = BTreeMap::new();
        for (device, modalias) in devices::modaliases(top)? {
            let modalias = BString::from(modalias);
            if !self.seen.insert((device.clone(), modalias.clone())) {
                continue;
            }
            let place = *places.entry(modalias.clone()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.devices.push(device),
                None => groups.push(DeviceGroup { modalias, devices: vec![device] }),
            }
        }
        let mut modules = self.modules();
        for module in std::mem::take(&mut modules.failed) {
            modules.tried.remove(&module);
        }
        drop(modules);
        Ok(groups)
    }

    /// Loads all drivers for a group of devices. May be called from several threads.
    pub fn load(&self, group: &DeviceGroup) -> GroupReport {
        let mut repeated = Vec::new();
        let report = self
            .manager
            .load_for_device_if(&group.modalias, |module| self.is_first(&module.name, &mut repeated));
        self.modules().failed.extend(retriable(&report).cloned());
        GroupReport { report, repeated }
    }

    /// Loads all drivers for the groups on up to `jobs` threads, and returns the results in the order of `groups`. The
    /// thread that has finished a group calls `done` immediately.
    pub fn load_all(
        &self,
        groups: &[DeviceGroup],
        jobs: usize,
        done: &(dyn Fn(&DeviceGroup, &GroupReport) + Sync),
    ) -> Vec<GroupReport> {
        parallel::map(
            jobs,
            groups,
            || (),
            |(), group| {
                let result = self.load(group);
                done(group, &result);
                result
            },
        )
    }

    /// Returns what [`load`](Self::load) would do, and marks the modules as handled.
    pub fn plan(&self, group: &DeviceGroup) -> GroupPlan {
        let mut repeated = Vec::new();
        let mut planned = self.manager.plan_for_device(&group.modalias);
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

/// Returns the failed modules that may be loaded later. Forbidden modules are not among them.
fn retriable(report: &LoadReport) -> impl Iterator<Item = &BString> {
    let is_final = |error: &ModuleError| matches!(error, ModuleError::Forbidden { .. });
    report.failed.iter().filter(move |(_, error)| !is_final(error)).map(|(module, _)| module)
}
