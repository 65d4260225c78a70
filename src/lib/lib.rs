//! oxmod: the library under a drop-in replacement for Linux's kmod.
//!
//! One way through the house; nothing calls upwards or sideways:
//!
//! ```text
//! CLI ─► ops ─► context ─► formats (source, config, index, elf, modinfo, ...): bytes in, values out
//!                     └──► sys: every syscall, file, process, thread and unsafe block
//! ```
//!
//! - Formats never perform I/O and never trust a byte they read.
//! - [`sys`] never interprets what it reads.
//! - [`context`] takes bytes from [`sys`] and hands them to the formats.
//! - [`ops`] are the jobs (probe, depmod, info, ...); each first makes a plan, then carries it out.
//! - [`error`] and [`notice`] are the vocabulary of what went wrong, with its words; [`errno`] and [`text`] help to
//!   compose them.

// Tests do to the system what they like.
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod context;
pub mod errno;
pub mod error;
pub mod formats;
pub mod graph;
#[doc(hidden)]
pub mod lock;
mod memory;
pub mod name;
pub mod notice;
#[doc(hidden)]
pub mod number;
pub mod ops;
mod path_walk;
#[doc(hidden)]
pub mod sys;
pub mod text;

/// The examples of the library's README are tested as those of the documentation are.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;
