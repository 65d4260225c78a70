//! A progress bar for long work.
//!
//! This module decides whether and when the bar is drawn: never if standard error is not a terminal that can redraw a
//! line, or if the environment asks for plain output; otherwise after a second, and then twice a second. It must not know
//! what the work is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oxmod::notice::{DepmodNotice, Notice};
use oxmod::sys::environment;

/// The time after which the bar is drawn.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time between two redraws, in milliseconds.
const INTERVAL: u64 = 500;

/// A progress bar that is drawn after [`PATIENCE`].
pub struct Progress {
    what: &'static str,
    /// Measures the time since it was created; hidden at first.
    bar: ProgressBar,
    drawn: OnceLock<()>,
    /// When the bar will be drawn next, in milliseconds since it was created.
    next: AtomicU64,
}

impl Progress {
    /// Starts to measure the time; `what` is printed before the bar.
    pub fn new(what: &'static str) -> Self {
        let next = if is_wanted() { millis(PATIENCE) } else { u64::MAX };
        Self { what, bar: ProgressBar::hidden(), drawn: OnceLock::new(), next: next.into() }
    }

    /// Handles a notice of progress; returns `false` for any other.
    pub fn handle(&self, notice: &Notice) -> bool {
        let Notice::Depmod(DepmodNotice::Progress { done, total }) = notice else { return false };
        self.show(*done, *total);
        true
    }

    /// Shows `done` bytes of `total`; removes the bar when all are done.
    fn show(&self, done: u64, total: u64) {
        if done < total && self.is_due() {
            self.drawn.get_or_init(|| self.draw(total));
            self.bar.set_position(done);
        } else if done >= total && self.drawn.get().is_some() {
            self.bar.finish_and_clear();
        }
    }

    /// Whether the bar is to be drawn now, by this thread.
    fn is_due(&self) -> bool {
        let (now, next) = (millis(self.bar.elapsed()), self.next.load(Ordering::Relaxed));
        let after = now.saturating_add(INTERVAL);
        now >= next && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Draws the bar from now on; it stays hidden if standard error is not a terminal.
    fn draw(&self, total: u64) {
        let style =
            ProgressStyle::with_template("{msg} [{wide_bar}] {percent}% of {total_bytes}, {eta} left");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
        self.bar.set_style(style);
        self.bar.set_message(self.what);
        self.bar.set_length(total);
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
    }
}

/// Whether the environment allows a bar: the terminal is known, and neither `NO_COLOR` nor `CI` is set.
fn is_wanted() -> bool {
    let is_set = |name| environment::variable(name).is_some_and(|value| !value.is_empty());
    let terminal =
        environment::variable("TERM").filter(|terminal| !terminal.is_empty() && terminal != "dumb");
    terminal.is_some() && !is_set("NO_COLOR") && !is_set("CI")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
