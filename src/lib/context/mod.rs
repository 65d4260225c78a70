//! The context: one module directory with its configuration and indexes.
//!
//! Owns the state that look-ups need and takes bytes from [`sys`](crate::sys) to the formats. No
//! globals: two contexts never share anything. Must not print and must not change the system.

pub mod conf;
