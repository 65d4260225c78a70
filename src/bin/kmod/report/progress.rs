//! A progress bar for long work.
//!
//! This module decides whether and when the bar is drawn: never if standard error is not a terminal that can redraw a
//! line, or if the environment asks for plain output; otherwise after a second, and then twice a second. It must not know
//! what the work is.
//!
//! The crate indicatif is not used: its bars contain a hash table of the standard library, which needs random bytes from
//! the kernel, and depmod must not depend on these.

use std::time::Duration;

use oxmod::lock::Mutex;
use oxmod::notice::{DepmodNotice, Notice};
use oxmod::sys::environment;
use oxmod::sys::stdio;
use oxmod::sys::stopwatch::Stopwatch;

/// The time after which the bar is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time between two redraws.
const INTERVAL: Duration = Duration::from_millis(500);

/// A progress bar that is drawn after [`PATIENCE`].
pub struct Progress {
    what: &'static str,
    start: Stopwatch,
    is_wanted: bool,
    /// When the bar was drawn last; `None` if there is no bar.
    drawn: Mutex<Option<Duration>>,
}

impl Progress {
    /// Starts to measure the time; `what` is printed before the bar.
    pub fn new(what: &'static str) -> Self {
        let is_wanted = is_wanted() && stdio::stderr_columns().is_some();
        Self { what, start: Stopwatch::start(), is_wanted, drawn: Mutex::default() }
    }

    /// Handles a notice of progress; returns `false` for any other.
    pub fn handle(&self, notice: &Notice) -> bool {
        let Notice::Depmod(DepmodNotice::Progress { done, total }) = notice else { return false };
        if self.is_wanted {
            self.show(*done, *total);
        }
        true
    }

    /// Shows `done` bytes of `total`; removes the bar when all are done.
    fn show(&self, done: u64, total: u64) {
        let mut drawn = self.drawn.lock();
        if done >= total {
            if drawn.take().is_some() {
                draw("");
            }
            return;
        }
        let elapsed = self.start.elapsed();
        if elapsed >= drawn.map_or(PATIENCE, |drawn| drawn.saturating_add(INTERVAL)) {
            *drawn = Some(elapsed);
            draw(&line(self.what, done, total, elapsed, columns()));
        }
    }
}

/// Whether the environment allows a bar: the terminal is known, and neither `NO_COLOR` nor `CI` is set.
fn is_wanted() -> bool {
    let is_set = |name| environment::variable(name).is_some_and(|value| !value.is_empty());
    let terminal =
        environment::variable("TERM").filter(|terminal| !terminal.is_empty() && terminal != "dumb");
    terminal.is_some() && !is_set("NO_COLOR") && !is_set("CI")
}

/// The columns that a line may fill: all but the last one, after which some terminals begin a new line.
fn columns() -> usize {
    stdio::stderr_columns().unwrap_or_default().saturating_sub(1)
}

/// Replaces the current line of the terminal. A failure does no harm.
fn draw(line: &str) {
    let columns = columns();
    let end = if line.is_empty() { "\r" } else { "" };
    let _ = stdio::write_stderr(format!("\r{line:columns$.columns$}{end}").as_bytes());
}

/// Returns the line that shows `done` bytes of `total`, which fills `columns`.
fn line(what: &str, done: u64, total: u64, elapsed: Duration, columns: usize) -> String {
    let percent = share(done, total, 100);
    let tenths = share(total, 1 << 20, 10);
    let left = share(total - done, done, elapsed.as_secs());
    let end = format!("{percent}% of {}.{} MiB, {left}s left", tenths / 10, tenths % 10);
    let width = columns.saturating_sub(what.len() + end.len() + " [] ".len());
    let filled = usize::try_from(share(done, total, width as u64)).unwrap_or(width);
    let bar = "=".repeat(filled) + ">";
    format!("{what} [{bar:width$.width$}] {end}")
}

/// Returns `part / whole * of`, rounded down; zero if `whole` is.
fn share(part: u64, whole: u64, of: u64) -> u64 {
    let share = (u128::from(part) * u128::from(of)).checked_div(whole.into()).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_the_line() {
        let line = |done, columns| line("reading", done, 200 << 20, Duration::from_secs(9), columns);
        assert_eq!(line(100 << 20, 50), "reading [=======>      ] 50% of 200.0 MiB, 9s left");
        assert_eq!(line(0, 50), "reading [>              ] 0% of 200.0 MiB, 0s left");
        assert_eq!(line((200 << 20) - 1, 50), "reading [=============>] 99% of 200.0 MiB, 0s left");
        // Without room for a bar, only the text is shown.
        assert_eq!(line(1 << 20, 20), "reading [] 0% of 200.0 MiB, 1791s left");
    }

    #[test]
    fn shares_do_not_overflow() {
        assert_eq!(share(1, 0, 100), 0);
        assert_eq!(share(u64::MAX, u64::MAX, 100), 100);
        assert_eq!(share(u64::MAX, 1, 100), u64::MAX);
    }
}
