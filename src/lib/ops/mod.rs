//! The jobs of the tools; each makes a plan first and then carries it out.

pub mod info;
pub mod module_file;
