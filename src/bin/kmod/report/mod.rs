//! The messages on standard error and the exit codes.
//!
//! This module owns the wording of all messages, except those of getopt and the notices of the library. The methods that
//! take a text are private, so that no other file can print one. Nothing here ends the process.
//!
//! A message is `tool: LEVEL: text`, on standard error or in syslog; those above the threshold are dropped. A message of
//! the highest level ends the program, but only if it is shown: with -q the caller continues, as kmod does, and the
//! error that it returns later sets the exit code. Therefore [`Report::operand_failed`] returns an error, which callers return
//! with `?`.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bstr::BString;
use oxmod::errno;
use oxmod::error::Error;
use oxmod::lock::Mutex;
use oxmod::notice::{self, Notice, Sink};
use oxmod::sys::{memory, stdio, syslog};
use oxmod::text::{self, verbatim, verbatim_path};

#[cfg(feature = "coldplug")]
mod coldplug;
#[cfg(any(feature = "coldplug", feature = "firmware", feature = "meta"))]
mod command_line;
#[cfg(any(feature = "depmod", feature = "firmware", feature = "meta"))]
mod depmod;
#[cfg(any(feature = "coldplug", feature = "complete"))]
mod escaped;
#[cfg(feature = "firmware")]
mod firmware;
mod insmod;
mod lsmod;
#[cfg(any(feature = "firmware", feature = "meta"))]
pub mod meta;
pub mod modinfo;
mod modprobe;
#[cfg(any(feature = "depmod", feature = "meta"))]
pub mod progress;
mod reason;
pub mod static_nodes;
#[cfg(feature = "depmod")]
pub mod verify;

#[cfg(feature = "complete")]
pub use escaped::escaped;
pub use reason::Reason;

/// Why an applet stops early.
#[derive(Debug)]
pub enum Exit {
    /// -h or -V printed its text: exit code 0.
    Done,
    /// A failure that has been reported: exit code 1.
    Failure,
    /// A failed write to standard output, which has not been reported. A closed pipe never is.
    Stdout {
        /// The error of the write.
        error: io::Error,
        /// Whether the work failed too, which has been reported.
        failed: bool,
    },
}

/// The result of an applet.
pub type Outcome = Result<(), Exit>;

/// Turns an applet's result into the exit code; reports a failed write to standard output.
pub fn conclude(tool: &str, outcome: Outcome) -> u8 {
    match outcome {
        Ok(()) | Err(Exit::Done) => 0,
        Err(Exit::Failure) => 1,
        Err(Exit::Stdout { error, failed }) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Under a caller that lets SIGPIPE kill, kmod is killed by it; under one that ignores
            // the signal, kmod writes in vain and succeeds.
            stdio::die_of_sigpipe_unless_ignored();
            u8::from(failed)
        }
        Err(Exit::Stdout { error, .. }) => {
            let why = io_text(&error);
            Report::new(tool, Level::Error).error(format_args!("could not write to standard output: {why}"));
            1
        }
    }
}

/// Whether the caller closed standard error, so that messages would go nowhere.
pub fn stderr_was_closed() -> bool {
    stdio::stderr_was_closed()
}

/// Sets the message for memory exhaustion, which is printed without allocating.
pub fn out_of_memory(tool: &'static str) {
    memory::set_message([tool, ": FATAL: Cannot allocate memory\n"]);
}

/// The level of a message. The values are the priorities of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Ends the program if it is shown.
    Fatal = 2,
    /// A request failed.
    Error = 3,
    /// Something is wrong, and the program continues.
    Warning = 4,
    /// Normal, but significant.
    Notice = 5,
    /// Shown with -v.
    Info = 6,
    /// Shown with several -v.
    Debug = 7,
}

impl Level {
    /// Returns the name of the level in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

impl From<notice::Level> for Level {
    fn from(level: notice::Level) -> Self {
        match level {
            notice::Level::Error => Self::Error,
            notice::Level::Warning => Self::Warning,
            notice::Level::Notice => Self::Notice,
            notice::Level::Info => Self::Info,
        }
    }
}

/// The destination and the threshold of an applet's messages. Clones share them, also between threads.
#[derive(Clone)]
pub struct Report(Arc<Inner>);

struct Inner {
    tool: String,
    threshold: AtomicI32,
    syslog: AtomicBool,
    /// Whether a failure of one operand is a warning.
    several: AtomicBool,
    /// The messages that were shown, if they are recorded.
    record: OnceLock<Mutex<Vec<Message>>>,
}

/// A message without the name of the tool.
type Message = (Level, BString);

impl Report {
    /// Creates a report that prints the messages of `tool` down to the level `threshold` on standard error.
    pub fn new(tool: &str, threshold: Level) -> Self {
        Self(Arc::new(Inner {
            tool: tool.into(),
            threshold: AtomicI32::new(threshold as i32),
            syslog: AtomicBool::new(false),
            several: AtomicBool::new(false),
            record: OnceLock::new(),
        }))
    }

    /// Sends further messages to syslog's daemon facility (-s).
    pub fn use_syslog(&self) {
        syslog::open(&self.0.tool);
        self.0.syslog.store(true, Relaxed);
    }

    /// Shows one more level (-v).
    pub fn louder(&self) {
        self.0.threshold.fetch_add(1, Relaxed);
    }

