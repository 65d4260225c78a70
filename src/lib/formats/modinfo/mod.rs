//! What a module says about itself: `.modinfo` strings, those in modules.builtin.modinfo, parameters, the appended signature.
//!
//! Owns these four formats. Must not know ELF (which section the strings come from) nor files (whose end the
//! signature is at): bytes in, values out.
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
