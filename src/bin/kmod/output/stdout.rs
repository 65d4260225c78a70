//! The one way to standard output: buffered, line by line on a terminal, write errors kept.
//!
//! Knows nothing of what is printed. The first error of a write is kept: an applet that only prints ends with it at once, by
//! `?`; one that loads or removes modules goes on, and [`Out::finish`] returns it.

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, Write};

use oxmod::sys::stdio::Stdout;

use crate::report::{Exit, Outcome};

const BUFFER: usize = 32 * 1024;

/// Standard output. Open it once in an applet.
pub struct Out {
    /// Made when there is something to write, which is rarely so where a module is loaded.
    writer: Option<BufWriter<Stdout>>,
    /// Whether it is a terminal; asked when it begins to matter.
    terminal: OnceCell<bool>,
    /// Why nothing more is written.
    failed: Option<io::Error>,
}

impl Out {
    /// Opens standard output.
    pub fn open() -> Self {
        Self { writer: None, terminal: OnceCell::new(), failed: None }
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.with(|writer| writer.write_all(bytes))?;
        let matters = self.terminal.get() != Some(&false);
        if matters && bytes.contains(&b'\n') { self.end_of_line() } else { Ok(()) }
    }

    /// Writes formatted text.
    pub fn print(&mut self, text: fmt::Arguments<'_>) -> Outcome {
        self.with(|writer| writer.write_fmt(text))?;
        self.end_of_line()
    }

    /// Writes a line for a caller that has other work to do: a failure is left to [`Out::finish`].
    pub fn line(&mut self, line: &[u8]) {
        let _ = self.bytes(line);
    }

    /// Writes out what is buffered, for instance before a child process writes to the same place. A failure is left to
    /// [`Out::finish`].
    pub fn sync(&mut self) {
        let _ = self.flush();
    }

    /// Writes out what is buffered.
    ///
    /// Errors: something could not be written, now or before.
    pub fn finish(mut self) -> Outcome {
        self.flush()
    }

    fn flush(&mut self) -> Outcome {
        if self.writer.is_none() && self.failed.is_none() {
            return Ok(());
        }
        self.with(BufWriter::flush)
    }

    /// A user at a terminal sees each line as it comes.
    fn end_of_line(&mut self) -> Outcome {
        if *self.terminal.get_or_init(Stdout::is_terminal) { self.flush() } else { Ok(()) }
    }

    fn with(&mut self, action: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) -> Outcome {
        if self.failed.is_none() {
            let writer = self.writer.get_or_insert_with(|| BufWriter::with_capacity(BUFFER, Stdout::new()));
            self.failed = action(writer).err();
            if self.failed.is_some() {
                // What is still buffered would be written again when the buffer is dropped.
                drop(self.writer.take().map(BufWriter::into_parts));
            }
        }
        match &self.failed {
            Some(error) => Err(Exit::Stdout(copy_of(error))),
            None => Ok(()),
        }
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Names, separated by blanks.
pub fn join(names: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
    names.join(&b' ')
}
