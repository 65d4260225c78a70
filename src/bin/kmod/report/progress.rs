//! A progress bar for long work. Nothing is shown if standard error is not a terminal, or if the work is done within a
//! second.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oxmod::notice::{DepmodNotice, Notice};

/// The time after which the bar is drawn.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar that is drawn after [`PATIENCE`].
pub struct Progress {
    what: &'static str,
    started: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Starts to measure the time; `what` is printed before the bar.
    pub fn new(what: &'static str) -> Self {
        Self { what, started: Instant::now(), bar: OnceLock::new() }
    }

    /// Takes a notice of progress; returns `false` for any other.
    pub fn takes(&self, notice: &Notice) -> bool {
        let Notice::Depmod(DepmodNotice::Progress { done, total }) = notice else { return false };
        self.show(*done, *total);
        true
    }

    /// Shows `done` bytes of `total`; removes the bar when all are done.
    fn show(&self, done: u64, total: u64) {
        if self.bar.get().is_none() && self.started.elapsed() < PATIENCE {
            return;
        }
        if done < total {
            self.bar.get_or_init(|| self.draw(total)).set_position(done);
        } else if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    /// Creates the bar, which stays hidden if standard error is not a terminal.
    fn draw(&self, total: u64) -> ProgressBar {
        let style =
            ProgressStyle::with_template("{msg} [{wide_bar}] {percent}% of {total_bytes}, {eta} left");
        ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "))
            .with_elapsed(self.started.elapsed())
            .with_message(self.what)
    }
}
