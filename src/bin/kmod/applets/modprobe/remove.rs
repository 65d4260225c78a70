//! modprobe -r: removes modules, shows what it would remove, and says why one stays.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use bstr::{BStr, ByteSlice};
use oxmod::ops::command;
use oxmod::ops::remove::{self, Hand, Request};

use super::environment;
use super::load::Loader;
use super::view::{End, View};
use crate::report::{Exit, Level, Outcome};

/// The first pause between two tries with `-w`; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Removes every operand in turn. What cannot be removed ends the run, except that a kernel's refusal
/// lets the next operand have its try, and so does everything with `-q`.
pub fn all(loader: &Loader<'_, '_>, operands: &[OsString], view: &mut dyn View) -> Outcome {
    let mut outcome = Ok(());
    for operand in operands {
        match one(loader, operand, view) {
            Ok(true) => {}
            Ok(false) => outcome = Err(Exit::Failure),
            Err(exit) => return Err(exit),
        }
    }
    outcome
}

/// Whether it worked; an error ends the run.
fn one(loader: &Loader<'_, '_>, operand: &OsString, view: &mut dyn View) -> Result<bool, Exit> {
    let settings = loader.settings;
    view.operand(operand);
    let found = loader.context.lookup(operand.as_bytes()).unwrap_or_default();
    if found.is_empty() {
        view.not_found(None);
        return loader.report.not_found(operand).map(|()| false);
    }
    let request = Request {
        ignore_commands: settings.ignore_commands,
        holders: settings.holders,
        first_time: settings.first_time,
        count_ignored: settings.wait.is_some(),
        lenient: !loader.report.shows(Level::Fatal),
    };
    for module in &found {
        view.unwanted(module);
        let mut remover = Remover { loader, view, stdout: Ok(()) };
        let outcome = remove::remove(loader.context, module, request, &mut remover);
        remover.stdout?;
        if let Err(failure) = outcome {
            view.stays(&failure);
            return loader.report.not_removed(&failure).map(|()| false);
        }
    }
    Ok(true)
}

/// Shows each step, and does it unless this is a dry run.
struct Remover<'r, 'l, 'c> {
    loader: &'r Loader<'l, 'c>,
    view: &'r mut dyn View,
    /// The first failure to write to standard output.
    stdout: Outcome,
}

impl Remover<'_, '_, '_> {
    fn show(&mut self, module: &BStr, command: Option<&BStr>) {
        let written = self.view.removing(module, command);
        if self.stdout.is_ok() {
            self.stdout = written;
        }
    }

    /// Tries again with growing pauses until the time of `-w` is over.
    fn wait(&self, module: &BStr, time: Duration) -> io::Result<()> {
        let end = Instant::now().checked_add(time);
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.by_kernel(module) {
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => error,
                other => return other,
            };
            let left = end.map_or(pause, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(error);
            }
            std::thread::sleep(pause.min(left));
            pause = pause.saturating_mul(2);
        }
    }

    fn run(&self, module: &BStr, command: &BStr) -> Result<(), command::Failure> {
        let variables = [(environment::NAME, self.loader.settings.environment.as_os_str())];
        self.loader.settings.surroundings(&variables).run(module, command, BStr::new(""))
    }

    fn by_kernel(&self, module: &BStr) -> io::Result<()> {
        let force = self.loader.settings.force;
        remove::by_kernel(module, force.vermagic && force.modversions)
    }
}

impl Hand for Remover<'_, '_, '_> {
    fn remove(&mut self, module: &BStr) -> io::Result<()> {
        self.show(module, None);
        if self.loader.settings.dry_run {
            return Ok(());
        }
        let answer = match self.loader.settings.wait {
            Some(time) => self.wait(module, time),
            None => self.by_kernel(module),
        };
        self.view.removed(&End::Kernel(&answer));
        answer.inspect_err(|error| self.loader.report.refused_to_remove(module, error))
    }

    fn command(&mut self, module: &BStr, command: &BStr) -> bool {
        self.show(module, Some(command::expanded(command, BStr::new("")).as_bstr()));
        if self.loader.settings.dry_run {
            return true;
        }
        let answer = self.run(module, command);
        self.view.removed(&End::Command(&answer));
        if let Err(command::Failure::Circle(command)) = &answer {
            self.loader.report.circle("remove", command, module);
        }
        answer.is_ok()
    }
}
