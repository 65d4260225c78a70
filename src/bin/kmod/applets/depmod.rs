//! depmod: reads the modules of a kernel and writes the indexes that the other tools use.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bstr::ByteSlice;
use clap::Command;
use oxmod::context::{absolute, depmod_config, running_release};
use oxmod::lock::Mutex;
use oxmod::notice::{DepmodNotice, Notice, Sink};
use oxmod::number::{self, Base};
use oxmod::ops::depmod::{
    self as op, CacheOutput, CacheUse, DepmodConfig, DepmodOptions, FoundModule, GivenError, KernelSymbols,
    ModuleTree, SymbolFile,
};

use crate::cli::environment;
use crate::cli::getopt::Opt;
use crate::cli::invocation::Invocation;
use crate::cli::options::{self, Options, flag, value};
use crate::output::stdout::Out;
use crate::report::{Exit, Level, Outcome, Report, progress::Progress, verify};

/// The table of options.
pub fn command() -> Command {
    let usage = "depmod [OPTIONS] [RELEASE]\n       depmod [OPTIONS] RELEASE FILE...";
    options::table("depmod", "Write the indexes of a kernel's modules", usage)
        .args([
            flag(Some('a'), "all", "Read all modules (the default without FILE)"),
            flag(Some('A'), "quick", "Exit if a full run would change nothing"),
            options::ours(flag(None, "full", "Read every module and ignore the cache")),
            value(Some('b'), "basedir", "DIR", "Use DIR as the base directory [default: /]"),
            value(Some('m'), "moduledir", "DIR", "Module directory below it [default: /lib/modules]"),
            value(Some('o'), "outdir", "DIR", "Write below DIR [default: the base directory]"),
            value(
                Some('C'),
                "config",
                "PATH",
                "Read this file or directory instead of the default directories",
            ),
            value(Some('E'), "symvers", "FILE", "Check symbols and their versions against a Module.symvers"),
            value(Some('F'), "filesyms", "FILE", "Check symbols against a System.map"),
            flag(Some('e'), "errsyms", "Report symbols that nothing provides (with -E or -F)"),
            options::ours(flag(None, "meta", "Also write meta.pb")),
            options::ours(flag(
                None,
                "errexit",
                "Like -e, but exit with 1 if anything was reported (with -E or -F)",
            )),
            options::ours(flag(
                None,
                "verify",
                "Write nothing; compare the files with what they should contain",
            )),
            flag(Some('v'), "verbose", "Be verbose, and print each dependency"),
            flag(Some('n'), "dry-run", "Print the text indexes instead of writing files").alias("show"),
            value(Some('P'), "symbol-prefix", "CHAR", "Expect symbols to begin with CHAR"),
            flag(Some('w'), "warn", "Report duplicate entries"),
            options::version(),
            options::help(),
        ])
        .args([
            options::operand("RELEASE", "Kernel release [default: the running kernel]"),
            options::operands("FILE", "Read only these modules (absolute paths)"),
        ])
}

/// The options of the command line.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Default)]
struct Arguments {
    all: bool,
    cache_use: CacheUse,
    basedir: Option<OsString>,
    moduledir: Option<OsString>,
    outdir: Option<OsString>,
    config: Vec<PathBuf>,
    symvers: Option<PathBuf>,
    system_map: Option<PathBuf>,
    errsyms: bool,
    errexit: bool,
    verbose: bool,
    dry_run: bool,
    verify: bool,
    meta: bool,
    prefix: Option<u8>,
    warn: bool,
}

/// A run of depmod.
struct Job {
    /// The module directory to read.
    dir: PathBuf,
    /// The module directory to write to.
    out: PathBuf,
    release: Vec<u8>,
    /// The modules to read; `None` for all modules in the directory.
    files: Option<Vec<OsString>>,
    task: Task,
    /// `--errexit`: fail if a symbol is unknown or of another version.
    strict: bool,
    verbose: bool,
}

/// What to do with the output files.
enum Task {
    Write,
    /// `-n`
    Show,
    /// `--verify`
    Verify,
}

/// Runs depmod.
pub fn run(invocation: &Invocation) -> Outcome {
    let report = Report::new(invocation.tool, Level::Warning);
    let mut argv = Options::new(invocation);
    let mut arguments = Arguments::default();
    while let Some(option) = argv.next()? {
        arguments.take(&option, &report)?;
    }
    let job = arguments.job(argv.operands(), &report)?;
    let out = Arc::new(Mutex::new(Out::open()));
    let unresolved = Arc::new(AtomicBool::new(false));
    let progress = Progress::new("depmod: reading modules");
    let sink = Sink::new({
        let (out, unresolved, report) = (Arc::clone(&out), Arc::clone(&unresolved), report.clone());
        move |notice| {
            if progress.handle(notice) {
                return;
            }
            if is_unresolved(notice) {
                unresolved.store(true, Ordering::Relaxed);
            }
            show(notice, &report, &out);
        }
    });
    let options = arguments.options(&job, &report, &sink)?;
    let outcome = job.run(&options, &report, &sink, &out);
    drop(sink);
    let out = Arc::into_inner(out).map(Mutex::into_inner);
    let outcome = match outcome {
        Ok(()) if job.strict && unresolved.load(Ordering::Relaxed) => Err(Exit::Failure),
        outcome => outcome,
    };
    match out {
        Some(out) => out.conclude(outcome),
        None => outcome,
    }
}

