//! Firmware: what modules call it, what a firmware directory holds, and the texts that go along with it.
//!
//! - [`name`]: names as modules have them, paths below a firmware directory and patterns of such paths.
//! - [`Catalogue`]: what one firmware directory holds, and where its links lead.
//! - [`whence`]: the file WHENCE of the linux-firmware repository.
//! - [`fsspec`] and [`cpio`]: two descriptions of an image's files, which are written and not read.

mod catalogue;
pub mod cpio;
pub mod fsspec;
pub mod name;
#[cfg(test)]
mod tests;
pub mod whence;

pub use catalogue::{Catalogue, Chased, Dead, Node, Steps};
