//! The contents of every output file, built in memory. The names, formats and order of the files are
//! determined by modules.dep(5) and the programs that read them.

use std::cell::RefCell;
use std::path::Path;

use bstr::ByteSlice;

use crate::error::FormatError;
use crate::formats::index::IndexBuilder;
use crate::formats::modinfo;
use crate::hash::IndexSet;
use crate::name;
use crate::notice::{DepmodNotice, Sink};
use crate::number;
use crate::sys::{host, parallel};

use super::lists::{BUILTIN, BUILTIN_MODINFO};
use super::read::{ReadModule, short_path};
use super::{Plan, notify, order};

/// One output file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// The file name in the module directory.
    pub name: &'static str,
    /// The contents.
    pub bytes: Vec<u8>,
}

impl OutputFile {
    /// Whether it is a binary index.
    pub(super) fn is_index(&self) -> bool {
        !is_text(self.name)
    }
}

/// The files to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The texts and the indexes.
    All,
    /// Only the texts, for display.
    Texts,
    /// Only meta.pb.
    Meta,
}

/// The first of the files; its modification time stands for the whole set.
pub(super) const DEP: &str = "modules.dep";

/// All output files in the order in which they are published.
pub(super) const NAMES: [&str; 11] = [
    DEP,
    "modules.dep.bin",
    "modules.alias",
    "modules.alias.bin",
    "modules.softdep",
    "modules.weakdep",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
    "modules.devname",
];

const ALIAS_HEADER: &str = "# Aliases extracted from modules themselves.\n";
const SOFTDEP_HEADER: &str = "# Soft dependencies extracted from modules themselves.\n";
const WEAKDEP_HEADER: &str = "# Weak dependencies extracted from modules themselves.\n";
const SYMBOLS_HEADER: &str = "# Aliases for symbols, used by symbol_request().\n";
const DEVNAME_HEADER: &str = "# Device nodes to trigger on-demand module loading.\n";

/// Notices that were collected while some of the files were built, to be sent in a fixed order later.
#[derive(Default)]
pub(super) struct NoticeBuffer(RefCell<Vec<DepmodNotice>>);

impl NoticeBuffer {
    pub(super) fn push(&self, notice: DepmodNotice) {
        self.0.borrow_mut().push(notice);
    }
}

/// The groups of files that are built together, in the order in which their notices are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Deps,
    Aliases,
    Symbols,
    Others,
    Meta,
}

impl Job {
    /// The most expensive first.
    const INDEXES: [Self; 4] = [Self::Aliases, Self::Deps, Self::Symbols, Self::Others];
}

