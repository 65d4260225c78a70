//! Loading the drivers of the devices that are there.
//!
//! Owns which modaliases and which modules are new: a driver that brings in further devices makes for another look, and a
//! module that was loaded or has failed for one device is not tried again for the next. Loading is the manager's.

mod watch;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bstr::BString;

use crate::error::Result;
use crate::ops::manager::{Manager, Planned, Report};
use crate::sys::devices;

pub use watch::{Told, Watch};

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
    pub planned: Vec<Planned>,
    /// Those that were, for another need of the same run.
    pub repeated: Vec<BString>,
}

/// One run over the devices.
#[derive(Debug)]
pub struct Coldplug<'m, 'a> {
    manager: &'m Manager<'a>,
    seen: HashSet<BString>,
    tried: Mutex<HashSet<BString>>,
}

impl<'m, 'a> Coldplug<'m, 'a> {
    /// A run in which nothing has been dealt with.
    pub fn new(manager: &'m Manager<'a>) -> Self {
        Self { manager, seen: HashSet::new(), tried: Mutex::default() }
    }

    /// The needs of the devices below `top` that no earlier call has returned, in the order of the devices. When
    /// those are served there may be more.
    ///
    /// Errors: `top` cannot be listed.
    pub fn survey(&mut self, top: &Path) -> Result<Vec<Need>> {
        let mut needs: Vec<Need> = Vec::new();
        let mut places: HashMap<BString, usize> = HashMap::new();
        for (device, modalias) in devices::modaliases(top)? {
            let modalias = BString::from(modalias);
            if self.seen.contains(&modalias) {
                continue;
            }
            let place = *places.entry(modalias.clone()).or_insert(needs.len());
            match needs.get_mut(place) {
                Some(need) => need.devices.push(device),
                None => needs.push(Need { modalias, devices: vec![device] }),
            }
        }
        self.seen.extend(places.into_keys());
        Ok(needs)
    }

    /// Loads all drivers for a need. May be called from several threads.
    pub fn serve(&self, need: &Need) -> Served {
        let mut repeated = Vec::new();
        let report = self
            .manager
            .load_for_device_if(&need.modalias, |module| self.is_first(&module.name, &mut repeated));
        Served { report, repeated }
    }

    /// What [`serve`](Self::serve) would do; the modules count as dealt with.
    pub fn foresee(&self, need: &Need) -> Foreseen {
        let mut repeated = Vec::new();
        let mut planned = self.manager.plan_for_device(&need.modalias);
        planned.retain(|planned| self.is_first(&planned.module.name, &mut repeated));
        Foreseen { planned, repeated }
    }

    fn is_first(&self, module: &BString, repeated: &mut Vec<BString>) -> bool {
        let first = self.tried.lock().unwrap_or_else(PoisonError::into_inner).insert(module.clone());
        if !first {
            repeated.push(module.clone());
        }
        first
    }
}