    /// Hides all messages except those about the command line (-q), until a later -v.
    pub fn quiet(&self) {
        self.0.threshold.store(0, Relaxed);
    }

    /// Makes the failure of one operand a warning, after which the other operands are still processed (-a).
    pub fn several_operands(&self) {
        self.0.several.store(true, Relaxed);
    }

    /// Returns whether the failure of one operand ends the run.
    pub fn ends_at_failure(&self) -> bool {
        self.shows(Level::Fatal) && !self.0.several.load(Relaxed)
    }

    /// Records further messages that are shown.
    pub fn record(&self) {
        self.0.record.get_or_init(Mutex::default);
    }

    /// Returns the messages since [`Report::record`].
    pub fn recorded(&self) -> Vec<Message> {
        let Some(record) = self.0.record.get() else { return Vec::new() };
        std::mem::take(&mut *record.lock())
    }

    /// Returns whether messages of this level are shown.
    pub fn shows(&self, level: Level) -> bool {
        level as i32 <= self.0.threshold.load(Relaxed)
    }

    /// Prints why one operand failed: an error if that ends the run, `Ok` if the next operand follows.
    fn operand_failed(&self, text: fmt::Arguments<'_>) -> Outcome {
        self.say(if self.0.several.load(Relaxed) { Level::Warning } else { Level::Fatal }, text);
        if self.ends_at_failure() { Err(Exit::Failure) } else { Ok(()) }
    }

    /// Prints a message of [`Level::Error`].
    fn error(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Error, text);
    }

    /// Prints a message of [`Level::Warning`].
    fn warning(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Warning, text);
    }

    /// Prints a message of [`Level::Info`].
    fn info(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Info, text);
    }

    /// Prints a message of any level.
    fn say(&self, level: Level, text: fmt::Arguments<'_>) {
        if self.shows(level) {
            self.put(level, text);
        }
    }

    /// Prints an error that ends the work.
    fn refuse(&self, text: fmt::Arguments<'_>) -> Exit {
        self.error(text);
        Exit::Failure
    }

    /// Prints an error in the command line, which -q does not hide.
    fn misuse(&self, text: fmt::Arguments<'_>) -> Exit {
        self.put(Level::Error, text);
        Exit::Failure
    }

    fn put(&self, level: Level, text: fmt::Arguments<'_>) {
        if let Some(record) = self.0.record.get() {
            record.lock().push((level, text::bytes(text)));
        }
        let word = level.word();
        if self.0.syslog.load(Relaxed) {
            syslog::send(level as i32, &text::bytes(format_args!("{word}: {text}\n")));
        } else {
            let line = text::bytes(format_args!("{}: {word}: {text}\n", self.0.tool));
            // A failed write to standard error cannot be reported anywhere.
            let _ = stdio::write_stderr(&line);
        }
    }

    /// Returns a sink that reports the library's notices.
    pub fn sink(&self) -> Sink {
        let report = self.clone();
        Sink::new(move |notice| report.library(notice))
    }

    /// Reports a notice of the library, with the library's text.
    pub fn library(&self, notice: &Notice) {
        let level = notice.level().into();
        if self.shows(level) {
            self.put(level, format_args!("{}", verbatim(&notice.message())));
        }
    }

    /// A file that cannot be read, or is damaged.
    pub fn unreadable(&self, error: &Error) -> Exit {
        self.refuse(format_args!("could not read {}: {}", verbatim_path(&error.path), error.cause))
    }
}

/// getopt's message about an option, which begins with `argv[0]`.
pub fn bad_option(message: &[u8]) {
    bare(format_args!("{}", verbatim(message)));
}

/// A missing command.
pub fn missing_command() {
    bare(format_args!("missing command"));
}

/// An operand that is not a command.
pub fn invalid_command(word: &OsStr) {
    bare(format_args!("invalid command '{}'", verbatim(word.as_encoded_bytes())));
}

/// A command that is missing or unknown.
#[cfg(feature = "firmware")]
pub fn missing_or_invalid_command() {
    bare(format_args!("missing or invalid command"));
}

/// Prints a line without tool and level, as kmod's own subcommands do.
fn bare(text: fmt::Arguments<'_>) {
    // A failed write to standard error cannot be reported anywhere.
    let _ = stdio::write_stderr(&text::bytes(format_args!("{text}\n")));
}

/// Returns the C library's text for the errno of an error. Like kmod, it does so even if the contents of a file are invalid.
fn errno_text(error: &Error) -> String {
    errno::strerror(error.errno())
}

/// Returns the C library's text for an I/O error.
fn io_text(error: &io::Error) -> String {
    errno::strerror(errno::of(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_fatal_message_does_not_end_the_program() {
        let report = Report::new("t", Level::Warning);
        report.quiet();
        assert!(report.operand_failed(format_args!("x")).is_ok());
        assert!(!report.shows(Level::Fatal));
    }

    #[test]
    fn the_failure_of_one_of_several_operands_is_a_warning() {
        let report = Report::new("t", Level::Warning);
        report.record();
        assert!(report.operand_failed(format_args!("x")).is_err() && report.ends_at_failure());
        report.several_operands();
        assert!(report.operand_failed(format_args!("x")).is_ok() && !report.ends_at_failure());
        let levels: Vec<Level> = report.recorded().iter().map(|(level, _)| *level).collect();
        assert_eq!(levels, [Level::Fatal, Level::Warning]);
    }
}
