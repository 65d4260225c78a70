//! Requests for memory that may be denied.
//!
//! Owns the mark that tells the program's allocator not to end the program. Must not allocate.

use std::cell::Cell;

thread_local! {
    /// Whether this thread can do without the memory that it requests.
    static ATTEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `request`, which handles a denial by itself, such as `try_reserve`.
pub(crate) fn attempt<T>(request: impl FnOnce() -> T) -> T {
    let before = ATTEMPT.replace(true);
    let answer = request();
    ATTEMPT.set(before);
    answer
}

/// Whether this thread is within [`attempt`].
pub(crate) fn is_attempt() -> bool {
    ATTEMPT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_attempt_is_an_answer() {
        let mut bytes: Vec<u8> = Vec::new();
        assert!(attempt(|| bytes.try_reserve_exact(isize::MAX.unsigned_abs() - 64)).is_err());
        assert!(!is_attempt());
        // Inside another one.
        attempt(|| {
            attempt(|| ());
            assert!(is_attempt());
        });
    }
}
