//! The one way to standard output: buffered, line by line on a terminal, write errors kept.
//!
//! Knows nothing of what is printed. An error of a write is returned as [`Exit::Stdout`], which
//! ends the applet; a buffer that is merely dropped is still written out, its errors unheard.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;

use crate::report::{Exit, Outcome};

const BUFFER: usize = 32 * 1024;

/// Standard output. Open it once in an applet.
pub struct Out {
    /// An error when the descriptor could not be duplicated; told at the first write.
    writer: Result<BufWriter<File>, io::Error>,
    terminal: bool,
}

impl Out {
    /// Takes hold of standard output, without the line buffer that the standard library puts on it.
    pub fn open() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let file = stdout.as_fd().try_clone_to_owned().map(File::from);
        Self { writer: file.map(|file| BufWriter::with_capacity(BUFFER, file)), terminal }
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        let terminal = self.terminal;
        self.with(|writer| {
            writer.write_all(bytes)?;
            if terminal && bytes.contains(&b'\n') { writer.flush() } else { Ok(()) }
        })
    }

    /// Writes formatted text.
    pub fn print(&mut self, text: fmt::Arguments<'_>) -> Outcome {
        let terminal = self.terminal;
        self.with(|writer| {
            writer.write_fmt(text)?;
            if terminal { writer.flush() } else { Ok(()) }
        })
    }

    /// Writes out what is buffered, for instance before a child process writes to the same place.
    pub fn flush(&mut self) -> Outcome {
        self.with(BufWriter::flush)
    }

    /// Writes out what is buffered and tells whether all of it arrived.
    pub fn finish(mut self) -> Outcome {
        self.flush()
    }

    fn with(&mut self, action: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Outcome {
        match &mut self.writer {
            Ok(writer) => action(writer).map_err(Exit::Stdout),
            Err(error) => Err(Exit::Stdout(io::Error::from(error.kind()))),
        }
    }
}
