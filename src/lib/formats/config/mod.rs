//! Parsers of the configuration: modprobe.d, depmod.d and the kernel command line.
//!
//! Owns the grammar and the model. Must not read files, print, or know directories; the [`context`](crate::context)
//! finds and reads the files, in the order that decides precedence. Contract: modprobe.d(5) and depmod.d(5) as kmod 34
//! parses them, including its quirks. `forbid` is an extension of oxmod.

mod cmdline;
pub mod depmod;
mod directives;
mod lex;
pub mod load_list;
mod model;
mod parse;

pub use model::{
    Alias, Blacklist, Command, Config, Forbid, Options, Origin, OriginKind, Softdep, Softdeps, Weakdep,
};
