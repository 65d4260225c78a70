//! The applets, one directory or file each. An applet consists of a table of options and a function that runs it.
//!
//! An applet calls the library's operations and context. No applet uses another; code that several of them need is in
//! `cli`, `output` or `report`.

#[cfg(feature = "depmod")]
pub mod depmod;
pub mod insmod;
pub mod kmod;
pub mod lsmod;
pub mod modinfo;
pub mod modprobe;
pub mod rmmod;
