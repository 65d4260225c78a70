//! The command line of `kmod firmware`, and the directories and files that it names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bstr::BString;
use clap::Arg;
use oxmod::context::absolute;
use oxmod::ops::firmware::{self as op, AmbiguityPolicy, FirmwareSearch, Selection, Whence, kernel_path};

use crate::cli::choice::{choice, policy};
use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::cli::target::Target;
use crate::report::{Exit, Report};

/// The part of the help that follows the options.
pub const EXPLANATION: &str = "\
Commands:
  list     Print the firmware files of the selected modules, and the links that lead to them
  missing  Print the names that the selected modules request and for which no file exists
  owners   Print each FILE with the modules that request it; without FILE, print all files
  prune    Print the paths in an image with just these files and links, or copy the image (--copy-to)

MODULE is the name of a module, an alias, a pattern of names, or @FILE for a file with one of these per line. The hard, \
soft and weak dependencies of a module are selected with it. Without MODULE, --for-devices and --loaded, all modules \
are selected. Firmware is looked for in lib/firmware below ROOT.

Formats:
  plain   one line for each path or name
  null    paths or names that end in a NUL byte
  fsspec  prototext for Monogon's image builder (with prune)
  cpio    a list for gen_init_cpio (with prune)
  json    a document, see oxmod-json(5)

A path in the image is ambiguous if several files would have it, or if WHENCE has a link there with another target. HOW \
is 'error' to fail, 'warn' to use the first file or link with a warning, or 'first' to use it without a warning.";

/// The command of `kmod firmware`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Print the existing files.
    List,
    /// Print or copy an image of them.
    Prune,
    /// Print the names without files.
    Missing,
    /// Print files with the modules that request them.
    Owners,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines.
    Plain,
    /// Names that end in NUL.
    Null,
    /// Prototext for Monogon's image builder.
    Fsspec,
    /// A list for `gen_init_cpio`.
    Cpio,
    /// A JSON document.
    Json,
}

/// The command line.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Request {
    pub task: Task,
    pub form: Form,
    pub target: Target,
    pub selection: Selection,
    pub sys: PathBuf,
    pub files: Vec<BString>,
    pub policy: AmbiguityPolicy,
    pub strict: bool,
    pub summary: bool,
    pub with_modules: bool,
    pub copy_to: Option<PathBuf>,
    pub decompress: bool,
    firmware_dirs: Vec<PathBuf>,
    whence: Option<PathBuf>,
    allow: Vec<PathBuf>,
    for_devices: bool,
}

/// The options whose value must not be empty, because it is a path.
const PATHS: [&str; 5] = ["sysfs", "firmware-dir", "whence", "allow-missing", "copy-to"];

/// The options that select modules.
pub fn selection() -> [Arg; 3] {
    [
        flag(None, "for-devices", "Select the modules for the devices of this machine"),
        flag(None, "loaded", "Select the loaded modules"),
        value(None, "sysfs", "DIR", "Look for devices below DIR [default: /sys]"),
    ]
}

/// The options about the location of firmware, ambiguities, and missing firmware.
pub fn places() -> [Arg; 5] {
    [
        value(
            None,
            "firmware-dir",
            "DIR",
            "Look for firmware in DIR itself, not in updates or RELEASE below it (repeatable)",
        ),
        value(None, "whence", "FILE", "Treat the links in this WHENCE as if they existed"),
        value(
            None,
            "ambiguous",
            "HOW",
            "What to do with ambiguous paths: error, warn or first [default: warn]",
        ),
        flag(None, "strict", "Fail if firmware is missing"),
        value(
            None,
            "allow-missing",
            "FILE",
            "Do not report the missing names in FILE, a name or pattern per line",
        ),
    ]
}

/// The options about the output.
pub fn output_options() -> [Arg; 6] {
    [
        value(Some('f'), "format", "FORMAT", "Output format, see below [default: plain]"),
        options::json(),
        value(None, "copy-to", "DIR", "Copy the image to DIR, links as links (with prune)"),
        value(None, "compress", "HOW", "Compression of the copied files: keep or none [default: keep]"),
        flag(None, "modules", "Add the selected modules to the image (with prune)"),
        flag(None, "summary", "Print the size of all files and of the image to standard error (with prune)"),
    ]
}

impl Request {
    /// Parses the command line; `None` without a valid task.
    pub fn parse(invocation: &Invocation, report: &Report) -> Result<Option<Self>, Exit> {
        let mut request = Self::empty();
        let mut argv = Options::anywhere(invocation);
        while let Some(option) = argv.next()? {
            request.take(option.id, option.value.unwrap_or_default(), report)?;
        }
        let mut operands = argv.operands().into_iter();
        request.task = match operands.next().as_deref().and_then(OsStr::to_str) {
            Some("list") => Task::List,
            Some("prune") => Task::Prune,
            Some("missing") => Task::Missing,
            Some("owners") => Task::Owners,
            _ => return Ok(None),
        };
        let operands: Vec<BString> = operands.map(|operand| operand.into_vec().into()).collect();
        if request.task == Task::Owners {
            if operands.iter().any(|operand| operand.is_empty()) {
                return Err(report.empty_operand("FILE", b""));
            }
            request.files = operands;
        } else {
            for operand in operands {
                request.select(operand, report)?;
            }
        }
        request.selection.devices = request.for_devices.then(|| request.sys.clone());
        request.check(report).map(|()| Some(request))
    }

