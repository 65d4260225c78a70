//! The completions for a position in a command line: files, kernels, modules, parameters.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use oxmod::context::loaded;
use oxmod::context::{Context, IndexKind, list, module_dir};
use oxmod::name;
use oxmod::notice::Sink;
use oxmod::ops::info::{Extras, Info, InfoReader};

use crate::cli::target::Target;
use crate::report;

use super::quotes::{self, Piece};

/// The command line without the word under the cursor.
#[derive(Debug, Default)]
pub struct CommandLine<'a> {
    /// The tool.
    pub tool: &'static str,
    /// The subcommand of `kmod`.
    pub subcommand: Option<&'a str>,
    /// The options by id, with their values.
    pub options: Vec<(String, OsString)>,
    /// The operands.
    pub operands: Vec<OsString>,
}

/// The usual fields of modules, for `modinfo -F`.
const FIELDS: [&str; 17] = [
    "alias",
    "author",
    "depends",
    "description",
    "filename",
    "firmware",
    "import_ns",
    "intree",
    "license",
    "name",
    "parm",
    "retpoline",
    "signer",
    "softdep",
    "srcversion",
    "vermagic",
    "version",
];

/// The completions of the word under the cursor.
pub struct Candidates<'w> {
    word: &'w [u8],
    /// The length of the part of the word before the completed part, such as `--config=`.
    prefix: usize,
    /// Words with their descriptions.
    found: Vec<(Vec<u8>, String)>,
}

impl<'w> Candidates<'w> {
    /// Creates an empty list for the word under the cursor.
    pub fn new(word: &'w OsStr) -> Self {
        Self { word: word.as_bytes(), prefix: 0, found: Vec::new() }
    }

    /// Sets the length of the part of the word that precedes further candidates.
    pub fn after_prefix(&mut self, prefix: usize) -> &mut Self {
        self.prefix = prefix;
        self
    }

    /// Returns one line for each candidate, sorted and without duplicates: the whole word or, with `piece`, the text that
    /// replaces the piece.
    pub fn lines(mut self, piece: Option<&Piece>) -> impl Iterator<Item = Vec<u8>> {
        self.found.sort();
        self.found.dedup_by(|a, b| a.0 == b.0);
        self.found.into_iter().filter_map(move |(word, about)| {
            let word = piece.map_or(Some(word.clone()), |piece| piece.quoted(&word))?;
            let about = report::escaped(&about.replace(['\t', '\n'], " ")).to_string();
            Some([&word[..], if about.is_empty() { b"" } else { b"\t" }, about.as_bytes(), b"\n"].concat())
        })
    }

    /// Whether the word begins with a single dash and has more characters.
    pub fn has_one_dash(&self) -> bool {
        matches!(self.word, [b'-', next, ..] if *next != b'-')
    }

