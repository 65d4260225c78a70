//! Fallible memory allocations.
//!
//! This module owns the flag that tells the program's allocator not to end the program if an allocation fails. It must not
//! allocate memory itself.

use std::cell::Cell;

thread_local! {
    /// Whether this thread handles failed allocations itself.
    static ATTEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `allocate`, which handles a failed allocation itself, for example with `try_reserve`.
pub(crate) fn attempt<T>(allocate: impl FnOnce() -> T) -> T {
    let previous = ATTEMPT.replace(true);
    let result = allocate();
    ATTEMPT.set(previous);
    result
}

/// Whether this thread is within [`attempt`].
pub(crate) fn is_attempt() -> bool {
    ATTEMPT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_attempt_returns_an_error() {
        let mut bytes: Vec<u8> = Vec::new();
        assert!(attempt(|| bytes.try_reserve_exact(isize::MAX.unsigned_abs() - 64)).is_err());
        assert!(!is_attempt());
        // Attempts can be nested.
        attempt(|| {
            attempt(|| ());
            assert!(is_attempt());
        });
    }
}
