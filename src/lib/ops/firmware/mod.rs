//! Firmware by need: which files the modules of a choice ask for, where those are, and an image of just them.
//!
//! [`select`] chooses modules with all that they need, [`needs`] tells what they ask for, [`Search`] finds it as the kernel
//! would, [`Image`] gathers it with the links on the way to it, [`copy`] carries it out.
//! None of them says a word.

mod copy;
mod expand;
mod gather;
mod image;
mod need;
mod prune;
mod search;
mod select;
mod survey;

pub use copy::copy;
pub use image::{Entry, Image, Sizes, depmod_inputs, module_place};
pub use need::{Needs, needs, needs_of_builtin, needs_of_files};
pub use prune::{Files, files};
pub use search::{Ambiguity, Found, Policy, Search, kernel_path};
pub use select::{Chosen, Selection, Unselected, devices, select};
pub use survey::{Made, Missing, Owned, Place, Present, Survey};

/// Where firmware is below a root, and in an image.
pub const FIRMWARE: &str = "/lib/firmware";
