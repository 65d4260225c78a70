//! The messages of the format, for writing.

/// Everything there is to know.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Meta {
    /// First those that are built into the kernel, then those that have a file, in depmod's order.
    #[prost(message, repeated, tag = "1")]
    pub modules: Vec<Module>,
    /// The aliases of modules that have a file.
    #[prost(message, optional, tag = "2")]
    pub module_device_matches: Option<RadixNode>,
    /// Ours: the aliases of those that are built in.
    #[prost(message, optional, tag = "100")]
    pub builtin_device_matches: Option<RadixNode>,
    /// Ours: the kernel's version.
    #[prost(string, tag = "101")]
    pub release: String,
}

/// Ours: where things are in the file, so that not all of it has to be read. The first thing in the file, as field 102 of
/// [`Meta`], and of no use anywhere else.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Index {
    /// How many bytes the whole file has.
    #[prost(fixed32, tag = "1")]
    pub size: u32,
    /// Where the last module ends. Places are counted in bytes from the beginning of the file.
    #[prost(fixed32, tag = "2")]
    pub modules_end: u32,
    /// Where the field of each module begins, by position.
    #[prost(fixed32, repeated, tag = "3")]
    pub modules: Vec<u32>,
    /// The FNV-1a hash of each name in the upper half, the position in the lower one, in ascending order.
    #[prost(fixed64, repeated, tag = "4")]
    pub names: Vec<u64>,
    /// The lines of modules.softdep and modules.weakdep.
    #[prost(string, repeated, tag = "5")]
    pub lines: Vec<String>,
}

/// One module.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Module {
    /// Its normalised name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its file below the module directory; empty for one that is built in.
    #[prost(string, tag = "2")]
    pub path: String,
    /// What it needs itself, as positions among the modules.
    #[prost(uint32, repeated, tag = "3")]
    pub depends: Vec<u32>,
    /// Ours: everything that is to be loaded before it, what comes last first, as in a line of modules.dep.
    #[prost(uint32, repeated, tag = "100")]
    pub closure: Vec<u32>,
    /// Ours: its soft dependencies, as the module spells them.
    #[prost(string, repeated, tag = "101")]
    pub softdeps: Vec<String>,
    /// Ours: its weak dependencies.
    #[prost(string, repeated, tag = "102")]
    pub weakdeps: Vec<String>,
    /// Ours: it is a part of the kernel that is no module, only has aliases or the like as one has.
    #[prost(bool, tag = "103")]
    pub part: bool,
}

/// A node of a tree: the way from the root to it is a pattern.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RadixNode {
    /// Which of the following it is.
    #[prost(enumeration = "Kind", tag = "1")]
    pub kind: i32,
    /// The bytes of a [`Kind::Literal`].
    #[prost(string, tag = "2")]
    pub literal: String,
    /// The first byte of a [`Kind::ByteRange`].
    #[prost(uint32, tag = "3")]
    pub start_byte: u32,
    /// Its last one.
    #[prost(uint32, tag = "4")]
    pub end_byte: u32,
    /// How it goes on.
    #[prost(message, repeated, tag = "5")]
    pub children: Vec<RadixNode>,
    /// The modules whose pattern ends here.
    #[prost(uint32, repeated, tag = "6")]
    pub module_index: Vec<u32>,
}

/// What a node matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// These bytes, one or more.
    Literal = 0,
    /// Any bytes, or none.
    Wildcard = 1,
    /// Any byte.
    SingleWildcard = 2,
    /// A byte between two others.
    ByteRange = 3,
    /// The root, which matches nothing.
    Root = 4,
}
