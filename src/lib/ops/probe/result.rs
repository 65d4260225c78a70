//! What a step comes to.

use crate::ops::ModuleError;
use crate::ops::insert::Insertion;

/// What a step came to when it succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepOutcome {
    /// The module was inserted.
    Inserted(Insertion),
    /// It was loaded by then, by another step or another process.
    Loaded,
    /// Its install command succeeded.
    Installed,
    /// It is part of the kernel.
    BuiltIn,
}

/// What a step came to.
pub type StepResult = Result<StepOutcome, ModuleError>;
