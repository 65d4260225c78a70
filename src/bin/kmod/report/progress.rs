//! A bar on the terminal for work that takes long. Nothing where standard error is no terminal, and nothing for work
//! that is done within a second.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use oxmod::notice::{DepmodNotice, Notice};

/// How long work goes on unseen.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bar, drawn once it is worth it.
pub struct Progress {
    what: &'static str,
    started: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    /// Begins to count the time; `what` stands before the bar.
    pub fn new(what: &'static str) -> Self {
        Self { what, started: Instant::now(), bar: OnceLock::new() }
    }

    /// Takes a notice that is for the bar; `false` for any other.
    pub fn takes(&self, notice: &Notice) -> bool {
        let Notice::Depmod(DepmodNotice::Progress { done, total }) = notice else { return false };
        self.show(*done, *total);
        true
    }

    /// Shows that `done` bytes of `total` are; the bar goes when all of them are.
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

    /// Where standard error is no terminal, the bar stays hidden.
    fn draw(&self, total: u64) -> ProgressBar {
        let style =
            ProgressStyle::with_template("{msg} [{wide_bar}] {percent}% of {total_bytes}, {eta} left");
        ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "))
            .with_elapsed(self.started.elapsed())
            .with_message(self.what)
    }
}
