//! Repeated attempts with growing pauses, until something outside of this process has changed.

use std::thread;
use std::time::Duration;

use super::stopwatch::Stopwatch;

/// The time since the first attempt, and the pauses between attempts.
#[derive(Debug)]
pub struct Retry {
    start: Stopwatch,
    timeout: Duration,
    pause: Duration,
    longest: Duration,
}

impl Retry {
    /// Starts to measure the time. Attempts end after `timeout`. The first pause is `first`; each further pause is twice as
    /// long as the previous one, but not longer than `longest`.
    pub fn new(timeout: Duration, first: Duration, longest: Duration) -> Self {
        Self { start: Stopwatch::start(), timeout, pause: first, longest }
    }

    /// Returns the time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Sleeps before the next attempt; `false`, without sleeping, after the timeout.
    pub fn pause(&mut self) -> bool {
        let remaining = self.timeout.saturating_sub(self.elapsed());
        if remaining.is_zero() {
            return false;
        }
        thread::sleep(self.pause.min(remaining));
        self.pause = self.pause.saturating_mul(2).min(self.longest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_after_the_timeout() {
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
