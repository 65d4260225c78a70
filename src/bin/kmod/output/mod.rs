//! Standard output, and the forms of answers that several applets share: as text and as JSON.

pub mod json;
pub mod stdout;
pub mod step;
