//! Threads, which always end before the function that started them returns.
//!
//! This module distributes work over threads. The results of [`map`] are in the order of the items, so that they do not
//! depend on scheduling.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::lock::Mutex;

/// Calls `work` with each item on up to `threads` threads, including the calling one, and returns the results in the order
/// of the items.
///
/// The items are also started in this order, so the load is balanced best if the most expensive items come first. Each
/// thread calls `start` once to create its own state. If fewer threads can be started, these do all the work.
pub fn map<T: Sync, S, R: Send>(
    threads: usize,
    items: &[T],
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let run = || {
        let (mut state, mut own) = (start(), Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            own.push((at, work(&mut state, item)));
        }
        results.lock().extend(own);
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
    let mut results = results.into_inner();
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Runs `work` on up to `count` threads and `watch` on the calling thread. Returns the result of `watch` when all threads
/// have ended; `watch` must make them end.
///
/// `watch` receives the number of threads that were started, which may be less than `count`, or the error if `count` is not
/// zero and no thread could be started.
pub fn with_workers<T>(
    count: usize,
    work: impl Fn() + Sync,
    watch: impl FnOnce(io::Result<usize>) -> T,
) -> T {
    thread::scope(|scope| {
        let mut started = Ok(0);
        for running in 0..count {
            match thread::Builder::new().spawn_scoped(scope, &work) {
                Ok(_) => started = Ok(running + 1),
                Err(error) => {
                    if running == 0 {
                        started = Err(error);
                    }
                    break;
                }
            }
        }
        watch(started)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_end_before_the_function_returns() {
        for count in [0, 1, 3] {
            let (sender, receiver) = std::sync::mpsc::channel();
            let ended = AtomicUsize::new(0);
            let work = || {
                sender.send(()).unwrap();
                ended.fetch_add(1, Ordering::Relaxed);
            };
            let started = with_workers(count, work, |started| {
                let started = started.unwrap();
                assert_eq!(receiver.iter().take(started).count(), started);
                started
            });
            assert_eq!((started, ended.into_inner()), (count, count));
        }
    }

    #[test]
    fn every_item_is_processed_once_and_in_order() {
        for threads in [0, 1, 2, 7, 5000] {
            let items: Vec<usize> = (0..2000).collect();
            let doubled = map(
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
        assert!(map(4, &[(); 0], || (), |(), ()| ()).is_empty());
    }
}
