//! The command line: how the program was called, the tables of options, and the reading of argv by getopt's rules.

pub mod getopt;
pub mod invocation;
pub mod options;
pub mod parameters;
