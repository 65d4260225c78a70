//! Threads, which always end before the function that started them returns.
//!
//! Owns the sharing out of work over threads. What [`map`] returns has the order of what was given, so that scheduling
//! never shows.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::lock::Mutex;

/// What `work` makes of each of `items`, in their order, on up to `threads` threads, of which the caller's is one.
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
        results.lock().extend(mine);
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

/// Runs `work` on up to `count` threads and meanwhile `watch` on the caller's. Returns what `watch` returns, once all
/// threads have ended: `watch` has to see to it that they do.
///
/// `watch` gets the number of threads that were started, which may be fewer than `count`; or the error, if `count` is not
/// zero and not even one could be started.
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
    fn workers_run_beside_the_caller_and_end_before_it_goes_on() {
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
    fn everything_once_and_in_order() {
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
