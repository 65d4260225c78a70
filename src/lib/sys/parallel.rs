//! Parallel execution of the same work on many items.
//!
//! Owns the distribution of the work. The results are in the order of the items, so that scheduling is not visible.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Applies `work` to each of `items` and returns the results in the same order. Uses up to `threads` threads, including
/// that of the caller.
///
/// The items are also started in order; putting the longest first balances the load best. Each thread calls `start`
/// once for its own state. If fewer threads can be started, these do all the work.
pub fn map<T: Sync, S, R: Send>(
    threads: usize,
    items: &[T],
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let (mut state, mut mine) = (start(), Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            mine.push((at, work(&mut state, item)));
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Runs `work` on up to `threads` additional threads, and `watch` on the caller's thread meanwhile, which gets the
/// number of threads that could be started. Returns when all have finished.
pub fn with_workers<T>(threads: usize, work: impl Fn() + Sync, watch: impl FnOnce(usize) -> T) -> T {
    thread::scope(|scope| {
        let started = (0..threads).take_while(|_| thread::Builder::new().spawn_scoped(scope, &work).is_ok());
        watch(started.count())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn everything_once_and_in_order() {
        for threads in [0, 1, 2, 7, 5000] {
            let items: Vec<usize> = (0..2000).collect();
            let doubled = super::map(
                threads,
                &items,
                || 0,
                |seen, item| {
                    *seen += 1;
                    (item * 2, *seen)
                },
            );
            assert!(doubled.iter().map(|(double, _)| *double).eq((0..2000).map(|item| item * 2)));
            assert!(doubled.iter().all(|&(_, seen)| seen > 0));
        }
        assert!(super::map(4, &[(); 0], || (), |(), ()| ()).is_empty());
    }
}
