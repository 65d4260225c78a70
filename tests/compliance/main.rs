//! Behaviour, compared between ours and the reference; one file an applet.

mod getopt;
mod kmod;
mod lsmod;
mod single;
mod streams;