    fn typed(&self) -> &'w [u8] {
        self.word.get(self.prefix..).unwrap_or_default()
    }

    /// Adds a word if it begins with the typed text and needs no quotes. Others are not offered, so that the author of a
    /// module cannot make the shell execute a command.
    pub fn offer(&mut self, word: impl AsRef<[u8]>, about: &str) {
        let word = word.as_ref();
        if word.starts_with(self.typed()) && quotes::needs_none(word) {
            self.push(word, about);
        }
    }

    fn push(&mut self, word: &[u8], about: &str) {
        let prefix = self.word.get(..self.prefix).unwrap_or_default();
        self.found.push(([prefix, word].concat(), about.to_owned()));
    }

    /// Adds the name of a module, with dashes if the typed text has dashes.
    fn offer_module(&mut self, module: &[u8], about: &str) {
        let typed = self.typed();
        let module = name::normalize(module).into_owned();
        if !module.starts_with(&name::normalize(typed)) || !quotes::needs_none(&module) {
            return;
        }
        let (_, rest) = module.split_at(typed.len());
        let dashed = typed.contains(&b'-') && !typed.contains(&b'_');
        let rest: Vec<u8> =
            rest.iter().map(|&byte| if dashed && byte == b'_' { b'-' } else { byte }).collect();
        self.push(&[typed, &rest].concat(), about);
    }

    /// Adds the values of an option.
    pub fn value(&mut self, option: &str, line: &CommandLine<'_>) {
        let words: &[&str] = match (option, line.subcommand) {
            ("field", _) => &FIELDS,
            ("format", Some("static-nodes")) => &["human", "tmpfiles", "devname"],
            ("format", _) if line.may_prune() => &["plain", "null", "fsspec", "cpio", "json"],
            ("format", _) => &["plain", "null", "json"],
            ("ambiguous", _) => &["error", "warn", "first"],
            ("compress", _) => &["keep", "none"],
            ("jobs" | "wait" | "symbol-prefix", _) => return,
            ("set-version", _) => return self.kernels(line),
            (
                "dirname" | "basedir" | "modules" | "outdir" | "moduledir" | "dir" | "copy-to"
                | "firmware-dir" | "sysfs",
                _,
            ) => {
                return self.files(|_| false);
            }
            _ => return self.files(|_| true),
        };
        self.words(words);
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.offer(word, "");
        }
    }

    /// Adds the candidates for the next operand.
    pub fn operand(&mut self, line: &CommandLine<'_>) {
        let count = line.operands.len();
        match (line.tool, line.subcommand) {
            ("rmmod", _) if self.is_path() => self.files(is_module_file),
            ("rmmod", _) => self.loaded(),
            ("modprobe", _) if line.has("remove") => self.loaded(),
            ("modprobe", _) if count == 0 || line.has("all") || line.has("load-list") => {
                self.modules(line);
                if line.has("show-exports") || line.has("show-modversions") {
                    self.files(is_module_file);
                }
            }
            ("insmod", _) if count == 0 => self.files(is_module_file),
            ("modprobe" | "insmod", _) => self.parameters(line),
            ("modinfo", _) if line.has("all") => {}
            ("modinfo", _) => {
                self.modules(line);
                if !line.has("modname") {
                    self.files(is_module_file);
                }
            }
            ("depmod", _) if count == 0 => self.kernels(line),
            // Only absolute paths are valid here.
            ("depmod", _) if quotes::expand_tilde(OsStr::from_bytes(self.typed())).is_absolute() => {
                self.files(is_module_file);
            }
            ("depmod", _) => self.offer("/", ""),
            (_, Some("meta")) => match (count, line.operands.first().and_then(|task| task.to_str())) {
                (0, _) => self.words(&["build", "show", "lookup", "verify"]),
                (1, Some("build" | "show" | "verify")) => self.kernels(line),
                _ => {}
            },
            (_, Some("firmware")) if count == 0 => {
                self.words(&["list", "prune", "missing", "owners"]);
            }
            (_, Some("firmware")) if line.operands.first().is_some_and(|task| task == "owners") => {
                self.files_below(&line.firmware(), |_| true);
            }
            (_, Some("firmware")) if self.word.starts_with(b"@") => self.after_prefix(1).files(|_| true),
            (_, Some("firmware")) => self.modules(line),
            _ => {}
        }
    }

    /// Adds the files that continue the typed path. Directories are always added.
    fn files(&mut self, wanted: fn(&[u8]) -> bool) {
        self.files_below(Path::new("."), wanted);
    }

    /// Like [`files`](Self::files), for paths that are relative to `base`.
    fn files_below(&mut self, base: &Path, wanted: fn(&[u8]) -> bool) {
        let typed = self.typed();
        let end = typed.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, start) = typed.split_at(end);
        // The shell does not expand `~` after --config=.
        let typed_path = OsStr::from_bytes(parent);
        let directory =
            base.join(if self.prefix == 0 { quotes::expand_tilde(typed_path) } else { typed_path.into() });
        let is_candidate = |name: &[u8]| {
            let hidden = name.starts_with(b".") && !start.starts_with(b".");
            !hidden && name.starts_with(start) && !name.iter().any(u8::is_ascii_control)
        };
        for entry in list(&directory, is_candidate) {
            let name = entry.name.as_bytes();
            // Without `./`, such a name would be an option or a home directory.
            let needs_dot =
                parent.is_empty() && self.prefix == 0 && matches!(name.first(), Some(b'-' | b'~'));
            let path = [if needs_dot { &b"./"[..] } else { parent }, name].concat();
            if entry.is_dir {
                self.push(&[&path[..], b"/"].concat(), "");
            } else if wanted(name) {
                self.push(&path, "");
            }
        }
    }

    /// Whether the typed text is the beginning of a path and not of a name.
    fn is_path(&self) -> bool {
        self.typed().contains(&b'/') || self.typed().starts_with(b".")
    }

    /// Adds the releases of the kernels that have a module directory.
    fn kernels(&mut self, line: &CommandLine<'_>) {
        let Some(dir) = line.kernels() else { return };
        for release in list(&dir, |_| true).into_iter().filter(|entry| entry.is_dir) {
            self.offer(release.name.as_bytes(), "");
        }
    }

    fn loaded(&mut self) {
        for module in loaded::list().unwrap_or_default() {
            self.offer_module(&module.name, "");
        }
    }

    /// Adds names of modules and aliases, or files if the typed text is the beginning of a path.
    fn modules(&mut self, line: &CommandLine<'_>) {
        if self.is_path() {
            return self.files(is_module_file);
        }
        let Some(context) = line.context() else { return };
        for alias in &context.config().aliases {
            self.offer_module(&alias.pattern, &format!("alias of {}", alias.module));
        }
        // There are too many of these to show them all if nothing has been typed.
        if !self.typed().is_empty() {
            context.dump(IndexKind::Alias, |alias, module| {
                self.offer_module(alias, &format!("alias of {}", module.as_bstr()));
            });
        }
        for kind in [IndexKind::Dep, IndexKind::Builtin] {
            let about = if kind == IndexKind::Builtin { "built in" } else { "" };
            context.dump(kind, |module, _| self.offer_module(module, about));
        }
    }

    /// Adds the parameters of the module that is the first operand.
    fn parameters(&mut self, line: &CommandLine<'_>) {
        let (Some(context), Some(operand)) = (line.context(), line.operands.first()) else { return };
        let path = quotes::expand_tilde(operand);
        let found = if operand.as_bytes().contains(&b'/') || line.tool == "insmod" {
            None
        } else {
            context.lookup(operand.as_bytes()).ok().and_then(|found| found.into_iter().next())
        };
        if let Some(module) = found.as_ref().filter(|module| module.builtin) {
            return self.add_parameters(&Info::builtin(&context, &module.name));
        }
        let path = match found {
            Some(module) => context.path_of(&module.name).unwrap_or_default(),
            None => path,
        };
        if let Ok(info) = InfoReader::default().read(context.dir(), &path, Extras::default()) {
            self.add_parameters(&info);
        }
    }

    fn add_parameters(&mut self, info: &Info) {
        for parameter in info.parameters().0.iter() {
            let about = String::from_utf8_lossy(parameter.description.or(parameter.kind).unwrap_or_default());
            let assignment = [parameter.name, b"="].concat();
            if self.typed().starts_with(&assignment) && parameter.kind == Some(b"bool") {
                for value in [b"Y", b"N"] {
                    self.offer([&assignment[..], value].concat(), "");
                }
            } else if self.typed() != assignment {
                self.offer(assignment, &about);
            }
        }
    }
}

