//! The one way to standard output: buffered, line by line on a terminal, write errors kept.
//!
//! Knows nothing of what is printed. An error of a write is returned as [`Exit::Stdout`], which
//! ends the applet; a buffer that is merely dropped is still written out, its errors unheard.

use std::cell::OnceCell;
use std::fmt;
use std::io::{self, BufWriter, Write};

use oxmod::sys::stdio::Stdout;

use crate::report::{Exit, Outcome};

const BUFFER: usize = 32 * 1024;

/// Standard output. Open it once in an applet.
pub struct Out {
    /// Made when there is something to write, which is seldom so where a module is loaded.
    writer: Option<BufWriter<Stdout>>,
    /// Whether it is a terminal; asked when it begins to matter.
    terminal: OnceCell<bool>,
}

impl Out {
    /// Takes hold of standard output.
    pub fn open() -> Self {
        Self { writer: None, terminal: OnceCell::new() }
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.with(|writer| writer.write_all(bytes))?;
        if bytes.contains(&b'\n') { self.end_of_line() } else { Ok(()) }
    }

    /// Writes formatted text.
    pub fn print(&mut self, text: fmt::Arguments<'_>) -> Outcome {
        self.with(|writer| writer.write_fmt(text))?;
        self.end_of_line()
    }

    /// Writes out what is buffered, for instance before a child process writes to the same place.
    pub fn flush(&mut self) -> Outcome {
        self.writer.as_mut().map_or(Ok(()), BufWriter::flush).map_err(Exit::Stdout)
    }

    /// Writes out what is buffered and tells whether all of it arrived.
    pub fn finish(mut self) -> Outcome {
        self.flush()
    }

    /// Somebody who watches sees each line as it comes.
    fn end_of_line(&mut self) -> Outcome {
        if *self.terminal.get_or_init(Stdout::is_terminal) { self.flush() } else { Ok(()) }
    }

    fn with(&mut self, action: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>) -> Outcome {
        action(self.writer.get_or_insert_with(|| BufWriter::with_capacity(BUFFER, Stdout::new())))
            .map_err(Exit::Stdout)
    }
}

/// Names, separated by blanks.
pub fn join(names: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let names: Vec<&[u8]> = names.iter().map(AsRef::as_ref).collect();
    names.join(&b' ')
}
