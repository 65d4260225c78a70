//! Every word that a person reads on standard error, but for getopt's own, and every exit code: what takes a text is
//! private, so that no word can be said from elsewhere.
//!
//! Messages are `tool: LEVEL: text`, on standard error or in syslog; those above the threshold are
//! dropped. A message of the highest level ends the program, but only if it was shown: with -q the
//! caller goes on, as kmod does, and the error that it then returns sets the exit code. So
//! [`Report::fatal`] answers with an error to hand upwards by `?`, and nothing here exits.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use oxmod::error::{Cause, Error};
use oxmod::notice::{Notice, Sink};
use oxmod::sys::{errno, memory, stdio, syslog};

mod coldplug;
mod depmod;
mod firmware;
mod forbid;
mod insmod;
mod lsmod;
pub mod meta;
mod modinfo;
mod modprobe;
#[cfg(any(feature = "depmod", feature = "meta"))]
pub mod progress;
pub mod static_nodes;
pub mod verify;

/// Why an applet stops before its end.
#[derive(Debug)]
pub enum Exit {
    /// -h or -V was answered: exit code 0.
    Done,
    /// What is wrong has been said: exit code 1.
    Failure,
    /// Standard output took no more. A closed pipe is no news to anybody, the rest is.
    Stdout(io::Error),
}

/// What an applet answers.
pub type Outcome = Result<(), Exit>;

/// Turns an applet's answer into the exit code, saying what has not been said.
pub fn conclude(tool: &str, outcome: Outcome) -> u8 {
    match outcome {
        Ok(()) | Err(Exit::Done) => 0,
        Err(Exit::Failure) => 1,
        Err(Exit::Stdout(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            // Under a caller that lets SIGPIPE kill, kmod is killed by it; under one that ignores
            // the signal, kmod writes in vain and succeeds.
            stdio::die_of_sigpipe_unless_ignored();
            0
        }
        Err(Exit::Stdout(error)) => {
            let why = io_text(&error);
            Report::new(tool, Level::Error).error(format_args!("could not write to standard output: {why}"));
            1
        }
    }
}

/// Chooses what is said when there is no memory left, not even for this.
pub fn out_of_memory(tool: &'static str) {
    memory::last_words([tool, ": FATAL: Cannot allocate memory\n"]);
}

/// How grave a message is; the numbers are syslog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// Ends the program if shown.
    Fatal = 2,
    /// Something asked for was not done.
    Error = 3,
    /// Something is odd, the work goes on.
    Warning = 4,
    /// Worth knowing.
    Notice = 5,
    /// Shown with -v.
    Info = 6,
    /// Shown with more -v.
    Debug = 7,
}

impl Level {
    /// The word for it in messages.
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

/// Where an applet's messages go and which of them. Clones share it, also between threads.
#[derive(Clone)]
pub struct Report(Arc<Inner>);

struct Inner {
    tool: String,
    threshold: AtomicI32,
    syslog: AtomicBool,
    /// The messages that were shown, where somebody wants them again.
    record: OnceLock<Mutex<Vec<Message>>>,
}

/// A message without the name of the tool.
type Message = (Level, Vec<u8>);

impl Report {
    /// Messages of `tool` down to the level `threshold`, on standard error.
    pub fn new(tool: &str, threshold: Level) -> Self {
        Self(Arc::new(Inner {
            tool: tool.into(),
            threshold: AtomicI32::new(threshold as i32),
            syslog: AtomicBool::new(false),
            record: OnceLock::new(),
        }))
    }

    /// From now on messages go to syslog's daemon facility (-s).
    pub fn use_syslog(&self) {
        syslog::open(&self.0.tool);
        self.0.syslog.store(true, Relaxed);
    }

    /// -v: one level more.
    pub fn louder(&self) {
        self.0.threshold.fetch_add(1, Relaxed);
    }

    /// -q: nothing but what is wrong with the command line itself, until a later -v.
    pub fn quiet(&self) {
        self.0.threshold.store(0, Relaxed);
    }

    /// From now on the messages that are shown are kept too.
    pub fn record(&self) {
        self.0.record.get_or_init(Mutex::default);
    }

    /// What was kept since [`Report::record`].
    pub fn recorded(&self) -> Vec<Message> {
        let Some(record) = self.0.record.get() else { return Vec::new() };
        std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a message of this level would be shown; to spare the making of costly ones.
    pub fn shows(&self, level: Level) -> bool {
        level as i32 <= self.0.threshold.load(Relaxed)
    }

    /// The gravest level: an error to hand upwards if it was shown, nothing if it was hidden.
    fn fatal(&self, text: fmt::Arguments<'_>) -> Outcome {
        self.say(Level::Fatal, text);
        if self.shows(Level::Fatal) { Err(Exit::Failure) } else { Ok(()) }
    }

    /// A message of [`Level::Error`].
    fn error(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Error, text);
    }

