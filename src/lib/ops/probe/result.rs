//! The result of a step.

use crate::ops::ModuleError;
use crate::ops::insert::Insertion;

/// The outcome of a step that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// The module was inserted.
    Inserted(Insertion),
    /// The module was already loaded, by another step or another process.
    Loaded,
    /// The install command of the module succeeded.
    Installed,
    /// The module is built in.
    BuiltIn,
}

/// The result of a step.
pub type StepResult = Result<StepOutcome, ModuleError>;
