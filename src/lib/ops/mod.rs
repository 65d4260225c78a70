//! The operations. Each makes a plan from what [`crate::context`] and the formats provide, and then carries
//! it out.

#![forbid(unsafe_code)]

pub mod coldplug;
pub mod command;
pub mod depmod;
mod error;
pub mod firmware;
pub mod info;
pub mod insert;
pub mod manager;
pub mod meta_check;
pub mod meta_file;
pub mod probe;
pub mod remove;
pub mod static_nodes;
pub mod symbols;

pub use error::{Forbidden, ModuleError};
