//! All output to standard output: buffered, or line by line on a terminal.
//!
//! This module does not know what is printed. It keeps the first write error. An applet that only prints returns it at
//! once with `?`; an applet that loads or removes modules continues, and gets the error from [`Out::conclude`].

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, Write};

use oxmod::sys::stdio::Stdout;

use crate::report::{Exit, Outcome};

const BUFFER: usize = 32 * 1024;

/// Standard output. Open it once in an applet.
pub struct Out {
    /// Created when there is something to write: an applet that loads modules usually prints nothing.
    writer: Option<BufWriter<Stdout>>,
    /// Whether it is a terminal; determined when first needed.
    terminal: OnceCell<bool>,
    /// The first write error. Nothing is written after it.
    failed: Option<io::Error>,
}

impl Out {
    /// Opens standard output.
    pub fn open() -> Self {
        Self { writer: None, terminal: OnceCell::new(), failed: None }
    }

    /// Writes bytes.
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

    /// Writes a line, for a caller that continues after an error. [`Out::conclude`] returns the error.
    pub fn line(&mut self, line: &[u8]) {
        let _ = self.bytes(line);
    }

    /// Flushes the buffer, for instance before a child process writes to standard output. [`Out::conclude`] returns an
    /// error.
    pub fn sync(&mut self) {
        let _ = self.flush();
    }

    /// Flushes the buffer.
    ///
    /// Errors: this write or an earlier one failed.
    pub fn finish(mut self) -> Outcome {
        self.flush()
    }

    /// Flushes the buffer after other work. Returns the combined outcome of the work and of the output.
    ///
    /// Errors: the work failed, or this write or an earlier one did.
    pub fn conclude(mut self, work: Outcome) -> Outcome {
        match (work, self.flush()) {
            (Ok(()) | Err(Exit::Done), written) => written,
            (Err(Exit::Failure), Err(Exit::Stdout { error, .. })) => {
                Err(Exit::Stdout { error, failed: true })
            }
            (failure, _) => failure,
        }
    }

    fn flush(&mut self) -> Outcome {
        if self.writer.is_none() && self.failed.is_none() {
            return Ok(());
        }
        self.with(BufWriter::flush)
    }

    /// Flushes the buffer at the end of a line, if standard output is a terminal.
    fn end_of_line(&mut self) -> Outcome {
        if *self.terminal.get_or_init(Stdout::is_terminal) { self.flush() } else { Ok(()) }
    }

    fn with(&mut self, action: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) -> Outcome {
        if self.failed.is_none() {
            let writer = self.writer.get_or_insert_with(|| BufWriter::with_capacity(BUFFER, Stdout::new()));
            self.failed = action(writer).err();
            if self.failed.is_some() {
                // Dropping the writer itself would try to write the buffer again.
                drop(self.writer.take().map(BufWriter::into_parts));
            }
        }
        match &self.failed {
            Some(error) => Err(Exit::Stdout { error: copy_of(error), failed: false }),
            None => Ok(()),
        }
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Joins names with blanks.
pub fn join(names: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
    names.join(&b' ')
}
