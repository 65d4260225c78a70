//! modinfo: tells what a module says about itself.
//!
//! Owns the options and the choice between file, name and alias; how an answer looks is for [`text`] and
//! [`json`]. Must not read modules or indexes itself.
//!
//! Contract: kmod 34's modinfo. Beyond it: -F does not mind the case of its field when no field is written exactly so,
//! and the reason for which a file cannot be read stands behind the error.

mod json;
mod text;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Command;
use oxmod::context::{self, ConfigSource, Context, IndexKind, Module};
use oxmod::error::Error;
use oxmod::ops::info::{Field, Info, InfoReader, Parameters, SIGNATURE_FIELDS};

use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::cli::target::Target;
use crate::output::stdout::Out;
use crate::report::modinfo::TakenFor;
use crate::report::{Exit, Level, Outcome, Report};

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
            options::ours(options::meta()),
            options::ours(flag(None, "all", "Print every module that modules.dep lists")),
            options::ours(options::json()),
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
pub struct Request {
    /// The only field that is wanted: `filename`, `parm` or what a module calls it.
    pub field: Option<Vec<u8>>,
    nul: bool,
    json: bool,
    take: Take,
    target: Target,
}

/// What operands are taken for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Take {
    /// Files, names and aliases.
    #[default]
    Any,
    /// `-m`: names.
    Names,
    /// `--all`: nothing; there are none.
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
                "modname" if request.take == Take::Any => request.take = Take::Names,
                "all" => request.take = Take::None,
                "set-version" => request.target.release = option.value,
                "basedir" => request.target.basedir = option.value,
                "meta" => request.target.meta = option.value.map(PathBuf::from),
                _ => {}
            }
        }
        Ok(request)
    }

    /// Whether this is the only field that is wanted.
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
        return json::answer(&report, |list| {
            each(&request, &operands, &report, &mut |query, operand| json::operand(query, operand, list))
        });
    }
    let mut out = Out::open();
    let outcome =
        each(&request, &operands, &report, &mut |query, operand| text::operand(query, operand, &mut out));
    if !matches!(outcome, Err(Exit::Stdout(_))) {
        out.finish()?;
    }
    outcome
}

/// Whether something went well; errors that end the program come beside it.
pub type Success = Result<bool, Exit>;

/// Lets `answer` treat every operand; one that fails does not stop the others.
fn each(
    request: &Request,
    operands: &[OsString],
    report: &Report,
    answer: &mut dyn FnMut(&mut Query<'_>, &OsStr) -> Success,
) -> Outcome {
    match (request.take, operands.is_empty()) {
        (Take::None, false) => return Err(report.all_takes_no_operand()),
        (Take::Any | Take::Names, true) => return Err(report.missing_module_or_file_name()),
        _ => {}
    }
    let dir = request.target.module_dir().map_err(|error| report.no_module_directory(&error))?;
    let context = request.target.open(dir, &ConfigSource::Nothing, &report.sink());
    let context = context.map_err(|error| report.unreadable(&error))?;
    let mut query = Query { request, context: &context, report, reader: InfoReader::default() };
    let mut failed = false;
    for operand in if request.take == Take::None { query.all()? } else { operands.to_vec() } {
        failed |= !answer(&mut query, &operand)?;
    }
    if failed { Err(Exit::Failure) } else { Ok(()) }
}

/// What was asked for, and where the answer is to be found.
pub struct Query<'a> {
    /// What was asked for.
    pub request: &'a Request,
    /// Where modules are found.
    pub context: &'a Context,
    report: &'a Report,
    reader: InfoReader,
}

impl Query<'_> {
    /// The names of all modules, in their order.
    fn all(&self) -> Result<Vec<OsString>, Exit> {
        let mut names = Vec::new();
        self.context.dump(IndexKind::Dep, |name, _| names.push(OsStr::from_bytes(name).to_owned()));
        // Of no modules is one thing, none at all another.
        if self.context.has_index(IndexKind::Dep) {
            return Ok(names);
        }
        Err(self.report.no_index_of_modules(self.context.dir()))
    }

    /// The modules that an operand stands for; none after having said so.
    pub fn find(&self, operand: &OsStr) -> Vec<Module> {
        if self.request.take == Take::None {
            return vec![Module::named(operand.as_bytes())];
        }
        let (taken_for, found) = if self.request.take == Take::Names {
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

    /// The file of a module that is not built in, as far as known.
    pub fn path(&self, module: &Module) -> Option<PathBuf> {
        module.file.clone().or_else(|| self.context.path_of(&module.name))
    }

    /// Reads what is needed of a module's file; an error after having said so.
    pub fn read(&mut self, module: &Module, path: Option<&Path>) -> oxmod::error::Result<Info> {
        let field = self.request.field.as_deref();
        let is_signature =
            |field: &[u8]| SIGNATURE_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field));
        let read = match path {
            Some(path) => self.reader.read(self.context.dir(), path, field.is_none_or(is_signature)),
            None => Err(Error::new("", std::io::Error::from_raw_os_error(libc::ENOENT))),
        };
        if let (Err(error), Some(file)) = (&read, self.context.meta_file())
            && error.errno() == libc::ENOENT
            && let Some(strings) = self.context.meta_strings(&module.name)
        {
            self.report.answered_by_meta(&error.path, file);
            return Ok(Info::of_strings(strings));
        }
        read.inspect_err(|error| self.report.unreadable_module(&module.name, error))
    }

    /// The parameters among a module's fields; strings that should describe one and do not are reported.
    pub fn parameters<'i>(&self, fields: impl Iterator<Item = Field<'i>>) -> Parameters<'i> {
        let (parameters, bad) = Parameters::of(fields);
        for entry in bad {
            self.report.bad_parameter_string(entry.key, entry.value);
        }
        parameters
    }
}

/// Tells whether a key is that of `field`: written exactly so if one of `keys` is, else in any case.
pub fn is_field<'k>(mut keys: impl Iterator<Item = &'k [u8]>, field: &[u8]) -> impl Fn(&[u8]) -> bool {
    let exact = keys.any(|key| key == field);
    move |key| if exact { key == field } else { key.eq_ignore_ascii_case(field) }
}
