//! The information in a module: `.modinfo` strings, modules.builtin.modinfo, parameters, and the appended signature.
//!
//! Owns these four formats. Must know neither ELF (the section of the strings) nor files (which end with the signature):
//! bytes in, values out.
//!
//! Contract: the kernel's `MODULE_INFO` strings and `struct module_signature`, interpreted as libkmod does.

mod builtin;
mod parameters;
mod pkcs7;
mod signature;
mod strings;
#[cfg(test)]
mod tests;

pub use builtin::{BuiltinInfo, builtin, builtin_aliases, builtin_modinfo};
pub use parameters::{BadParameter, Parameter, Parameters};
pub use signature::{Signature, Trailer, hex};
pub use strings::{Field, strings};
