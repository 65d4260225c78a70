//! The messages of the format, used for writing.

/// The whole file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Meta {
    /// The modules that are built into the kernel, then those that have a file, in depmod's order.
    #[prost(message, repeated, tag = "1")]
    pub modules: Vec<Module>,
    /// The aliases of modules that have a file.
    #[prost(message, optional, tag = "2")]
    pub module_device_matches: Option<RadixNode>,
    /// Extension: the aliases of built-in modules.
    #[prost(message, optional, tag = "100")]
    pub builtin_device_matches: Option<RadixNode>,
    /// Extension: the kernel release.
    #[prost(string, tag = "101")]
    pub release: String,
}

/// An extension of oxmod: the locations of the modules in the file, so that a lookup need not read the whole file. It is
/// field 102 of [`Meta`] and must be the first field of the file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Index {
    /// The size of the whole file in bytes.
    #[prost(fixed32, tag = "1")]
    pub size: u32,
    /// The offset at which the last module ends. Offsets are counted in bytes from the start of the file.
    #[prost(fixed32, tag = "2")]
    pub modules_end: u32,
    /// The offset of each module's field, by position.
    #[prost(fixed32, repeated, tag = "3")]
    pub modules: Vec<u32>,
    /// The FNV-1a hash of each name in the upper half and its position in the lower half, in ascending order.
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
    /// The path of its file in the module directory; empty for a built-in module.
    #[prost(string, tag = "2")]
    pub path: String,
    /// Its direct dependencies, as positions among the modules.
    #[prost(uint32, repeated, tag = "3")]
    pub depends: Vec<u32>,
    /// Extension: all modules to load before it, the last one to be loaded first, as in a line of modules.dep.
    #[prost(uint32, repeated, tag = "100")]
    pub closure: Vec<u32>,
    /// Extension: its soft dependencies, as the module spells them.
    #[prost(string, repeated, tag = "101")]
    pub softdeps: Vec<String>,
    /// Extension: its weak dependencies.
    #[prost(string, repeated, tag = "102")]
    pub weakdeps: Vec<String>,
    /// Extension: whether it is a part of the kernel that is not a module but has aliases or other module information.
    #[prost(bool, tag = "103")]
    pub part: bool,
}

/// A node of a tree. The path from the root to it is a pattern.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RadixNode {
    /// The kind of the node.
    #[prost(enumeration = "Kind", tag = "1")]
    pub kind: i32,
    /// The bytes of a [`Kind::Literal`].
    #[prost(string, tag = "2")]
    pub literal: String,
    /// The first byte of a [`Kind::ByteRange`].
    #[prost(uint32, tag = "3")]
    pub start_byte: u32,
    /// The last byte of a [`Kind::ByteRange`].
    #[prost(uint32, tag = "4")]
    pub end_byte: u32,
    /// The nodes that may follow.
    #[prost(message, repeated, tag = "5")]
    pub children: Vec<RadixNode>,
    /// The positions of the modules whose pattern ends here.
    #[prost(uint32, repeated, tag = "6")]
    pub module_index: Vec<u32>,
}

/// The kind of a node, which determines what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// The bytes of the literal, at least one.
    Literal = 0,
    /// Any number of bytes, including none.
    Wildcard = 1,
    /// Any single byte.
    SingleWildcard = 2,
    /// A byte of an inclusive range.
    ByteRange = 3,
    /// Nothing: the root.
    Root = 4,
}
