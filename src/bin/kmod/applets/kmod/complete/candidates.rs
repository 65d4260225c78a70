//! The words that fit a place: files, kernels, modules, parameters.

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

/// What stands before the cursor.
#[derive(Debug, Default)]
pub struct Place<'a> {
    /// The tool.
    pub tool: &'static str,
    /// The subcommand of `kmod`.
    pub task: Option<&'a str>,
    /// The options by id, with their values.
    pub options: Vec<(String, OsString)>,
    /// The operands.
    pub operands: Vec<OsString>,
}

/// The fields that modules have, for `modinfo -F`.
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

/// What begins like the word under the cursor.
pub struct Candidates<'w> {
    word: &'w [u8],
    /// How much of the word stands before what is completed, such as `--config=`.
    before: usize,
    /// Words with what they are.
    found: Vec<(Vec<u8>, String)>,
}

impl<'w> Candidates<'w> {
    /// None yet.
    pub fn new(word: &'w OsStr) -> Self {
        Self { word: word.as_bytes(), before: 0, found: Vec::new() }
    }

    /// From here on candidates follow so much of the word.
    pub fn behind(&mut self, before: usize) -> &mut Self {
        self.before = before;
        self
    }

    /// A line each, sorted, none twice; whole words, or what is written in the place of a piece.
    pub fn lines(mut self, piece: Option<&Piece>) -> impl Iterator<Item = Vec<u8>> {
        self.found.sort();
        self.found.dedup_by(|a, b| a.0 == b.0);
        self.found.into_iter().filter_map(move |(word, about)| {
            let word = piece.map_or(Some(word.clone()), |piece| piece.written(&word))?;
            let about = report::escaped(&about.replace(['\t', '\n'], " ")).to_string();
            Some([&word[..], if about.is_empty() { b"" } else { b"\t" }, about.as_bytes(), b"\n"].concat())
        })
    }

    /// Whether a single dash has been typed, and more.
    pub fn has_one_dash(&self) -> bool {
        matches!(self.word, [b'-', next, ..] if *next != b'-')
    }

