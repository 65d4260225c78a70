//! Loading the drivers of the devices that are there.
//!
//! Owns which devices and which modules are new: a driver that brings in further devices makes for another look, and a
//! module that was loaded or has failed for one device is not tried again for the next of the same look. Loading is the
//! manager's.

mod queue;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bstr::BString;

use crate::error::Result;
use crate::ops::ModuleError;
use crate::ops::manager::{Manager, Report};
use crate::ops::probe::Plan;
use crate::sys::{devices, parallel};

pub use watch::{Failure, Told, Watch};

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
pub struct Need {
    /// What drivers are found by.
    pub modalias: BString,
    /// The devices, as directories, the first as it was come upon first.
    pub devices: Vec<PathBuf>,
}

/// What came of a need.
#[derive(Debug)]
pub struct Served {
    /// What came of the modules that were not dealt with before.
    pub report: Report,
    /// Those that were, for another need of the same run.
    pub repeated: Vec<BString>,
}

/// What would come of a need.
#[derive(Debug)]
pub struct Foreseen {
    /// The modules that were not dealt with before, and what is to be done about each.
    pub planned: Vec<Plan>,
    /// Those that were, for another need of the same run.
    pub repeated: Vec<BString>,
}

/// One run over the devices.
#[derive(Debug)]
pub struct Coldplug<'m> {
    manager: &'m Manager,
    /// The devices, each with what it was served by.
    seen: HashSet<(PathBuf, BString)>,
    modules: Mutex<Modules>,
}

/// The modules that were dealt with.
#[derive(Debug, Default)]
struct Modules {
    tried: HashSet<BString>,
    /// Those of them that another device may change the mind of.
    failed: HashSet<BString>,
}

impl<'m> Coldplug<'m> {
    /// A run in which nothing has been dealt with.
    pub fn new(manager: &'m Manager) -> Self {
        Self { manager, seen: HashSet::new(), modules: Mutex::default() }
    }

    /// From here on these modules count as dealt with.
    fn pass_over(&self, modules: &HashSet<BString>) {
        self.modules().tried.extend(modules.iter().cloned());
    }

    /// The needs of the devices below `top` that no earlier call has returned, in the order of the devices. When
    /// those are served there may be more. For them modules are tried again that have failed by now.
    ///
    /// Errors: `top` cannot be listed.
    pub fn survey(&mut self, top: &Path) -> Result<Vec<Need>> {
        let mut needs: Vec<Need> = Vec::new();
        let mut places: HashMap<BString, usize> = HashMap::new();
        for (device, modalias) in devices::modaliases(top)? {
            let modalias = BString::from(modalias);
            if !self.seen.insert((device.clone(), modalias.clone())) {
                continue;
            }
            let place = *places.entry(modalias.clone()).or_insert(needs.len());
            match needs.get_mut(place) {
                Some(need) => need.devices.push(device),
                None => needs.push(Need { modalias, devices: vec![device] }),
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
    pub fn serve(&self, need: &Need) -> Served {
        let mut repeated = Vec::new();
        let report = self
            .manager
            .load_for_device_if(&need.modalias, |module| self.is_first(&module.name, &mut repeated));
        self.modules().failed.extend(failures(&report).cloned());
        Served { report, repeated }
    }

    /// Serves needs on up to `jobs` threads, and returns what came of each, in their order. `done` is called by these
    /// threads as soon as a need is served.
    pub fn serve_all(
        &self,
        needs: &[Need],
        jobs: usize,
        done: &(dyn Fn(&Need, &Served) + Sync),
    ) -> Vec<Served> {
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

    /// What [`serve`](Self::serve) would do; the modules count as dealt with.
    pub fn foresee(&self, need: &Need) -> Foreseen {
        let mut repeated = Vec::new();
        let mut planned = self.manager.plan_for_device(&need.modalias);
        planned.retain(|planned| self.is_first(&planned.module.name, &mut repeated));
        Foreseen { planned, repeated }
    }

    fn is_first(&self, module: &BString, repeated: &mut Vec<BString>) -> bool {
        let first = self.modules().tried.insert(module.clone());
        if !first {
            repeated.push(module.clone());
        }
        first
    }

    fn modules(&self) -> MutexGuard<'_, Modules> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The modules that may do better another time: what is forbidden stays so.
fn failures(report: &Report) -> impl Iterator<Item = &BString> {
    let for_good = |error: &ModuleError| matches!(error, ModuleError::Forbidden { .. });
    report.failed.iter().filter(move |(_, error)| !for_good(error)).map(|(module, _)| module)
}