    /// A message of [`Level::Warning`].
    fn warning(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Warning, text);
    }

    /// A message of [`Level::Info`].
    fn info(&self, text: fmt::Arguments<'_>) {
        self.say(Level::Info, text);
    }

    /// A message of a level known only at run time.
    fn say(&self, level: Level, text: fmt::Arguments<'_>) {
        if self.shows(level) {
            self.put(level, text);
        }
    }

    /// An error that ends the work.
    fn refuse(&self, text: fmt::Arguments<'_>) -> Exit {
        self.error(text);
        Exit::Failure
    }

    /// What is wrong with the command line itself, and -q does not hide.
    fn misuse(&self, text: fmt::Arguments<'_>) -> Exit {
        self.put(Level::Error, text);
        Exit::Failure
    }

    fn put(&self, level: Level, text: fmt::Arguments<'_>) {
        if let Some(record) = self.0.record.get() {
            record.lock().unwrap_or_else(PoisonError::into_inner).push((level, raw_bytes(text)));
        }
        let word = level.word();
        if self.0.syslog.load(Relaxed) {
            syslog::send(level as i32, &raw_bytes(format_args!("{word}: {text}\n")));
        } else {
            let line = raw_bytes(format_args!("{}: {word}: {text}\n", self.0.tool));
            // Nobody is left to tell when standard error does not take it.
            let _ = io::stderr().write_all(&line);
        }
    }

    /// A sink for what the library notices.
    pub fn sink(&self) -> Sink {
        let report = self.clone();
        Sink::new(move |notice| report.library(notice))
    }

    /// Words what the library noticed.
    pub fn library(&self, notice: &Notice) {
        match notice {
            Notice::BadConfigLine { path, line, word } => self.error(format_args!(
                "{} line {line}: ignoring bad line starting with '{}'",
                verbatim_path(path),
                verbatim(word)
            )),
            Notice::IgnoredDirective { path, line, command } => self.info(format_args!(
                "{} line {line}: '{}' is accepted and does nothing",
                verbatim_path(path),
                verbatim(command)
            )),
            Notice::DeprecatedDirective { path, command, .. } => self.error(format_args!(
                "{}: command {} is deprecated and not parsed anymore",
                verbatim_path(path),
                verbatim(command)
            )),
            Notice::BadCommandLineName(name) => self.error(format_args!(
                "Ignoring bad option on kernel command line while parsing module name: '{}'",
                verbatim(name)
            )),
            Notice::BadSoftdepName(name) => self
                .error(format_args!("failed to lookup dependency '{}', continuing anyway.", verbatim(name))),
            Notice::ForbiddenSoftdep { softdep, module, path, line, reason } => {
                self.forbidden_softdep(softdep, module, path, *line, reason.as_ref());
            }
            Notice::ConfigSubdirectory(path) => self.error(format_args!(
                "Directories inside directories are not supported: {}",
                verbatim_path(path)
            )),
            Notice::ConfigDangling(error) => {
                self.error(format_args!("Cannot stat directory entry: {}", verbatim_path(&error.path)));
            }
            Notice::IndexUnusable { error, instead } => self.warning(format_args!(
                "could not use {}: {}; reading {} instead",
                verbatim_path(&error.path),
                why(error),
                verbatim_path(instead)
            )),
            Notice::Unreadable(error) => self.error(format_args!(
                "could not read {}: {}",
                verbatim_path(&error.path),
                errno_text(error)
            )),
            Notice::Unusable(error) => {
                self.error(format_args!("could not use {}: {}", verbatim_path(&error.path), why(error)));
            }
            Notice::MetaOfAnother { path, release, wanted } => self.warning(format_args!(
                "{} is of kernel {}, not of {}",
                verbatim_path(path),
                verbatim(release),
                verbatim(wanted)
            )),
            Notice::Depmod(notice) => self.depmod(notice),
            other => self.error(format_args!("{other:?}")),
        }
    }
}

/// Why something failed: the system's words for an errno, or what is wrong with the bytes.
pub fn why(error: &Error) -> String {
    match &error.cause {
        Cause::Io(io) => errno::strerror(io.raw_os_error().unwrap_or(libc::EIO)),
        Cause::Format(format) => format.to_string(),
    }
}