/// Whether `-e` causes this notice.
fn is_unresolved(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Depmod(DepmodNotice::UnknownSymbol { .. } | DepmodNotice::VersionMismatch { .. })
    )
}

/// Writes dependencies (`-v`) to standard output and reports all other notices.
fn show(notice: &Notice, report: &Report, out: &Mutex<Out>) {
    if let Notice::Depmod(DepmodNotice::Dependency { .. }) = notice {
        let line = [notice.message().as_slice(), b"\n"].concat();
        // A write error is returned again when the output is finished.
        let _ = out.lock().bytes(&line);
    } else {
        report.library(notice);
    }
}

impl Arguments {
    fn take(&mut self, option: &Opt<'_>, report: &Report) -> Outcome {
        let value = || option.value.clone().unwrap_or_default();
        match option.id {
            "all" => self.all = true,
            "full" => self.cache_use = CacheUse::Ignore,
            "quick" => {
                // As in kmod, a quick update includes all modules.
                self.all = true;
                if self.cache_use != CacheUse::Ignore {
                    self.cache_use = CacheUse::Quick;
                }
            }
            "basedir" => self.basedir = Some(value()),
            "moduledir" => self.moduledir = Some(value()),
            "outdir" => self.outdir = Some(value()),
            "config" => self.config.push(value().into()),
            "symvers" => self.symvers = Some(value().into()),
            "filesyms" => self.system_map = Some(value().into()),
            "errsyms" => self.errsyms = true,
            "errexit" => (self.errsyms, self.errexit) = (true, true),
            "verify" => self.verify = true,
            "meta" => self.meta = true,
            "verbose" => {
                self.verbose = true;
                report.louder();
            }
            "dry-run" => self.dry_run = true,
            "symbol-prefix" => match value().as_bytes() {
                &[prefix] => self.prefix = Some(prefix),
                _ => return Err(report.bad_symbol_prefix()),
            },
            "warn" => self.warn = true,
            _ => {}
        }
        Ok(())
    }

    fn job(&self, operands: Vec<OsString>, report: &Report) -> Result<Job, Exit> {
        let mut operands = operands.into_iter();
        let release = match operands.next() {
            Some(release) if is_release(release.as_bytes()) => release,
            Some(other) => return Err(report.bad_version(&other)),
            None => running_release().map_err(|error| report.no_release(&error))?,
        };
        let files = if self.all || operands.len() == 0 { None } else { Some(operands.collect()) };
        let basedir = self.basedir.as_deref();
        let dir = self.module_dir(basedir, &release, report)?;
        let out = match self.outdir.as_deref() {
            Some(outdir) => self.module_dir(Some(outdir), &release, report)?,
            None => dir.clone(),
        };
        if self.errsyms && self.symvers.is_none() && self.system_map.is_none() {
            if self.errexit {
                return Err(report.errexit_without_symbols());
            }
            report.errsyms_without_symbols();
        }
        let task = self.task(report)?;
        let release = release.into_vec();
        Ok(Job { dir, out, release, files, task, strict: self.errexit, verbose: self.verbose })
    }

    fn task(&self, report: &Report) -> Result<Task, Exit> {
        match (self.verify, self.dry_run) {
            (true, true) => Err(report.two_tasks("--verify", "-n")),
            (true, _) if self.meta => Err(report.two_tasks("--verify", "--meta")),
            (true, _) if self.cache_use == CacheUse::Quick => Err(report.two_tasks("--verify", "-A")),
            (true, false) => Ok(Task::Verify),
            (false, true) => Ok(Task::Show),
            (false, false) => Ok(Task::Write),
        }
    }

    /// Returns `base/moduledir/release`, composed byte for byte.
    fn module_dir(&self, base: Option<&OsStr>, release: &OsStr, report: &Report) -> Result<PathBuf, Exit> {
        let mut path = match base {
            Some(base) => absolute(base).map_err(|error| report.no_working_directory(&error))?,
            None => OsString::new(),
        };
        let moduledir = self.moduledir.as_deref().unwrap_or(OsStr::new("/lib/modules")).as_bytes();
        path.push("/");
        path.push(OsStr::from_bytes(moduledir.trim_start_with(|char| char == '/')));
        path.push("/");
        let release = release.as_bytes();
        path.push(OsStr::from_bytes(release.trim_end_with(|char| char == '/')));
        Ok(path.into())
    }

