//! modinfo: prints information about modules.
//!
//! This module owns the options, and the decision whether an operand is a file, a name or an alias. [`text`] and [`json`]
//! own the form of the output. It must not read modules or indexes itself.
//!
//! Contract: kmod 34's modinfo, with these additions: if no field is spelled exactly as the argument of -F, its case is
//! ignored, and the error about a file that cannot be read includes the reason.

mod json;
mod text;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Command;
use oxmod::context::{self, ConfigSource, Context, IndexKind, Module};
use oxmod::error::Error;
use oxmod::ops::info::{BUILD_ID_FIELD, Extras, Field, Info, InfoReader, Parameters, SIGNATURE_FIELDS};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::cli::target::Target;
use crate::output::stdout::Out;
use crate::report::modinfo::TakenFor;
use crate::report::{Exit, Level, Outcome, Report};

/// The table of options.
pub fn command() -> Command {
    options::table("modinfo", "Print information about a kernel module", "modinfo [OPTIONS] MODULE...")
        .args([
            flag(Some('a'), "author", "Print only the authors"),
            flag(Some('d'), "description", "Print only the description"),
            flag(Some('l'), "license", "Print only the license"),
            flag(Some('p'), "parameters", "Print only the parameters"),
            flag(Some('n'), "filename", "Print only the path of the file"),
            flag(Some('0'), "null", "End each value with NUL instead of a newline"),
            flag(Some('m'), "modname", "Treat operands as module names, not paths or aliases"),
            value(Some('F'), "field", "FIELD", "Print only the values of this field"),
            value(
                Some('k'),
                "set-version",
                "RELEASE",
                "Use the modules of this kernel [default: the running kernel]",
            ),
            value(Some('b'), "basedir", "DIR", "Use DIR as the base directory [default: /]"),
            options::ours(options::meta()),
            options::ours(flag(None, "all", "Print every module that modules.dep lists")),
            options::ours(options::json()),
            options::version(),
            options::help(),
        ])
        .arg(options::operands(
            "MODULE",
            "Module name, alias, or path of a file that ends in .ko, .ko.gz, .ko.xz or .ko.zst",
        ))
}

/// The options of the command line.
#[derive(Default)]
pub struct Request {
    /// The only field to print: `filename`, `parm` or a key of the module's strings.
    pub field: Option<Vec<u8>>,
    nul: bool,
    json: bool,
    operands: OperandKind,
    target: Target,
}

/// The meaning of operands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum OperandKind {
    /// Files, names and aliases.
    #[default]
    Any,
    /// `-m`: names.
    Names,
    /// `--all`: there are no operands.
    None,
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
                "json" => request.json = true,
                "modname" if request.operands == OperandKind::Any => request.operands = OperandKind::Names,
                "all" => request.operands = OperandKind::None,
                "set-version" => request.target.release = option.value,
                "basedir" => request.target.basedir = option.value,
                "meta" => request.target.meta = option.value.map(PathBuf::from),
                _ => {}
            }
        }
        Ok(request)
    }

    /// Whether only this field is to be printed.
    pub fn wants(&self, field: &str) -> bool {
        self.field.as_ref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(field.as_bytes()))
    }
}

/// Runs modinfo.
pub fn run(invocation: &Invocation) -> Outcome {
    let mut argv = Options::new(invocation);
    let request = Request::parse(&mut argv)?;
    let report = Report::new(invocation.tool, Level::Debug);
    let operands = argv.operands();
    if request.json {
        return json::write(&report, |list| {
            each(&request, &operands, &report, &mut |query, operand| json::operand(query, operand, list))
        });
    }
    let mut out = Out::open();
    let outcome =
        each(&request, &operands, &report, &mut |query, operand| text::operand(query, operand, &mut out));
    out.conclude(outcome)
}

/// Whether an operand was processed successfully; an error ends the program.
pub type Success = Result<bool, Exit>;

