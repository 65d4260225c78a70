//! Firmware: names in modules, contents of firmware directories, and related file formats.
//!
//! - [`name`]: firmware names as modules have them, paths below a firmware directory, and patterns of such paths.
//! - [`Catalogue`]: the contents of one firmware directory, with its links resolved.
//! - [`whence`]: the file WHENCE of the linux-firmware repository.
//! - [`fsspec`] and [`cpio`]: two descriptions of an image's files, which are only written.

mod catalogue;
pub mod cpio;
pub mod fsspec;
pub mod name;
#[cfg(test)]
mod tests;
pub mod whence;

pub use catalogue::{Catalogue, CatalogueNode, ResolvedFile, Steps, Unavailable};
