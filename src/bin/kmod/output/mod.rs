//! Standard output, and the output formats that several applets share, as text and as JSON.

pub mod json;
pub mod stdout;
pub mod step;
