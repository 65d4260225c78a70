//! The protobuf message `Meta` of image-based systems: modules, their dependencies, and a radix tree of their aliases.
//!
//! Owns the format: proto3, package `osbase.kmod.spec`, with extensions of oxmod in fields from 100 on, which other
//! readers skip; see meta.pb(5). Messages are decoded in place, and a lookup decodes only what it needs. Must not know
//! the source of the bytes and must not trust them: no recursion, and no more steps than the sizes of the file and of
//! the query allow.

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

pub use module::MetaModule;
pub use search::search;
pub use tree::{DEEPEST, RadixTree, RejectedPattern};
pub use view::{Aliases, MetaReader};

/// The name of the file, which is in the module directory or above it.
pub const FILE_NAME: &str = "meta.pb";

/// The maximum length of a module name in bytes; the kernel's limit is 64.
pub const LONGEST_NAME: usize = 255;

/// The maximum length of a module path in bytes.
pub const LONGEST_PATH: usize = 4096;

/// Bytes that a path must not contain, because modules.dep could not represent it.
pub const UNFIT_FOR_PATHS: &[u8] = b" \t\n:";

/// The maximum depth in nodes of a tree that is read. The trees of real kernels are a few dozen nodes deep.
pub const MAX_DEPTH: usize = 1000;