impl CommandLine<'_> {
    fn has(&self, id: &str) -> bool {
        self.options.iter().any(|(option, _)| option == id)
    }

    fn values(&self, ids: &[&str]) -> impl DoubleEndedIterator<Item = &OsStr> {
        self.options
            .iter()
            .filter(move |(option, _)| ids.contains(&&**option))
            .map(|(_, value)| value.as_os_str())
    }

    fn root(&self) -> Option<PathBuf> {
        self.path(&["dirname", "basedir"])
    }

    /// Returns the last value of these options as a path.
    fn path(&self, ids: &[&str]) -> Option<PathBuf> {
        self.values(ids).next_back().map(quotes::expand_tilde)
    }

    /// Whether options are Go's flags, which may begin with a single dash.
    pub fn has_go_flags(&self) -> bool {
        self.subcommand == Some("fwprune")
    }

    /// Whether an option is valid for the command.
    pub fn accepts(&self, option: &str) -> bool {
        let of_prune = ["copy-to", "compress", "modules", "summary"];
        self.subcommand != Some("firmware") || self.may_prune() || !of_prune.contains(&option)
    }

    /// Whether the command is `kmod firmware prune`, or `kmod firmware` without a command yet.
    fn may_prune(&self) -> bool {
        self.operands.first().is_none_or(|task| task == "prune")
    }

    /// Returns the directory that contains the module directories of all kernels.
    fn kernels(&self) -> Option<PathBuf> {
        let root = self.root();
        match self.values(&["moduledir"]).next_back().map(Path::new) {
            Some(dir) => Some(root.unwrap_or_else(|| "/".into()).join(dir.strip_prefix("/").unwrap_or(dir))),
            None => module_dir(root.as_deref().map(Path::as_os_str), Some(OsStr::new(""))).ok(),
        }
    }

    /// Opens the module directory, or the meta.pb, that the options select.
    fn context(&self) -> Option<Context> {
        let target = Target {
            basedir: self.root().map(PathBuf::into_os_string),
            release: self.values(&["set-version"]).next_back().map(OsStr::to_owned),
            dir: self.path(&["dir"]),
            config: self.values(&["config"]).map(quotes::expand_tilde).collect(),
            meta: self.path(&["meta"]),
        };
        target.open(target.module_dir().ok()?, &target.config_source(), &Sink::none()).ok()
    }

    fn firmware(&self) -> PathBuf {
        self.path(&["firmware-dir"])
            .unwrap_or_else(|| self.root().unwrap_or_else(|| "/".into()).join("lib/firmware"))
    }
}

fn is_module_file(name: &[u8]) -> bool {
    name::module_file_stem(name).is_some()
}
