//! A progress bar for long work. Nothing is shown if standard error is not a terminal, or if the work is done within a
//! second.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oxmod::notice::{DepmodNotice, Notice};

/// The time after which the bar is drawn.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar that is drawn after [`PATIENCE`].
pub struct Progress {
    what: &'static str,
    /// Measures the time since it was created; hidden at first.
    bar: ProgressBar,
    drawn: OnceLock<()>,
}

impl Progress {
    /// Starts to measure the time; `what` is printed before the bar.
    pub fn new(what: &'static str) -> Self {
        Self { what, bar: ProgressBar::hidden(), drawn: OnceLock::new() }
    }

    /// Takes a notice of progress; returns `false` for any other.
    pub fn takes(&self, notice: &Notice) -> bool {
        let Notice::Depmod(DepmodNotice::Progress { done, total }) = notice else { return false };
        self.show(*done, *total);
        true
    }

    /// Shows `done` bytes of `total`; removes the bar when all are done.
    fn show(&self, done: u64, total: u64) {
        let drawn = self.drawn.get().is_some();
        if done < total && (drawn || self.bar.elapsed() >= PATIENCE) {
            self.drawn.get_or_init(|| self.draw(total));
            self.bar.set_position(done);
        } else if drawn {
            self.bar.finish_and_clear();
        }
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
