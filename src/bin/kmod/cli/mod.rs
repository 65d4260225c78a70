//! The command line: how the program was called, the tables of options, and the reading of argv by getopt's rules.

#[cfg(feature = "firmware")]
pub mod choice;
pub mod environment;
pub mod getopt;
#[cfg(feature = "firmware")]
pub mod go_flags;
pub mod invocation;
pub mod options;
#[cfg(any(feature = "coldplug", feature = "firmware", feature = "meta"))]
pub mod own_options;
pub mod parameters;
pub mod target;
