//! What happens while devices are watched, for whoever shows it.

use super::{DeviceGroup, GroupReport};
use crate::error::{Error, FormatError};

/// What happens meanwhile. WatchEvent by the threads that it happens in.
#[derive(Debug)]
pub enum WatchEvent<'t> {
    /// Somebody listens now.
    Listening,
    /// A device was served, or several of a kind.
    Finished(&'t DeviceGroup, &'t GroupReport),
    /// A message of the kernel's made no sense.
    Malformed(&'t FormatError),
    /// The kernel has lost messages; the devices are looked at again.
    Lost,
    /// The configuration and where modules are has been read anew.
    Refreshed,
    /// It could not be; what was read before goes on to count.
    NotRefreshed(&'t Error),
    /// A signal asks for an end: nothing more is begun.
    Ending,
    /// The devices cannot be listed any more.
    NoDevices(&'t Error),
    /// An event cannot be sent again.
    NotTriggered(&'t Error),
}

/// How those who work and those who listen speak of what happens.
pub(super) type Tell<'t> = &'t (dyn Fn(WatchEvent<'_>) + Sync);