    fn typed(&self) -> &'w [u8] {
        self.word.get(self.before..).unwrap_or_default()
    }

    /// Takes a word if it fits, and if the shell takes it for itself: what is executed when the line is must not be
    /// chosen by whoever made a module.
    pub fn offer(&mut self, word: impl AsRef<[u8]>, about: &str) {
        let word = word.as_ref();
        if word.starts_with(self.typed()) && quotes::needs_none(word) {
            self.push(word, about);
        }
    }

    fn push(&mut self, word: &[u8], about: &str) {
        let before = self.word.get(..self.before).unwrap_or_default();
        self.found.push(([before, word].concat(), about.to_owned()));
    }

    /// A module's name, with dashes where they were typed.
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

    /// What an option's value may be.
    pub fn value(&mut self, option: &str, place: &Place<'_>) {
        let words: &[&str] = match (option, place.task) {
            ("field", _) => &FIELDS,
            ("format", Some("static-nodes")) => &["human", "tmpfiles", "devname"],
            ("format", _) if place.may_prune() => &["plain", "null", "fsspec", "cpio", "json"],
            ("format", _) => &["plain", "null", "json"],
            ("ambiguous", _) => &["error", "warn", "first"],
            ("compress", _) => &["keep", "none"],
            ("jobs" | "wait" | "symbol-prefix", _) => return,
            ("set-version", _) => return self.kernels(place),
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

    /// What the next operand may be.
    pub fn operand(&mut self, place: &Place<'_>) {
        let count = place.operands.len();
        match (place.tool, place.task) {
            ("rmmod", _) if self.is_path() => self.files(is_module_file),
            ("rmmod", _) => self.loaded(),
            ("modprobe", _) if place.has("remove") => self.loaded(),
            ("modprobe", _) if count == 0 || place.has("all") || place.has("load-list") => {
                self.modules(place);
                if place.has("show-exports") || place.has("show-modversions") {
                    self.files(is_module_file);
                }
            }
            ("insmod", _) if count == 0 => self.files(is_module_file),
            ("modprobe" | "insmod", _) => self.parameters(place),
            ("modinfo", _) if place.has("all") => {}
            ("modinfo", _) => {
                self.modules(place);
                if !place.has("modname") {
                    self.files(is_module_file);
                }
            }
            ("depmod", _) if count == 0 => self.kernels(place),
            // It takes no others.
            ("depmod", _) if quotes::at_home(OsStr::from_bytes(self.typed())).is_absolute() => {
                self.files(is_module_file);
            }
            ("depmod", _) => self.offer("/", ""),
            (_, Some("meta")) => match (count, place.operands.first().and_then(|task| task.to_str())) {
                (0, _) => self.words(&["build", "show", "lookup", "verify"]),
                (1, Some("build" | "show" | "verify")) => self.kernels(place),
                _ => {}
            },
            (_, Some("firmware")) if count == 0 => {
                self.words(&["list", "prune", "missing", "owners"]);
            }
            (_, Some("firmware")) if place.operands.first().is_some_and(|task| task == "owners") => {
                self.files_below(&place.firmware(), |_| true);
            }
            (_, Some("firmware")) if self.word.starts_with(b"@") => self.behind(1).files(|_| true),
            (_, Some("firmware")) => self.modules(place),
            _ => {}
        }
    }

    /// Files below what has been typed of a path; directories always.
    fn files(&mut self, wanted: fn(&[u8]) -> bool) {
        self.files_below(Path::new("."), wanted);
    }

    /// The same, of paths that count from `base`.
    fn files_below(&mut self, base: &Path, wanted: fn(&[u8]) -> bool) {
        let typed = self.typed();
        let end = typed.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, start) = typed.split_at(end);
        // Behind --config= the shell leaves `~` alone.
        let typed_path = OsStr::from_bytes(parent);
        let looked_in =
            base.join(if self.before == 0 { quotes::at_home(typed_path) } else { typed_path.into() });
        let is_candidate = |name: &[u8]| {
            let hidden = name.starts_with(b".") && !start.starts_with(b".");
            !hidden && name.starts_with(start) && !name.iter().any(u8::is_ascii_control)
        };
        for entry in list(&looked_in, is_candidate) {
            let name = entry.name.as_bytes();
            // Neither an option nor somebody's home.
            let here = parent.is_empty() && self.before == 0 && matches!(name.first(), Some(b'-' | b'~'));
            let path = [if here { &b"./"[..] } else { parent }, name].concat();
            if entry.is_dir {
                self.push(&[&path[..], b"/"].concat(), "");
            } else if wanted(name) {
                self.push(&path, "");
            }
        }
    }

    /// Whether a path has been begun, and no name.
    fn is_path(&self) -> bool {
        self.typed().contains(&b'/') || self.typed().starts_with(b".")
    }

    /// The kernels that have a module directory.
    fn kernels(&mut self, place: &Place<'_>) {
        let Some(dir) = place.kernels() else { return };
        for release in list(&dir, |_| true).into_iter().filter(|entry| entry.is_dir) {
            self.offer(release.name.as_bytes(), "");
        }
    }

    fn loaded(&mut self) {
        for module in loaded::list().unwrap_or_default() {
            self.offer_module(&module.name, "");
        }
    }

    /// Names, what the configuration has for aliases, and files where a path is begun.
    fn modules(&mut self, place: &Place<'_>) {
        if self.is_path() {
            return self.files(is_module_file);
        }
        let Some(context) = place.context() else { return };
        for alias in &context.config().aliases {
            self.offer_module(&alias.pattern, &format!("alias of {}", alias.module));
        }
        // Too many to be shown where nothing is typed.
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

    /// The parameters of the module that is the first operand.
    fn parameters(&mut self, place: &Place<'_>) {
        let (Some(context), Some(operand)) = (place.context(), place.operands.first()) else { return };
        let path = quotes::at_home(operand);
        let found = if operand.as_bytes().contains(&b'/') || place.tool == "insmod" {
            None
        } else {
            context.lookup(operand.as_bytes()).ok().and_then(|found| found.into_iter().next())
        };
        if let Some(module) = found.as_ref().filter(|module| module.builtin) {
            return self.take(&Info::builtin(&context, &module.name));
        }
        let path = match found {
            Some(module) => context.path_of(&module.name).unwrap_or_default(),
            None => path,
        };
        if let Ok(info) = InfoReader::default().read(context.dir(), &path, Extras::default()) {
            self.take(&info);
        }
    }

    fn take(&mut self, info: &Info) {
        for parameter in info.parameters().0.iter() {
            let about = String::from_utf8_lossy(parameter.description.or(parameter.kind).unwrap_or_default());
            let begun = [parameter.name, b"="].concat();
            if self.typed().starts_with(&begun) && parameter.kind == Some(b"bool") {
                for value in [b"Y", b"N"] {
                    self.offer([&begun[..], value].concat(), "");
                }
            } else if self.typed() != begun {
                self.offer(begun, &about);
            }
        }
    }
}

impl Place<'_> {
    fn has(&self, id: &str) -> bool {
        self.options.iter().any(|(there, _)| there == id)
    }

    fn values(&self, ids: &[&str]) -> impl DoubleEndedIterator<Item = &OsStr> {
        self.options
            .iter()
            .filter(move |(there, _)| ids.contains(&&**there))
            .map(|(_, value)| value.as_os_str())
    }

    fn root(&self) -> Option<PathBuf> {
        self.path(&["dirname", "basedir"])
    }

    /// The last value of these options, as a path.
    fn path(&self, ids: &[&str]) -> Option<PathBuf> {
        self.values(ids).next_back().map(quotes::at_home)
    }

    /// Whether options are Go's flags, which may begin with a single dash.
    pub fn is_go(&self) -> bool {
        self.task == Some("fwprune")
    }

    /// Whether an option makes sense for what is done.
    pub fn takes(&self, option: &str) -> bool {
        let of_prune = ["copy-to", "compress", "modules", "summary"];
        self.task != Some("firmware") || self.may_prune() || !of_prune.contains(&option)
    }

    /// Whether `kmod firmware` is told to prune, or not yet what to do.
    fn may_prune(&self) -> bool {
        self.operands.first().is_none_or(|task| task == "prune")
    }

    /// The directory of the kernels' module directories.
    fn kernels(&self) -> Option<PathBuf> {
        let root = self.root();
        match self.values(&["moduledir"]).next_back().map(Path::new) {
            Some(dir) => Some(root.unwrap_or_else(|| "/".into()).join(dir.strip_prefix("/").unwrap_or(dir))),
            None => module_dir(root.as_deref().map(Path::as_os_str), Some(OsStr::new(""))).ok(),
        }
    }

    /// The module directory, or the meta.pb, that the options choose.
    fn context(&self) -> Option<Context> {
        let target = Target {
            basedir: self.root().map(PathBuf::into_os_string),
            release: self.values(&["set-version"]).next_back().map(OsStr::to_owned),
            dir: self.path(&["dir"]),
            config: self.values(&["config"]).map(quotes::at_home).collect(),
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
