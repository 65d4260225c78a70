//! The texts of the `error` objects in JSON documents.

/// A reason for a failure that has a text of its own. Other failures have the system's text for their errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An operand does not stand for any module.
    NotFound,
    /// There is no module for the device.
    #[cfg(feature = "meta")]
    NoDriver,
    /// An earlier failure ended the run.
    NotTried,
    /// There is no module with this name.
    Missing,
    /// The module is not loaded.
    NotLoaded,
    /// The module is built into the kernel.
    BuiltIn,
    /// The module is in use.
    InUse,
    /// The configuration forbids the module.
    Forbidden,
    /// An install or remove command failed.
    CommandFailed,
    /// An install or remove command calls modprobe for its own module.
    CommandRecursion,
}

impl Reason {
    /// Returns the text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotFound => "Module not found",
            #[cfg(feature = "meta")]
            Self::NoDriver => "No module for this device",
            Self::NotTried => "Not tried, after another had failed",
            Self::Missing => "There is no such module",
            Self::NotLoaded => "Module is not loaded",
            Self::BuiltIn => "Module is built in",
            Self::InUse => "Module is in use",
            Self::Forbidden => "Module is forbidden",
            Self::CommandFailed => "The command failed",
            Self::CommandRecursion => "The command runs inside itself",
        }
    }
}
