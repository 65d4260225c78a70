//! Operands that are paths, in every tool that takes them.

mod nameless;
mod working_directory;
