//! Firmware by need: which files the modules of a choice ask for, where those are, and an image of just them.
//!
//! [`select`] chooses modules with all that they need, [`needs`] tells what they ask for, [`Search`] finds it as the kernel
//! would, [`Image`] gathers it with the links on the way to it, [`copy`] carries it out.
//! None of them says a word.

mod copy;
mod expand;
mod gather;
mod image;
mod inputs;
mod need;
mod prune;
mod search;
mod select;
mod survey;

pub use crate::formats::firmware::Dead;
pub use crate::formats::firmware::whence::Whence;
pub use copy::copy;
pub use image::{Entry, FIRMWARE, Image, Sizes, depmod_inputs, module_place};
pub use inputs::{names_in, names_in_all, needs_of_builtin_in, read_whence, write_all};
pub use need::{Needs, needs, needs_of_builtin, needs_of_files};
pub use prune::{Files, files};
pub use search::{Ambiguity, Found, Policy, Search, kernel_path};
pub use select::{Chosen, Selection, Unselected, devices, select};
pub use survey::{Made, Missing, Owned, Place, Present, Survey};
