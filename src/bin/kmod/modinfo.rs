//! modinfo: prints what a module says about itself.
//!
//! Owns the options, the choice between file, name and alias, and the layout. Must not read modules or indexes itself.
//!
//! Contract: kmod 34's modinfo, byte for byte, padding oddities included. Beyond it: -F does not mind the case of its
//! field when no field is written exactly so, and the reason for which a file cannot be read stands behind the error.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Command;
use oxmod::context::{self, ConfigSource, Context, Module};
use oxmod::error::{Cause, Error};
use oxmod::modinfo::{Entry, Parameter, Parameters, builtin};
use oxmod::name;
use oxmod::notice::Notice;
use oxmod::ops::info::{Info, SIGNATURE_FIELDS};
use oxmod::ops::module_file::Opener;
use oxmod::sys::errno;

use crate::applet::Invocation;
use crate::options::{self, Options, flag, value};
use crate::report::{Exit, Level, Outcome, Report, verbatim};
use crate::stdout::Out;

/// The column that values begin in.
const COLUMN: usize = 16;

/// The table of options.
pub fn command() -> Command {
    options::table("modinfo", "Print what a kernel module says about itself", "modinfo [OPTIONS] MODULE...")
        .args([
            flag(Some('a'), "author", "Print only its authors"),
            flag(Some('d'), "description", "Print only its description"),
            flag(Some('l'), "license", "Print only its licence"),
            flag(Some('p'), "parameters", "Print only its parameters"),
            flag(Some('n'), "filename", "Print only the file it is in"),
            flag(Some('0'), "null", "End each value with NUL instead of a newline"),
            flag(Some('m'), "modname", "Take operands for module names, neither aliases nor files"),
            value(Some('F'), "field", "FIELD", "Print only the values of this field"),
            value(Some('k'), "set-version", "VERSION", "Act for this kernel instead of the running one"),
            value(Some('b'), "basedir", "DIR", "Look for lib/modules below DIR"),
            options::version(),
            options::help(),
        ])
        .arg(options::operands(
            "MODULE",
            "Module name, alias, or file ending in .ko, .ko.gz, .ko.xz or .ko.zst",
        ))
}

/// What was asked for.
#[derive(Default)]
struct Request {
    field: Option<Vec<u8>>,
    nul: bool,
    by_name: bool,
    release: Option<OsString>,
    root: Option<OsString>,
}

impl Request {
    fn parse(argv: &mut Options<'_>) -> Result<Self, Exit> {
        let mut request = Self::default();
        while let Some(option) = argv.next()? {
            match option.id {
                "author" | "description" | "license" | "filename" => request.field = Some(option.id.into()),
                "parameters" => request.field = Some(b"parm".to_vec()),
                "field" => request.field = option.value.map(|value| value.as_bytes().to_vec()),
                "null" => request.nul = true,
                "modname" => request.by_name = true,
                "set-version" => request.release = option.value,
                "basedir" => request.root = option.value,
                _ => {}
            }
        }
        Ok(request)
    }

    fn wants(&self, field: &str) -> bool {
        self.field.as_ref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(field.as_bytes()))
    }
}

/// Runs modinfo.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    let request = Request::parse(&mut argv)?;
    let report = Report::new(invocation.tool, Level::Debug);
    let operands = argv.operands();
    if operands.is_empty() {
        report.error(format_args!("missing module or filename."));
        return Err(Exit::Failure);
    }
    let dir = context::module_dir(request.root.as_deref(), request.release.as_deref()).map_err(|error| {
        report.error(format_args!("{}", errno::strerror(error.raw_os_error().unwrap_or(libc::EIO))));
        Exit::Failure
    })?;
    let sink = |notice: &Notice| report.library(notice);
    let context = Context::open(dir, &ConfigSource::Nothing, &sink);
    let mut printer = Printer {
        request: &request,
        report: &report,
        context: &context,
        opener: Opener::default(),
        out: Out::open(),
    };
    let mut failed = false;
    for operand in &operands {
        failed |= !printer.operand(operand)?;
    }
    printer.out.finish()?;
    if failed { Err(Exit::Failure) } else { Ok(()) }
}

struct Printer<'a> {
    request: &'a Request,
    report: &'a Report,
    context: &'a Context<'a>,
    opener: Opener,
    out: Out,
}

/// Whether something went well; errors that end the program come beside it.
type Success = Result<bool, Exit>;

