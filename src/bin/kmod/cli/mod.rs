//! The command line: the invocation, the tables of options, and the parser.

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
