//! What modprobe.d and the kernel command line say, as values and the questions asked of them.
//!
//! Entries stay in the order in which they were parsed, since that order is their meaning. Must not
//! know the grammar. Keys are normalised (`-` is `_` outside `[...]`), names inside dependency lists
//! are as written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;

use crate::name;

/// Whose word an entry is. Where several lines add up, those of the first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// A person's or a package's: files of the configuration, the kernel command line.
    Administrator,
    /// The modules' own, collected by depmod: `modules.softdep`, `modules.weakdep`.
    Modules,
}

/// Where an entry was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, as its path was composed from the directory that was searched.
    pub path: Arc<Path>,
    /// The last physical line of the logical line, counted from 1; 0 where lines mean nothing
    /// (the kernel command line).
    pub line: u32,
    /// Whose word it is.
    pub author: Author,
}

/// `alias PATTERN MODULE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// What it stands for, an fnmatch pattern.
    pub pattern: BString,
    /// The module meant. Not looked up as an alias again.
    pub module: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `blacklist MODULE`, or an item of `modprobe.blacklist=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklist {
    /// The module's name, taken literally.
    pub module: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `options MODULE TEXT`, or `module.parameter=value` of the kernel command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of a module or of the alias that it was found by, taken literally.
    pub module: BString,
    /// The parameters, separated by blanks, otherwise as written.
    pub text: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `install PATTERN COMMAND` or `remove PATTERN COMMAND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Which modules it replaces the insertion or removal of, an fnmatch pattern.
    pub pattern: BString,
    /// For the shell, as written.
    pub command: BString,
    /// Where it was written.
    pub origin: Origin,
}

/// `forbid PATTERN [REASON]`: not to be loaded, whoever asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbid {
    /// Which modules it is for, an fnmatch pattern.
    pub pattern: BString,
    /// What people are told, without the blanks around it.
    pub reason: Option<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// `softdep PATTERN pre: ... post: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softdep {
    /// Which modules it is for, an fnmatch pattern.
    pub pattern: BString,
    /// Names to be loaded before the module, in this order.
    pub pre: Vec<BString>,
    /// Names to be loaded after the module, in this order.
    pub post: Vec<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// `weakdep PATTERN ...`: only a hint to builders of initial file systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakdep {
    /// Which modules it is for, an fnmatch pattern.
    pub pattern: BString,
    /// The names given, in this order.
    pub modules: Vec<BString>,
    /// Where it was written.
    pub origin: Origin,
}

/// The soft dependencies of one module, from all the lines that are for it: names as written, none twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Softdeps<'c> {
    /// To be loaded before the module, in this order.
    pub pre: Vec<&'c BString>,
    /// To be loaded after the module, in this order.
    pub post: Vec<&'c BString>,
}

/// All configuration of modprobe, each list in the order parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The `alias` lines.
    pub aliases: Vec<Alias>,
    /// The `blacklist` lines and items.
    pub blacklist: Vec<Blacklist>,
    /// The `options` lines and command line parameters.
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
    /// The aliases whose pattern matches the normalised `name`, all of them.
    pub fn aliases_of<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Alias> {
        self.aliases.iter().filter(move |alias| name::fnmatch(&alias.pattern, name))
    }

    /// The entry that blacklists the normalised `module`.
    pub fn blacklisted(&self, module: &[u8]) -> Option<&Blacklist> {
        self.blacklist.iter().find(|entry| entry.module == module)
    }

    /// All parameters for a module, joined by single blanks in the order written; `None` when no
    /// entry names the module or the alias that it was found by.
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

    /// The command that replaces the insertion of the normalised `module`; the first match counts.
    pub fn install_for(&self, module: &[u8]) -> Option<&Command> {
        first_match(&self.installs, module)
    }

    /// The command that replaces the removal of the normalised `module`; the first match counts.
    pub fn remove_for(&self, module: &[u8]) -> Option<&Command> {
        first_match(&self.removes, module)
    }

    /// The line that forbids the normalised `module`; the first match is the one to tell.
    pub fn forbidden(&self, module: &[u8]) -> Option<&Forbid> {
        self.forbids.iter().find(|entry| name::fnmatch(&entry.pattern, module))
    }

    /// The soft dependencies of the normalised `module`: all lines that match add up in the order
    /// parsed, the administrator's before those of the modules.
    pub fn softdeps_of(&self, module: &[u8]) -> Softdeps<'_> {
        let matching = self.softdeps.iter().filter(|entry| name::fnmatch(&entry.pattern, module));
        let lines = by_author(matching, |entry| entry.origin.author);
        Softdeps {
            pre: distinct(lines.iter().flat_map(|entry| &entry.pre)),
            post: distinct(lines.iter().flat_map(|entry| &entry.post)),
        }
    }

    /// The weak dependencies of the normalised `module`; lines add up as those of
    /// [`softdeps_of`](Self::softdeps_of) do.
    pub fn weakdeps_of(&self, module: &[u8]) -> Vec<&BString> {
        let matching = self.weakdeps.iter().filter(|entry| name::fnmatch(&entry.pattern, module));
        let lines = by_author(matching, |entry| entry.origin.author);
        distinct(lines.iter().flat_map(|entry| &entry.modules))
    }
}

fn first_match<'a>(commands: &'a [Command], module: &[u8]) -> Option<&'a Command> {
    commands.iter().find(|entry| name::fnmatch(&entry.pattern, module))
}

/// The administrator's entries, then the modules', each in the order parsed.
fn by_author<'c, T>(entries: impl Iterator<Item = &'c T>, author: fn(&T) -> Author) -> Vec<&'c T> {
    let mut entries: Vec<&T> = entries.collect();
    entries.sort_by_key(|entry| author(entry));
    entries
}

/// The first of each name; `-` and `_` make no other name of it.
fn distinct<'c>(names: impl Iterator<Item = &'c BString>) -> Vec<&'c BString> {
    let mut seen = BTreeSet::new();
    let key = |name: &'c BString| name::normalize_alias(name).unwrap_or(Cow::Borrowed(name.as_slice()));
    names.filter(|name| seen.insert(key(name))).collect()
}