/// What getopt says of an option, which begins with what the program was called by.
pub fn bad_option(said: &[u8]) {
    bare(format_args!("{}", verbatim(said)));
}

/// No operand where a command is to stand.
pub fn missing_command() {
    bare(format_args!("missing command"));
}

/// An operand that is no command.
pub fn invalid_command(word: &OsStr) {
    bare(format_args!("invalid command '{}'", verbatim(word.as_encoded_bytes())));
}

/// Either of them.
pub fn missing_or_invalid_command() {
    bare(format_args!("missing or invalid command"));
}

/// A line without tool and level, which is how `kmod`'s own subcommands talk.
fn bare(text: fmt::Arguments<'_>) {
    // Nobody is left to tell when standard error does not take it.
    let _ = io::stderr().write_all(&raw_bytes(format_args!("{text}\n")));
}

/// The system's word for what went wrong.
pub fn errno_text(error: &oxmod::error::Error) -> String {
    errno::strerror(error.errno())
}

/// The system's word for what went wrong.
pub fn io_text(error: &io::Error) -> String {
    errno::strerror(error.raw_os_error().unwrap_or(libc::EIO))
}

/// [`verbatim`], of a path.
pub fn verbatim_path(path: &Path) -> Verbatim<'_> {
    Verbatim(path.as_os_str().as_encoded_bytes())
}

/// Lets bytes that are not UTF-8 pass through `format_args!` unharmed: a [`Report`] prints them as
/// they were. (Each such byte travels as a character of the last private plane.)
pub fn verbatim<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Verbatim<'_> {
    Verbatim(bytes.as_ref())
}

/// See [`verbatim`].
pub struct Verbatim<'a>(&'a [u8]);

/// [`escaped`], of a path.
pub fn escaped_path(path: &Path) -> Escaped<'_> {
    Escaped(path.as_os_str().as_encoded_bytes())
}

/// Like [`verbatim`], but for names that anybody chooses, such as whoever makes a device: what could move a terminal's
/// cursor or begin another line is shown as `\x1b`.
pub fn escaped<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Escaped<'_> {
    Escaped(bytes.as_ref())
}

/// See [`escaped`].
pub struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for part in chunk.valid().split_inclusive(char::is_control) {
                let end = part.char_indices().next_back().filter(|(_, letter)| letter.is_control());
                let (plain, control) = part.split_at(end.map_or(part.len(), |(at, _)| at));
                Verbatim(plain.as_bytes()).fmt(f)?;
                control.bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
            }
            // A terminal that knows no UTF-8 takes some of these for controls.
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// The characters U+10FE00..=U+10FEFF stand for the bytes 0..=255.
const PLANE: u32 = 0x10_FE00;

impl fmt::Display for Verbatim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                if carried(letter).is_some() {
                    carry(f, letter.encode_utf8(&mut [0; 4]).as_bytes())?;
                } else {
                    f.write_char(letter)?;
                }
            }
            carry(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn carry(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().filter_map(|&byte| char::from_u32(PLANE + u32::from(byte))).try_for_each(|c| f.write_char(c))
}

fn carried(letter: char) -> Option<u8> {
    u32::from(letter).checked_sub(PLANE).and_then(|byte| u8::try_from(byte).ok())
}

/// Formats, and puts the bytes of [`verbatim`] back.
fn raw_bytes(text: fmt::Arguments<'_>) -> Vec<u8> {
    let text = text.to_string();
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match carried(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbatim_bytes_survive_formatting() {
        for bytes in [&b"plain"[..], b"a\xff\xfeb\x80", "\u{10FE41}\u{e9}".as_bytes(), b"\xf4\x8f\xb9"] {
            assert_eq!(raw_bytes(format_args!("<{}>", verbatim(bytes))), [b"<", bytes, b">"].concat());
        }
    }

    #[test]
    fn controls_are_shown() {
        for (bytes, shown) in [
            (&b"plain"[..], "plain"),
            (b"", ""),
            (b"a\nb\x1b[2J\x7f", "a\\x0ab\\x1b[2J\\x7f"),
            ("\u{e9}\u{9b}x".as_bytes(), "\u{e9}\\xc2\\x9bx"),
            (b"\xff\x9b", "\\xff\\x9b"),
        ] {
            assert_eq!(raw_bytes(format_args!("{}", escaped(bytes))), shown.as_bytes());
        }
    }

    #[test]
    fn a_hidden_fatal_message_does_not_end_the_program() {
        let report = Report::new("t", Level::Warning);
        report.quiet();
        assert!(report.fatal(format_args!("x")).is_ok());
        assert!(!report.shows(Level::Fatal));
    }
}
