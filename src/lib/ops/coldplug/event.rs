//! The events of a watch for new devices, for reports to the user.
//!
//! Must not contain their wording.

use super::{DeviceGroup, GroupReport};
use crate::error::{Error, FormatError};

/// Something that happened during a watch. Any of its threads may report it.
#[derive(Debug)]
pub enum WatchEvent<'t> {
    /// The watch receives the kernel's events from now on.
    Listening,
    /// The modules for a device, or for several devices with the same modalias, have been loaded or have failed.
    Finished(&'t DeviceGroup, &'t GroupReport),
    /// A message of the kernel could not be parsed. It is ignored.
    Malformed(&'t FormatError),
    /// The kernel has dropped messages; all devices are scanned again.
    Lost,
    /// The indexes and the configuration have been reloaded.
    Refreshed,
    /// They could not be reloaded; the previous ones stay in use.
    NotRefreshed(&'t Error),
    /// A signal has ended the watch; no further module is loaded.
    Ending,
    /// The devices cannot be listed any more.
    NoDevices(&'t Error),
    /// The kernel refused to send the event of a device again.
    NotTriggered(&'t Error),
}

/// A function that receives the events, on any thread.
pub(super) type OnEvent<'t> = &'t (dyn Fn(WatchEvent<'_>) + Sync);
