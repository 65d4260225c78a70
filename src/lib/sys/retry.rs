//! Trying again until something outside of this process has changed.

use std::thread;
use std::time::Duration;

use super::stopwatch::Stopwatch;

/// The time since the first try, and the pauses between tries.
#[derive(Debug)]
pub struct Retry {
    start: Stopwatch,
    patience: Duration,
    pause: Duration,
    longest: Duration,
}

impl Retry {
    /// Starts the clock. Tries may go on for `patience`. The first pause is `first`; each one is twice as long as the one
    /// before, but not longer than `longest`.
    pub fn new(patience: Duration, first: Duration, longest: Duration) -> Self {
        Self { start: Stopwatch::start(), patience, pause: first, longest }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Sleeps before the next try; `false`, without sleeping, once the patience is over.
    pub fn pause(&mut self) -> bool {
        let left = self.patience.saturating_sub(self.elapsed());
        if left.is_zero() {
            return false;
        }
        thread::sleep(self.pause.min(left));
        self.pause = self.pause.saturating_mul(2).min(self.longest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_end_when_the_patience_is_over() {
        let milliseconds = Duration::from_millis;
        let mut retry = Retry::new(milliseconds(20), milliseconds(1), milliseconds(4));
        let mut tries = 0;
        while retry.pause() {
            tries += 1;
        }
        assert!(retry.elapsed() >= milliseconds(20));
        assert!((2..20).contains(&tries), "{tries}");
        assert!(!Retry::new(Duration::ZERO, milliseconds(1), milliseconds(1)).pause());
    }
}