    fn empty() -> Self {
        Self {
            task: Task::List,
            form: Form::Plain,
            target: Target::default(),
            selection: Selection::default(),
            sys: "/sys".into(),
            files: Vec::new(),
            policy: AmbiguityPolicy::default(),
            strict: false,
            summary: false,
            with_modules: false,
            copy_to: None,
            decompress: false,
            firmware_dirs: Vec::new(),
            whence: None,
            allow: Vec::new(),
            for_devices: false,
        }
    }

    fn take(&mut self, id: &str, value: OsString, report: &Report) -> Result<(), Exit> {
        if value.is_empty() && PATHS.contains(&id) {
            return Err(report.empty_value(id));
        }
        match id {
            "for-devices" => self.for_devices = true,
            "loaded" => self.selection.loaded = true,
            "sysfs" => self.sys = value.into(),
            "firmware-dir" => self.firmware_dirs.push(value.into()),
            "whence" => self.whence = Some(value.into()),
            "ambiguous" => self.policy = policy(&value, report)?,
            "strict" => self.strict = true,
            "allow-missing" => self.allow.push(value.into()),
            "format" => self.form = form(&value, report)?,
            "json" => self.form = Form::Json,
            "copy-to" => self.copy_to = Some(value.into()),
            "compress" => {
                self.decompress = choice(id, &value, &[("keep", false), ("none", true)], report)?;
            }
            "modules" => self.with_modules = true,
            "summary" => self.summary = true,
            "syslog" => report.use_syslog(),
            id if self.target.take(id, &value, report)? => {}
            _ => report.louder(),
        }
        Ok(())
    }

    /// Adds an operand, or the lines of the file that it names, to the selection of modules.
    fn select(&mut self, operand: BString, report: &Report) -> Result<(), Exit> {
        if operand.is_empty() || operand == "@" {
            return Err(report.empty_operand("MODULE", &operand));
        }
        let Some(path) = operand.strip_prefix(b"@") else {
            self.selection.names.push(operand);
            return Ok(());
        };
        let names = op::names_in(Path::new(OsStr::from_bytes(path)));
        let names = names.map_err(|error| report.unreadable(&error))?;
        // An empty selection would mean all modules.
        if names.is_empty() {
            return Err(report.empty_list(path));
        }
        self.selection.names.extend(names);
        Ok(())
    }

    /// Checks that options that require another option or task have it.
    fn check(&self, report: &Report) -> Result<(), Exit> {
        let of_image = [
            (self.copy_to.is_some(), "--copy-to"),
            (self.with_modules, "--modules"),
            (self.summary, "--summary"),
            (self.form == Form::Fsspec, "--format fsspec"),
            (self.form == Form::Cpio, "--format cpio"),
        ];
        if let Some((_, option)) = of_image.iter().find(|(given, _)| *given && self.task != Task::Prune) {
            return Err(report.only_with(option, "prune"));
        }
        if self.decompress && self.copy_to.is_none() {
            return Err(report.only_with("--compress none", "--copy-to"));
        }
        Ok(())
    }

    /// Returns the search of the directories that the options select.
    pub fn search(&self, report: &Report) -> Result<FirmwareSearch, Exit> {
        let unreadable = |error| report.unreadable(&error);
        let above = self.target.root().map_or(Path::new("/"), Path::new);
        if !self.firmware_dirs.is_empty() {
            return FirmwareSearch::directories(above, &self.firmware_dirs).map_err(unreadable);
        }
        let release = self.target.release().map_err(|error| report.no_module_directory(&error))?;
        // The parameter of the running kernel only applies to that kernel.
        let first = if self.target.is_running_system() { kernel_path() } else { None };
        let above = absolute(above.as_os_str()).map_err(|error| report.no_module_directory(&error))?;
        FirmwareSearch::system(Path::new(&above), release.as_bytes(), first.as_deref()).map_err(unreadable)
    }

    /// Whether `operand` names the file at `path`. It may be spelled differently, and may be relative to the base directory.
    pub fn is_path(&self, operand: &BString, path: &BString) -> bool {
        let normalize = |path: &Path| {
            absolute(path.as_os_str()).map(|path| PathBuf::from(path).components().collect::<PathBuf>())
        };
        let (operand, path) = (Path::new(OsStr::from_bytes(operand)), Path::new(OsStr::from_bytes(path)));
        let root = self.target.root();
        let below = root.and_then(|root| Some(Path::new(root).join(operand.strip_prefix("/").ok()?)));
        let Ok(path) = normalize(path) else { return false };
        [Some(operand), below.as_deref()]
            .into_iter()
            .flatten()
            .any(|one| normalize(one).is_ok_and(|one| one == path))
    }

    /// Reads the WHENCE, if one is given.
    pub fn whence(&self, report: &Report) -> Result<Option<Whence>, Exit> {
        let Some(path) = &self.whence else { return Ok(None) };
        let whence = op::read_whence(path).map_err(|error| report.unreadable(&error))?;
        report.bad_whence_lines(path, &whence.bad_lines);
        Ok(Some(whence))
    }

    /// Reads the names and patterns of firmware that may be missing.
    pub fn allowed(&self, report: &Report) -> Result<Vec<BString>, Exit> {
        op::names_in_all(&self.allow).map_err(|error| report.unreadable(&error))
    }
}

fn form(word: &OsStr, report: &Report) -> Result<Form, Exit> {
    let choices = [
        ("plain", Form::Plain),
        ("null", Form::Null),
        ("fsspec", Form::Fsspec),
        ("cpio", Form::Cpio),
        ("json", Form::Json),
    ];
    choice("format", word, &choices, report)
}
