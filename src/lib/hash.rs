//! The hash tables of the library and of the program.
//!
//! Owns [`IndexMap`] and [`IndexSet`], which are those of the indexmap crate with a hasher that needs no random bytes from
//! the kernel. The standard library's hash tables need random bytes: without getrandom and /dev/urandom, as under a strict
//! seccomp filter, creating one ends the process. clippy.toml therefore disallows them.
//!
//! foldhash takes its seed from the addresses that the kernel has chosen for the stack and the program. The seed differs
//! between runs, so that nobody can craft a file whose names all collide, and since these tables keep the order of
//! insertion, no output depends on it. Use a `BTreeMap` where keys are removed or their order matters. Must not be used
//! for hashes that are stored.

// The disallowed types are the tables with the default hasher; here, they get another one.
#![allow(clippy::disallowed_types)]

use foldhash::fast::RandomState;

/// A hash map in the order of insertion.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, RandomState>;

/// A hash set in the order of insertion.
pub type IndexSet<T> = indexmap::IndexSet<T, RandomState>;