impl Plan<'_> {
    /// Builds all files, in the order of [`NAMES`], followed by meta.pb.
    ///
    /// Errors: an index exceeds the limits of its format.
    pub(super) fn images(&self, sink: &Sink) -> Result<Vec<OutputFile>, FormatError> {
        let mut results = parallel::map(
            host::processors(),
            &self.jobs(),
            || (),
            |(), &job| {
                let notices = NoticeBuffer::default();
                (job, self.build(job, &notices), notices.0.into_inner())
            },
        );
        results.sort_by_key(|&(job, ..)| job);
        let mut outputs = Vec::with_capacity(NAMES.len());
        for (_, files, notices) in results {
            for notice in notices {
                notify(sink, notice);
            }
            outputs.extend(files?);
        }
        let position = |name| NAMES.iter().position(|&other| other == name).unwrap_or(NAMES.len());
        outputs.sort_by_key(|output| position(output.name));
        Ok(outputs)
    }

    fn jobs(&self) -> Vec<Job> {
        match self.wanted {
            Wanted::Meta => vec![Job::Meta],
            Wanted::All if self.options.meta => [&[Job::Meta][..], &Job::INDEXES].concat(),
            Wanted::All | Wanted::Texts => Job::INDEXES.to_vec(),
        }
    }

    fn build(&self, job: Job, notices: &NoticeBuffer) -> Result<Vec<OutputFile>, FormatError> {
        match job {
            Job::Deps => self.dep_files(notices),
            Job::Aliases => self.alias_files(notices),
            Job::Symbols => self.symbol_files(notices),
            Job::Others => self.other_files(notices),
            Job::Meta => Ok(vec![self.meta_file(notices)?]),
        }
    }

    /// Appends an index if indexes are to be built.
    fn index(
        &self,
        outputs: &mut Vec<OutputFile>,
        name: &'static str,
        build: impl FnOnce() -> Result<Vec<u8>, FormatError>,
    ) -> Result<(), FormatError> {
        if self.wanted == Wanted::All {
            outputs.push(OutputFile { name, bytes: build()? });
        }
        Ok(())
    }

    fn dep_files(&self, notices: &NoticeBuffer) -> Result<Vec<OutputFile>, FormatError> {
        let lines = self.dep_lines();
        let mut outputs = vec![OutputFile { name: DEP, bytes: text_of(&lines) }];
        self.index(&mut outputs, "modules.dep.bin", || self.dep_index(&lines, notices))?;
        Ok(outputs)
    }

    fn alias_files(&self, notices: &NoticeBuffer) -> Result<Vec<OutputFile>, FormatError> {
        let mut outputs = vec![OutputFile { name: "modules.alias", bytes: self.alias_text() }];
        self.index(&mut outputs, "modules.alias.bin", || self.alias_index(notices))?;
        Ok(outputs)
    }

    fn symbol_files(&self, notices: &NoticeBuffer) -> Result<Vec<OutputFile>, FormatError> {
        let lines = self.symbol_lines();
        let mut outputs = vec![OutputFile { name: "modules.symbols", bytes: self.symbols_text(&lines) }];
        self.index(&mut outputs, "modules.symbols.bin", || self.symbols_index(&lines, notices))?;
        Ok(outputs)
    }

    fn other_files(&self, notices: &NoticeBuffer) -> Result<Vec<OutputFile>, FormatError> {
        let softdeps = self.extracted(SOFTDEP_HEADER, "softdep", |module| &module.softdeps);
        let weakdeps = self.extracted(WEAKDEP_HEADER, "weakdep", |module| &module.weakdeps);
        let mut outputs = vec![
            OutputFile { name: "modules.softdep", bytes: softdeps },
            OutputFile { name: "modules.weakdep", bytes: weakdeps },
        ];
        self.index(&mut outputs, "modules.builtin.bin", || self.builtin_index(notices))?;
        self.index(&mut outputs, "modules.builtin.alias.bin", || self.builtin_alias_index(notices))?;
        outputs.push(OutputFile { name: "modules.devname", bytes: self.devname_text(notices) });
        Ok(outputs)
    }

    /// Returns the lines `path: dependency dependency`; the dependency to be loaded first comes last.
    fn dep_lines(&self) -> Vec<Vec<u8>> {
        let mut seen = vec![u32::MAX; self.modules.len()];
        (0_u32..)
            .zip(self.modules)
            .map(|(index, module)| {
                let mut line = [short_path(self.dir, module.path), b":"].concat();
                for on in self.resolved.graph.closure(index, &self.resolved.numbers, &mut seen) {
                    line.push(b' ');
                    line.extend_from_slice(short_path(self.dir, self.modules[on as usize].path));
                }
                line
            })
            .collect()
    }

    fn dep_index(&self, lines: &[Vec<u8>], notices: &NoticeBuffer) -> Result<Vec<u8>, FormatError> {
        let mut index = Checked::new("modules.dep.bin", notices);
        for ((priority, module), line) in (0_u32..).zip(self.modules).zip(lines) {
            index.insert(module.name, line, priority);
        }
        index.write()
    }

    fn aliases(&self) -> impl Iterator<Item = (u32, &ReadModule<'_>, &[u8])> {
        let modules = (0_u32..).zip(self.modules);
        modules.flat_map(|(at, module)| module.aliases.iter().map(move |&alias| (at, module, alias)))
    }

    fn alias_text(&self) -> Vec<u8> {
        self.extracted_with(ALIAS_HEADER, |out, module| {
            for alias in &module.aliases {
                push_line(out, &[b"alias ", alias, b" ", module.name]);
            }
        })
    }

    fn alias_index(&self, notices: &NoticeBuffer) -> Result<Vec<u8>, FormatError> {
        let mut seen = IndexSet::default();
        let mut normalized = Vec::new();
        for (priority, module, alias) in self.aliases() {
            let Ok(key) = name::normalize_alias(alias) else {
                notices.push(DepmodNotice::UnmatchedBracket { alias: alias.into() });
                continue;
            };
            if self.options.warn_duplicates && !seen.insert((key.clone(), module.name)) {
                let (key, value) = (key.as_ref().into(), module.name.into());
                notices.push(DepmodNotice::DuplicateAlias { key, value });
            }
            normalized.push((key, module.name, priority));
        }
        let mut index = Checked::new("modules.alias.bin", notices);
        for (alias, module, priority) in &normalized {
            index.insert(alias, module, *priority);
        }
        index.write()
    }

    /// Returns a line `keyword module value` for each value of each module.
    fn extracted(
        &self,
        header: &str,
        keyword: &str,
        values: impl for<'m> Fn(&'m ReadModule<'_>) -> &'m [&'m [u8]],
    ) -> Vec<u8> {
        self.extracted_with(header, |out, module| {
            for value in values(module) {
                push_line(out, &[keyword.as_bytes(), b" ", module.name, b" ", value]);
            }
        })
    }

    fn extracted_with(&self, header: &str, mut each: impl FnMut(&mut Vec<u8>, &ReadModule<'_>)) -> Vec<u8> {
        let mut out = header.as_bytes().to_vec();
        for module in self.modules {
            each(&mut out, module);
        }
        out
    }

    /// Returns `symbol:NAME` and the index of its module, in the order of the file.
    fn symbol_lines(&self) -> Vec<(Vec<u8>, u32)> {
        let mut symbols: Vec<(&[u8], u32)> =
            self.symbols.iter().map(|(&name, &(module, _))| (name, module)).collect();
        symbols.sort_by_cached_key(|&(name, _)| order::symbol_key(name));
        symbols.into_iter().map(|(name, module)| ([b"symbol:", name].concat(), module)).collect()
    }

    fn symbols_text(&self, symbols: &[(Vec<u8>, u32)]) -> Vec<u8> {
        let mut out = SYMBOLS_HEADER.as_bytes().to_vec();
        for (symbol, module) in symbols {
            push_line(&mut out, &[b"alias ", symbol, b" ", self.modules[*module as usize].name]);
        }
        out
    }

    fn symbols_index(
        &self,
        symbols: &[(Vec<u8>, u32)],
        notices: &NoticeBuffer,
    ) -> Result<Vec<u8>, FormatError> {
        let mut index = Checked::new("modules.symbols.bin", notices);
        for (symbol, module) in symbols {
            index.insert(symbol, self.modules[*module as usize].name, *module);
        }
        index.write()
    }

    pub(super) fn list(&self, list: usize, notices: &NoticeBuffer) -> Option<&[u8]> {
        self.lists.text(list).map_err(|notice| notices.push(notice)).ok()
    }

    /// Without modules.builtin, this is an empty file and not an index without entries, as older readers expect.
    fn builtin_index(&self, notices: &NoticeBuffer) -> Result<Vec<u8>, FormatError> {
        let Some(builtin) = self.list(BUILTIN, notices) else { return Ok(Vec::new()) };
        let mut index = Checked::new("modules.builtin.bin", notices);
        let mut names = Vec::new();
        for line in builtin.lines_with_terminator() {
            if line.first().is_some_and(u8::is_ascii_alphabetic) {
                names.push(name::from_path(line));
            } else {
                notices.push(DepmodNotice::BadBuiltinLine { text: line.into() });
            }
        }
        for name in &names {
            index.insert(name, b"", 0);
        }
        index.write()
    }

    fn builtin_alias_index(&self, notices: &NoticeBuffer) -> Result<Vec<u8>, FormatError> {
        let Some(modinfo) = self.list(BUILTIN_MODINFO, notices) else { return Ok(Vec::new()) };
        let mut index = Checked::new("modules.builtin.alias.bin", notices);
        let mut aliases = Vec::new();
        for info in modinfo::builtin_aliases(modinfo) {
            match name::normalize_alias(info.value) {
                Ok(alias) => aliases.push((alias, info.module)),
                Err(_) => notices.push(DepmodNotice::UnmatchedBracket { alias: info.value.into() }),
            }
        }
        for (alias, module) in &aliases {
            index.insert(alias, module, 0);
        }
        index.write()
    }

    fn devname_text(&self, notices: &NoticeBuffer) -> Vec<u8> {
        let mut out = Vec::new();
        for module in self.modules {
            let Some((devname, numbers)) = device_node(module) else { continue };
            let Some((kind, major, minor)) = numbers else {
                notices.push(DepmodNotice::DevnameWithoutNumbers {
                    module: module.name.into(),
                    devname: devname.into(),
                });
                continue;
            };
            if out.is_empty() {
                out.extend_from_slice(DEVNAME_HEADER.as_bytes());
            }
            let device = format!("{kind}{major}:{minor}");
            push_line(&mut out, &[module.name, b" ", devname, b" ", device.as_bytes()]);
        }
        out
    }
}

/// An index builder that skips, with a notice, entries that the format cannot hold.
struct Checked<'a, 's> {
    file: &'static str,
    builder: IndexBuilder<'a>,
    notices: &'s NoticeBuffer,
}

impl<'a, 's> Checked<'a, 's> {
    fn new(file: &'static str, notices: &'s NoticeBuffer) -> Self {
        Self { file, builder: IndexBuilder::default(), notices }
    }

    fn insert(&mut self, key: &'a [u8], value: &'a [u8], priority: u32) {
        if let Err(error) = self.builder.insert(key, value, priority) {
            let notice = DepmodNotice::NotIndexable {
                file: self.file,
                key: key.into(),
                value: value.into(),
                byte: error.byte,
            };
            self.notices.push(notice);
        }
    }

    fn write(self) -> Result<Vec<u8>, FormatError> {
        self.builder.write()
    }
}

fn is_text(name: &str) -> bool {
    Path::new(name).extension().is_none_or(|extension| extension != "bin")
}

type DeviceNumbers = (char, u32, u32);

/// Returns the `devname:` alias of a module and the device numbers from its other aliases. Stops as soon as
/// both are known.
fn device_node<'m>(module: &ReadModule<'m>) -> Option<(&'m [u8], Option<DeviceNumbers>)> {
    let (mut devname, mut numbers) = (None, None);
    for &alias in &module.aliases {
        if let Some(name) = alias.strip_prefix(b"devname:") {
            devname = Some(name);
        } else if let Some(rest) = alias.strip_prefix(b"char-major-") {
            numbers = device_numbers('c', rest).or(numbers);
        } else if let Some(rest) = alias.strip_prefix(b"block-major-") {
            numbers = device_numbers('b', rest).or(numbers);
        }
        if devname.is_some() && numbers.is_some() {
            break;
        }
    }
    devname.map(|devname| (devname, numbers))
}

/// Parses `MAJOR-MINOR` as scanf does; anything that follows is ignored.
fn device_numbers(kind: char, text: &[u8]) -> Option<DeviceNumbers> {
    let (major, rest) = number::unsigned_32(text)?;
    let (minor, _) = number::unsigned_32(rest.strip_prefix(b"-")?)?;
    Some((kind, major, minor))
}

fn push_line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
    out.push(b'\n');
}

fn text_of(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        push_line(&mut out, &[line]);
    }
    out
}