/// Calls `answer` for every operand. A failure does not stop the others.
fn each(
    request: &Request,
    operands: &[OsString],
    report: &Report,
    answer: &mut dyn FnMut(&mut Query<'_>, &OsStr) -> Success,
) -> Outcome {
    match (request.operands, operands.is_empty()) {
        (OperandKind::None, false) => return Err(report.all_takes_no_operand()),
        (OperandKind::Any | OperandKind::Names, true) => return Err(report.missing_module_or_file_name()),
        _ => {}
    }
    let dir = request.target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let context = request.target.open(dir, &ConfigSource::Nothing, &report.sink());
    let context = context.map_err(|error| report.unreadable(&error))?;
    let mut query = Query { request, context: &context, report, reader: InfoReader::default() };
    let mut failed = false;
    for operand in if request.operands == OperandKind::None { query.all()? } else { operands.to_vec() } {
        failed |= !answer(&mut query, &operand)?;
    }
    if failed { Err(Exit::Failure) } else { Ok(()) }
}

/// The options, and the objects that find and read modules.
pub struct Query<'a> {
    /// The options.
    pub request: &'a Request,
    /// The context for lookups.
    pub context: &'a Context,
    report: &'a Report,
    reader: InfoReader,
}

impl Query<'_> {
    /// Returns the names of all modules, in the order of the index.
    fn all(&self) -> Result<Vec<OsString>, Exit> {
        let mut names = Vec::new();
        self.context.dump(IndexKind::Dep, |name, _| names.push(OsStr::from_bytes(name).to_owned()));
        // An index without modules is valid; a missing index is an error.
        if self.context.has_index(IndexKind::Dep) {
            return Ok(names);
        }
        Err(self.report.no_index_of_modules(self.context.dir()))
    }

    /// Returns the modules that an operand stands for. If there are none, that is reported.
    pub fn find(&self, operand: &OsStr) -> Vec<Module> {
        if self.request.operands == OperandKind::None {
            return vec![Module::named(operand.as_bytes())];
        }
        let (taken_for, found) = if self.request.operands == OperandKind::Names {
            (TakenFor::Name, self.context.lookup_name(operand.as_bytes()))
        } else if context::is_module_file(Path::new(operand)) {
            let path = context::absolute(operand).ok();
            (TakenFor::File, path.map(|path| Module::from_file(Path::new(&path))).into_iter().collect())
        } else {
            match self.context.lookup(operand.as_bytes()) {
                Ok(found) => (TakenFor::Module, found),
                Err(_) => (TakenFor::Alias, Vec::new()),
            }
        };
        if found.is_empty() {
            self.report.operand_not_found(taken_for, operand);
        }
        found
    }

    /// Returns the file of a module that is not built in, if it is known.
    pub fn path(&self, module: &Module) -> Option<PathBuf> {
        module.file.clone().or_else(|| self.context.path_of(&module.name))
    }

    /// Reads the required parts of a module file. An error has been reported.
    pub fn read(&mut self, module: &Module, path: Option<&Path>) -> oxmod::error::Result<Info> {
        let field = self.request.field.as_deref();
        let is_signature =
            |field: &[u8]| SIGNATURE_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field));
        let extras = Extras {
            signature: field.is_none_or(is_signature),
            build_id: field.map_or(self.request.json, |field| field.eq_ignore_ascii_case(BUILD_ID_FIELD)),
        };
        let read = match path {
            Some(path) => self.reader.read(self.context.dir(), path, extras),
            None => Err(Error::new("", std::io::Error::from_raw_os_error(libc::ENOENT))),
        };
        if let (Err(error), Some(file)) = (&read, self.context.meta_file())
            && error.errno() == libc::ENOENT
            && let Some(strings) = self.context.meta_strings(&module.name)
        {
            self.report.reading_meta_instead(&error.path, file);
            return Ok(Info::of_strings(strings));
        }
        read.inspect_err(|error| self.report.unreadable_module(&module.name, error))
    }

    /// Returns the parameters among a module's fields. Malformed descriptions of parameters are reported.
    pub fn parameters<'i>(&self, fields: impl Iterator<Item = Field<'i>>) -> Parameters<'i> {
        let (parameters, bad) = Parameters::of(fields);
        for entry in bad {
            self.report.bad_parameter_string(entry.key, entry.value);
        }
        parameters
    }
}

/// Returns a function that compares keys with `field`: exactly if one of `keys` is spelled like `field`, otherwise
/// ignoring case.
pub fn is_field<'k>(mut keys: impl Iterator<Item = &'k [u8]>, field: &[u8]) -> impl Fn(&[u8]) -> bool {
    let exact = keys.any(|key| key == field);
    move |key| if exact { key == field } else { key.eq_ignore_ascii_case(field) }
}