    fn options(&self, job: &Job, report: &Report, sink: &Sink) -> Result<DepmodOptions, Exit> {
        // If files are given, the configuration has no effect.
        let given = job.files.is_some();
        let config = if given { DepmodConfig::default() } else { depmod_config(&self.config, sink) };
        let kernel_symbols = self.kernel_symbols(report, sink)?;
        let cache_use = match self.cache_use {
            _ if self.verify => CacheUse::Ignore,
            // Only a complete run finds the symbols to report.
            CacheUse::Quick if self.errexit => CacheUse::Reuse,
            cache_use => cache_use,
        };
        let options = DepmodOptions::new()
            .config(config)
            .report_unknown(self.errsyms && kernel_symbols.is_some())
            .kernel_symbols(kernel_symbols)
            .symbol_prefix(self.prefix)
            // With --verify, -v lists every entry instead.
            .verbose(self.verbose && !self.verify)
            .warn_duplicates(self.warn)
            .meta(self.meta)
            .cache_use(cache_use)
            .cache_output(self.cache_output(job));
        Ok(options)
    }

    /// The cache is useful if depmod runs again. It is not written for the tree of an image, such as an initial RAM disk,
    /// where it would only take space: such a tree has another base directory and no indexes yet. Nor is it written if
    /// `SOURCE_DATE_EPOCH` is set, because then the same input must result in the same output.
    fn cache_output(&self, job: &Job) -> CacheOutput {
        let elsewhere = self.basedir.is_some() && self.outdir.is_none();
        let image = elsewhere && !op::has_output(&job.out);
        if image || environment::is_reproducible() { CacheOutput::Omit } else { CacheOutput::Write }
    }

    /// Reads the file of `-E` or, without `-E`, that of `-F`.
    fn kernel_symbols(&self, report: &Report, sink: &Sink) -> Result<Option<KernelSymbols>, Exit> {
        let symvers = self.symvers.clone().map(SymbolFile::Symvers);
        let file = symvers.or_else(|| self.system_map.clone().map(SymbolFile::SystemMap));
        let read = |file: SymbolFile| file.read(self.prefix, sink);
        let symbols = file.map(read).transpose().map_err(|error| report.cannot_load(&error))?.flatten();
        if self.errexit && symbols.is_none() {
            // The file that cannot be used has been reported.
            return Err(Exit::Failure);
        }
        Ok(symbols)
    }
}

impl Job {
    fn run(&self, options: &DepmodOptions, report: &Report, sink: &Sink, out: &Mutex<Out>) -> Outcome {
        let files = self.files.as_deref().map(|files| given_files(files, report)).transpose()?;
        let given = files.as_deref();
        let tree = ModuleTree { dir: &self.dir, out: &self.out, release: &self.release, given };
        let no_output = |failure| report.no_output(&failure);
        let print = |bytes: &[u8]| out.lock().bytes(bytes);
        match self.task {
            Task::Write => op::write(&tree, options, sink).map_err(no_output),
            Task::Show => {
                let texts = op::texts(&tree, options, sink).map_err(no_output)?;
                texts.iter().try_for_each(|text| print(&text.bytes))
            }
            Task::Verify => {
                let findings = op::verify(&tree, options, sink).map_err(no_output)?;
                findings.iter().try_for_each(|found| print(&verify::finding(found, self.verbose)))?;
                match (findings.is_empty(), self.verbose) {
                    (true, true) => print(verify::nothing_found()),
                    (true, false) => Ok(()),
                    (false, _) => Err(Exit::Failure),
                }
            }
        }
    }
}

/// Returns the modules in the operands after the release, which must be absolute paths of existing files.
fn given_files(paths: &[OsString], report: &Report) -> Result<Vec<FoundModule>, Exit> {
    op::given_modules(paths.iter().map(PathBuf::from)).map_err(|error| match error {
        GivenError::Relative(path) => report.not_absolute(&path),
        GivenError::Twice { name, first, second } => report.module_given_twice(&name, &second, &first),
        GivenError::Absent(error) => report.no_module(&error),
    })
}

/// Whether a release begins with two numbers separated by a dot, as matched by scanf's `%u.%u`.
fn is_release(release: &[u8]) -> bool {
    let after_number = |text| number::unsigned(text, Base::Decimal).map(|(_, rest)| rest);
    after_number(release).and_then(|rest| rest.strip_prefix(b".")).and_then(after_number).is_some()
}
