//! A module's information about itself: `.modinfo` strings, parameters, the appended signature.
//!
//! Owns these three formats. Must not know ELF (in which section the strings are) or files (at whose end the signature
//! is), only bytes and values.
//!
//! Contract: the kernel's `MODULE_INFO` strings and `struct module_signature`, interpreted as libkmod does.

mod parameters;
mod pkcs7;
mod signature;
mod strings;
#[cfg(test)]
mod tests;

pub use parameters::{BadParameter, Parameter, Parameters};
pub use signature::{Signature, Trailer, hex};
pub use strings::{Entry, builtin, strings};
