//! Behaviour, compared between ours and the reference; one file an applet.

mod getopt;
mod kmod;
mod lsmod;
mod modprobe;
mod single;
mod streams;
