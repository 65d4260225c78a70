//! The configuration in modprobe.d and on the kernel command line, and queries on it.
//!
//! Entries stay in the order in which they were parsed, because that order is significant. Must not know the grammar.
//! Keys are normalised (`-` becomes `_` outside `[...]`); names inside dependency lists are kept as written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;

use crate::name;

/// The origin of an entry. If the lines of both kinds apply to a module, those of the first kind come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OriginKind {
    /// The administrator or a package: configuration files, the kernel command line.
    Administrator,
    /// The modules themselves; depmod collects these lines in `modules.softdep` and `modules.weakdep`.
    Modules,
}

/// Where an entry was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The path of the file: the directory that was searched, joined with the file's name.
    pub path: Arc<Path>,
    /// The last physical line of the logical line, counted from 1; 0 for the kernel command line, which does not have
    /// lines.
    pub line: u32,
    /// Whether the administrator or a module wrote the entry.
    pub kind: OriginKind,
}

/// `alias PATTERN MODULE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The fnmatch pattern of the names that the alias stands for.
    pub pattern: BString,
    /// The module that the alias resolves to. It is not resolved as an alias again.
    pub module: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `blacklist MODULE`, or an item of `modprobe.blacklist=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklist {
    /// The module name; not a pattern.
    pub module: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `options MODULE TEXT`, or `module.parameter=value` of the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of a module, or of the alias by which it was found; not a pattern.
    pub module: BString,
    /// The parameters, separated by blanks, otherwise as written.
    pub text: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `install PATTERN COMMAND` or `remove PATTERN COMMAND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// An fnmatch pattern of the modules whose insertion or removal the command replaces.
    pub pattern: BString,
    /// The command as written, to be run by the shell.
    pub command: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `forbid PATTERN [REASON]`: the module must not be loaded, no matter who requests it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbid {
    /// An fnmatch pattern of the modules that the line applies to.
    pub pattern: BString,
    /// The reason that is shown to users, without surrounding blanks.
    pub reason: Option<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// `softdep PATTERN pre: ... post: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softdep {
    /// An fnmatch pattern of the modules that the line applies to.
    pub pattern: BString,
    /// The modules to load before this one, in this order.
    pub pre: Vec<BString>,
    /// The modules to load after this one, in this order.
    pub post: Vec<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// `weakdep PATTERN ...`: a hint to programs that build an initramfs, without further effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakdep {
    /// An fnmatch pattern of the modules that the line applies to.
    pub pattern: BString,
    /// The names listed, in this order.
    pub modules: Vec<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// The soft dependencies of one module, merged from all lines that apply to it: names as written, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Softdeps<'c> {
    /// The modules to load before this one, in this order.
    pub pre: Vec<&'c BString>,
    /// The modules to load after this one, in this order.
    pub post: Vec<&'c BString>,
}

/// The configuration of modprobe. Each list is in the order parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The `alias` lines.
    pub aliases: Vec<Alias>,
    /// The `blacklist` lines and the items of `modprobe.blacklist=`.
    pub blacklist: Vec<Blacklist>,
    /// The `options` lines and the parameters on the kernel command line.
    pub options: Vec<Options>,
    /// The `install` lines.
    pub installs: Vec<Command>,
    /// The `remove` lines.
    pub removes: Vec<Command>,
    /// The `softdep` lines.
    pub softdeps: Vec<Softdep>,
    /// The `weakdep` lines.
    pub weakdeps: Vec<Weakdep>,
    /// The `forbid` lines.
    pub forbids: Vec<Forbid>,
}

impl Config {
    /// Returns all aliases whose pattern matches the normalised `name`.
    pub fn aliases_of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Alias> {
        self.aliases.iter().filter(move |alias| name::fnmatch(&alias.pattern, name))
    }

    /// Returns the entry that blacklists the normalised `module`, if any.
    pub fn blacklisted(&self, module: &[u8]) -> Option<&Blacklist> {
        self.blacklist.iter().find(|entry| entry.module == module)
    }

    /// Returns all parameters for a module, joined by single blanks in the order written; `None` if no entry names the
    /// module or the alias by which it was found.
    pub fn options_for(&self, module: &[u8], alias: Option<&[u8]>) -> Option<BString> {
        let concerned =
            |entry: &&Options| entry.module == module || alias.is_some_and(|alias| entry.module == alias);
        let mut texts = self.options.iter().filter(concerned).map(|entry| &entry.text);
        let mut joined = texts.next()?.clone();
        for text in texts {
            joined.push(b' ');
            joined.extend_from_slice(text);
        }
        Some(joined)
    }

    /// Returns the command that replaces the insertion of the normalised `module`: the first match.
    pub fn install_for(&self, module: &[u8]) -> Option<&Command> {
        first_match(&self.installs, module)
    }

    /// Returns the command that replaces the removal of the normalised `module`: the first match.
    pub fn remove_for(&self, module: &[u8]) -> Option<&Command> {
        first_match(&self.removes, module)
    }

    /// Returns the line that forbids the normalised `module`: the first match, which is the one to report.
    pub fn forbidden(&self, module: &[u8]) -> Option<&Forbid> {
        self.forbids.iter().find(|entry| name::fnmatch(&entry.pattern, module))
    }

    /// Returns the soft dependencies of the normalised `module`. All matching lines add up in the order parsed, those
    /// of the administrator before those of the modules.
    pub fn softdeps_of(&self, module: &[u8]) -> Softdeps<'_> {
        let matching = self.softdeps.iter().filter(|entry| name::fnmatch(&entry.pattern, module));
        let lines = by_kind(matching, |entry| entry.origin.kind);
        Softdeps {
            pre: distinct(lines.iter().flat_map(|entry| &entry.pre)),
            post: distinct(lines.iter().flat_map(|entry| &entry.post)),
        }
    }

    /// Returns the weak dependencies of the normalised `module`. Lines add up as in [`softdeps_of`](Self::softdeps_of).
    pub fn weakdeps_of(&self, module: &[u8]) -> Vec<&BString> {
        let matching = self.weakdeps.iter().filter(|entry| name::fnmatch(&entry.pattern, module));
        let lines = by_kind(matching, |entry| entry.origin.kind);
        distinct(lines.iter().flat_map(|entry| &entry.modules))
    }
}

fn first_match<'a>(commands: &'a [Command], module: &[u8]) -> Option<&'a Command> {
    commands.iter().find(|entry| name::fnmatch(&entry.pattern, module))
}

/// Puts the administrator's entries before the modules', keeping the order parsed within each.
fn by_kind<'c, T>(entries: impl Iterator<Item = &'c T>, kind: fn(&T) -> OriginKind) -> Vec<&'c T> {
    let is_first = |entry: &&T| kind(entry) == OriginKind::Administrator;
    let (mut first, modules): (Vec<&T>, Vec<&T>) = entries.partition(is_first);
    first.extend(modules);
    first
}

/// Keeps the first occurrence of each name. Names that differ only in `-` and `_` are the same.
fn distinct<'c>(names: impl Iterator<Item = &'c BString>) -> Vec<&'c BString> {
    let mut seen = BTreeSet::new();
    let key = |name: &'c BString| name::normalize_alias(name).unwrap_or(Cow::Borrowed(name.as_slice()));
    names.filter(|name| seen.insert(key(name))).collect()
}
