//! The file formats: bytes in, values out.
//!
//! Nothing here performs I/O, starts a thread, reads the clock or trusts a byte of its input. The formats are independent
//! of each other; they share the access to bytes ([`source`]), `varint`, and the vocabulary of the crate:
//! [`error`](crate::error), [`name`](crate::name), [`notice`](crate::notice).

#![forbid(unsafe_code)]

pub mod cache;
pub mod compress;
pub mod config;
pub mod elf;
pub mod firmware;
pub mod index;
pub mod meta;
pub mod modinfo;
pub mod proc_modules;
pub mod source;
pub mod symvers;
pub mod uevent;
mod varint;
