//! Locks without poisoning.
//!
//! [`Mutex`], [`RwLock`] and [`Condvar`] are those of the standard library, except that a lock whose holder panicked can be
//! taken like any other: no thread panics between two changes of a value that belong together, so the value is always
//! consistent. They can be replaced by `std::sync::nonpoison` once that is stable. As with any lock, critical sections
//! must be short.

// These types are the ones that are wrapped here.
#![allow(clippy::disallowed_types)]

use std::sync::{self, MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// A mutual exclusion lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    /// Waits for the lock and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Consumes the lock and returns the value.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock for many readers or one writer.
#[derive(Debug, Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// Waits until there is no writer, and takes the lock, which other readers may hold too.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is neither a writer nor a reader, and takes the lock exclusively.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable, for use with [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    /// Creates a condition variable.
    pub const fn new() -> Self {
        Self(sync::Condvar::new())
    }

    /// Releases the lock, waits for a notification, and takes the lock again. Spurious wakeups are possible.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes one of the threads that wait.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all threads that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_of_the_holder_leaves_the_lock_usable() {
        let (mutex, shared) = (Mutex::new(1), RwLock::<i32>::default());
        let panicking = AssertUnwindSafe(|| {
            let (_one, _other) = (mutex.lock(), shared.write());
            panic!("on purpose");
        });
        assert!(catch_unwind(panicking).is_err());
        *mutex.lock() += 1;
        *shared.write() += 1;
        assert_eq!((mutex.into_inner(), *shared.read()), (2, 1));
    }
}
