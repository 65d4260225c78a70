//! The protobuf `Meta` of image-based systems: modules, what they depend on, and a radix tree of their aliases.
//!
//! Owns the format: proto3, package `osbase.kmod.spec`, with fields of ours from 100 on that other readers skip, see
//! meta.pb(5). It is read in place: of a look-up's way, nothing else is decoded. Must not know where the bytes come from,
//! and must not trust them: no recursion, and no more steps than the size of the file and of the question allow.

mod directory;
mod module;
mod search;
mod tree;
mod view;
mod walk;
mod wire;

pub mod message;

#[cfg(test)]
mod tests;

pub use module::Module;
pub use search::search;
pub use tree::{DEEPEST, Rejected, Tree};
pub use view::{Aliases, Meta};

/// The file's name, in the directory of the indexes or above it.
pub const FILE_NAME: &str = "meta.pb";

/// The longest name of a module, in bytes; the kernel takes 64 at most.
pub const LONGEST_NAME: usize = 255;

/// The longest path of a module, in bytes.
pub const LONGEST_PATH: usize = 4096;

/// What no path has: modules.dep could not hold it.
pub const UNFIT_FOR_PATHS: &[u8] = b" \t\n:";

/// How deep a tree may be that is read, in nodes. Those of real kernels have some dozens.
pub const MAX_DEPTH: usize = 1000;
