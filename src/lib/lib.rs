//! A library for Linux kernel modules: their indexes, configuration, files, loading and removal. The
//! kmod-compatible tools of the oxmod package are built on it.
//!
//! The layers, each of which calls only those to its right:
//!
//! ```text
//! CLI ─► ops ─► context ─► formats (source, config, index, elf, modinfo, ...): bytes in, values out
//!                     └──► sys: every syscall, file, process, thread and unsafe block
//! ```
//!
//! - [`formats`] never perform I/O and never trust a byte they read.
//! - [`sys`] never interprets what it reads.
//! - [`context`] reads bytes through [`sys`] and passes them to the formats.
//! - [`ops`] are the operations (probe, depmod, info, ...): each makes a plan and then carries it out.
//! - [`error`] and [`notice`] describe failures and warnings, including their wording; [`errno`] and [`text`]
//!   help to compose it.
//!
//! Most programs start with [`ops::manager::Manager`], which loads and removes modules, or with
//! [`context::Context`], which looks up modules.

// Tests may use the methods and types that clippy.toml forbids.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod context;
pub mod errno;
pub mod error;
pub mod formats;
pub mod graph;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod lock;
mod memory;
pub mod name;
pub mod notice;
#[doc(hidden)]
pub mod number;
pub mod ops;
mod path_walk;
mod setters;
#[doc(hidden)]
pub mod sys;
pub mod text;

/// Runs the examples in the library's README as doc tests.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
