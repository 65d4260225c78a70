//! Whether the kernel has a module, and in which state.
//!
//! If there is no /sys/module, as in some containers and before /sys is mounted, /proc/modules is used. This module owns the
//! choice between the two. It must not wait for anything but the end of a state.

use std::time::Duration;

use super::table;
use crate::sys::module::{self, ModuleState};
use crate::sys::retry::Retry;

/// The shortest and the longest pause between two checks of the state.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(32)];

/// The time for which the directory of a module that is being loaded may lack the state.
const STATELESS_TIME: Duration = Duration::from_millis(100);

/// Returns the state of the module with this normalised name; `None` if it is not loaded, or if it is built in.
pub fn state(name: &[u8]) -> Option<ModuleState> {
    module::state(name).or_else(|| table::look_up(name, table::state).flatten())
}

/// Whether the module with this normalised name is in the kernel, in any state.
pub fn is_present(name: &[u8]) -> bool {
    module::is_present(name) || table::look_up(name, |_| ()).is_some()
}

/// Whether the module with this normalised name is in [`ModuleState::Live`]. Faster than [`fn@state`].
pub(crate) fn is_live(name: &[u8]) -> bool {
    module::is_live(name) || table::look_up(name, table::state).flatten() == Some(ModuleState::Live)
}

/// Whether the module with this normalised name is in the kernel and not built in.
pub(crate) fn is_loadable(name: &[u8]) -> bool {
    is_present(name) && !module::is_stateless(name)
}

/// Waits until the module with this normalised name is no longer being loaded or removed, at most for `timeout`, and
/// returns its state.
pub(crate) fn wait_until_settled(name: &[u8], timeout: Duration) -> Option<ModuleState> {
    let [first, longest] = PAUSES;
    let mut retry = Retry::new(timeout, first, longest);
    loop {
        let state = state(name);
        if matches!(state, None | Some(ModuleState::Live)) {
            return state;
        }
        // The directory of a built-in module never has a state.
        if retry.elapsed() >= STATELESS_TIME && module::is_stateless(name) {
            return None;
        }
        if !retry.pause() {
            return state;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel always has a directory for `kernel`, because it has parameters. Waiting for it would take an hour.
    #[test]
    fn built_in_modules_are_not_waited_for() {
        assert_eq!(wait_until_settled(b"kernel", Duration::from_hours(1)), None);
    }
}
