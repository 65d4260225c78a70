//! The applets, one folder or file each: a table of options, and what is done with what was typed.
//!
//! An applet calls the library's operations and context. No applet uses another; what several of them need stands in
//! `cli`, `output` or `report`.

#[cfg(feature = "depmod")]
pub mod depmod;
pub mod insmod;
pub mod kmod;
pub mod lsmod;
pub mod modinfo;
pub mod modprobe;
pub mod rmmod;
