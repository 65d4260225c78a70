//! Uses /proc/modules in place of /sys/module.

use bstr::ByteSlice;

use crate::formats::proc_modules::{ProcModule, entries};
use crate::sys::module::{self, ModuleState};
use crate::sys::proc;

/// Looks up the module with this normalised name in /proc/modules if there is no /sys/module.
pub(super) fn look_up<T>(name: &[u8], read: impl FnOnce(&ProcModule<'_>) -> T) -> Option<T> {
    if module::is_sysfs_available() {
        return None;
    }
    let table = proc::modules().ok()?;
    entries(&table).find(|entry| entry.name.as_bytes() == name).map(|entry| read(&entry))
}

/// The state in the table; `None` if it is unknown.
pub(super) fn state(entry: &ProcModule<'_>) -> Option<ModuleState> {
    match entry.state? {
        b"Live" => Some(ModuleState::Live),
        b"Loading" => Some(ModuleState::Coming),
        b"Unloading" => Some(ModuleState::Going),
        _ => None,
    }
}