impl Printer<'_> {
    fn operand(&mut self, operand: &OsStr) -> Success {
        let found = self.find(operand);
        let mut success = !found.is_empty();
        for module in &found {
            success &= self.module(module)?;
        }
        Ok(success)
    }

    /// The modules that an operand stands for; none after having said so.
    fn find(&self, operand: &OsStr) -> Vec<Module> {
        let (what, found) = if self.request.by_name {
            ("Module name", self.context.lookup_name(operand.as_bytes()))
        } else if is_module_file(Path::new(operand)) {
            let path = context::absolute(operand).ok();
            ("Module file", path.map(|path| Module::from_file(Path::new(&path))).into_iter().collect())
        } else {
            match self.context.lookup(operand.as_bytes()) {
                Ok(found) => ("Module", found),
                Err(_) => ("Module alias", Vec::new()),
            }
        };
        if found.is_empty() {
            self.report.error(format_args!("{what} {} not found.", verbatim(operand.as_bytes())));
        }
        found
    }

    fn module(&mut self, module: &Module) -> Success {
        if module.builtin {
            return self.builtin(module);
        }
        let path = module.file.clone().or_else(|| self.context.path_of(&module.name));
        let shown = path.as_ref().map_or(&b"(null)"[..], |path| path.as_os_str().as_bytes());
        if self.request.wants("filename") {
            return self.line(shown).map(|()| true);
        }
        if self.request.field.is_none() {
            self.padded("filename:", shown)?;
        }
        match self.read(path) {
            Ok(info) => self.entries(&mut info.entries())?,
            Err(error) => {
                self.unreadable(&module.name, &error);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read(&mut self, path: Option<PathBuf>) -> oxmod::error::Result<Info> {
        let Some(path) = path else {
            return Err(Error::new("", std::io::Error::from_raw_os_error(libc::ENOENT)));
        };
        let field = self.request.field.as_deref();
        let is_signature =
            |field: &[u8]| SIGNATURE_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field));
        Info::read(&mut self.opener, &path, field.is_none_or(is_signature))
    }

    fn unreadable(&self, name: &[u8], error: &Error) {
        let (name, why) = (verbatim(name), errno::strerror(error.errno()));
        match &error.cause {
            Cause::Io(_) => self.report.error(format_args!("could not get modinfo from '{name}': {why}")),
            Cause::Format(reason) => {
                self.report.error(format_args!("could not get modinfo from '{name}': {why} ({reason})"));
            }
        }
    }

    fn builtin(&mut self, module: &Module) -> Success {
        if self.request.wants("filename") {
            return self.line(b"(builtin)").map(|()| true);
        }
        if self.request.wants("name") {
            return self.line(&module.name).map(|()| true);
        }
        if self.request.field.is_none() {
            self.padded("name:", &module.name)?;
            self.padded("filename:", b"(builtin)")?;
        }
        let context = self.context;
        self.entries(&mut builtin(context.builtin_modinfo(), &module.name))?;
        Ok(true)
    }

    /// All fields, or the one asked for.
    fn entries(&mut self, entries: &mut dyn Iterator<Item = Entry<'_>>) -> Outcome {
        let entries: Vec<Entry<'_>> = entries.collect();
        match self.request.field.as_deref() {
            None => self.all(&entries),
            Some(field) if field.eq_ignore_ascii_case(b"parm") => self
                .parameters(&entries)
                .iter()
                .try_for_each(|parameter| self.line(&parameter_alone(&parameter))),
            Some(field) => self.field(field, &entries),
        }
    }

    fn all(&mut self, entries: &[Entry<'_>]) -> Outcome {
        for entry in entries.iter().filter(|entry| !is_parameter(entry)) {
            if self.request.nul {
                self.line(&[entry.key, b"=", entry.value].concat())?;
            } else {
                let padding = (COLUMN - 1).saturating_sub(entry.key.len());
                self.line(&[entry.key, b":", &b" ".repeat(padding), entry.value].concat())?;
            }
        }
        for parameter in self.parameters(entries).iter() {
            self.padded("parm:", &parameter_in_list(&parameter))?;
        }
        Ok(())
    }

    fn field(&mut self, field: &[u8], entries: &[Entry<'_>]) -> Outcome {
        let exact = entries.iter().any(|entry| entry.key == field);
        let matches = |key: &[u8]| if exact { key == field } else { key.eq_ignore_ascii_case(field) };
        entries.iter().filter(|entry| matches(entry.key)).try_for_each(|entry| self.line(entry.value))
    }

    fn parameters<'e>(&self, entries: &[Entry<'e>]) -> Parameters<'e> {
        let mut parameters = Parameters::default();
        for &entry in entries {
            if let Err(bad) = parameters.take(entry) {
                let (key, value) = (verbatim(bad.0.key), verbatim(bad.0.value));
                self.report.error(format_args!("Found invalid \"{key}={value}\": missing ':'"));
            }
        }
        parameters
    }

    /// A label padded to [`COLUMN`] and its value.
    fn padded(&mut self, label: &str, value: &[u8]) -> Outcome {
        self.line(&[format!("{label:COLUMN$}").as_bytes(), value].concat())
    }

    /// A text and the separator.
    fn line(&mut self, text: &[u8]) -> Outcome {
        self.out.bytes(&[text, if self.request.nul { b"\0" } else { b"\n" }].concat())
    }
}

fn is_parameter(entry: &Entry<'_>) -> bool {
    matches!(entry.key, b"parm" | b"parmtype")
}

/// A parameter among the other fields.
fn parameter_in_list(parameter: &Parameter<'_>) -> Vec<u8> {
    match (parameter.description, parameter.kind) {
        (Some(text), Some(kind)) => [parameter.name, b":", text, b" (", kind, b")"].concat(),
        (Some(text), None) | (None, Some(text)) => [parameter.name, b":", text].concat(),
        (None, None) => parameter.name.to_vec(),
    }
}

/// A parameter when only parameters were asked for.
fn parameter_alone(parameter: &Parameter<'_>) -> Vec<u8> {
    match (parameter.description, parameter.kind) {
        (None, Some(kind)) => [parameter.name, b": (", kind, b")"].concat(),
        _ => parameter_in_list(parameter),
    }
}

/// Whether an operand is taken for a file: by how it ends, and because it is one.
fn is_module_file(path: &Path) -> bool {
    let stem = name::module_file_stem(path.as_os_str().as_bytes());
    stem.is_some_and(|stem| !stem.is_empty()) && path.is_file()
}
