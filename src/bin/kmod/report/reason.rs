//! The texts that the `error` objects of documents have for people.

/// Why something failed, as far as that has a text of its own; anything else has the system's text for its errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An operand stands for no module.
    NotFound,
    /// No module serves the device.
    #[cfg(feature = "meta")]
    NoDriver,
    /// An earlier failure ended the run.
    NotTried,
    /// There is no module of this name.
    Missing,
    /// The module is not loaded.
    NotLoaded,
    /// The module is part of the kernel.
    BuiltIn,
    /// Something uses the module.
    InUse,
    /// The configuration forbids the module.
    Forbidden,
    /// A command of the configuration failed.
    CommandFailed,
    /// A command of the configuration calls modprobe for its own module.
    CommandCircle,
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
            Self::CommandCircle => "The command runs inside itself",
        }
    }
}
