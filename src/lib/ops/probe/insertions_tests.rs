//! Tests of callers that wait for each other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bstr::BString;

use super::{Insertions, Shared};
use crate::ops::ModuleError;
use crate::ops::insert::Insertion;
use crate::ops::probe::{StepOutcome, StepResult};

/// Starts eight callers: one does the work, and seven wait for it and get its result. Returns how many did the work, how
/// many got the result of another, and how many got its error.
fn eight_callers(answer: &StepResult) -> (usize, usize, usize) {
    let (insertions, module) = (Insertions::default(), BString::from("m"));
    let [began, worked, others, failed] = [const { AtomicUsize::new(0) }; 4];
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let shared = insertions.share(&module, || {
                    began.fetch_add(1, Ordering::Relaxed);
                    while insertions.waiting_for(&module) < 7 {
                        thread::yield_now();
                    }
                    answer.clone()
                });
                let counter = match shared {
                    Ok(Shared::Own(done)) if Some(&done) == answer.as_ref().ok() => &worked,
                    Ok(Shared::Others(done)) if Some(&done) == answer.as_ref().ok() => &others,
                    Err(error) if answer.as_ref().is_err_and(|own| own.errno() == error.errno()) => &failed,
                    other => panic!("{other:?}"),
                };
                counter.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(began.into_inner(), 1);
    (worked.into_inner(), others.into_inner(), failed.into_inner())
}

#[test]
fn waiting_callers_get_the_same_result() {
    for done in [
        StepOutcome::Inserted(Insertion::Direct),
        StepOutcome::Loaded,
        StepOutcome::Installed,
        StepOutcome::BuiltIn,
    ] {
        assert_eq!(eight_callers(&Ok(done)), (1, 7, 0));
    }
    assert_eq!(
        eight_callers(&Err(ModuleError::Kernel { errno: libc::ENODEV, module: "m".into(), path: None })),
        (0, 0, 8)
    );
}

#[test]
fn a_later_caller_begins_a_new_attempt() {
    let (insertions, module) = (Insertions::default(), BString::from("m"));
    for _ in 0..2 {
        assert_eq!(
            insertions.share(&module, || Ok(StepOutcome::Loaded)).ok(),
            Some(Shared::Own(StepOutcome::Loaded))
        );
    }
    let refusal = ModuleError::NotFound { name: module.clone() };
    assert!(insertions.share(&module, || Err(refusal)).is_err());
    assert_eq!(
        insertions.share(&module, || Ok(StepOutcome::Loaded)).ok(),
        Some(Shared::Own(StepOutcome::Loaded))
    );
}

/// A panic in one thread does not leave others waiting forever.
#[test]
fn an_abandoned_insertion_is_repeated() {
    let (insertions, module) = (Insertions::default(), BString::from("m"));
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let _ = insertions.share(&module, || -> StepResult {
                while insertions.waiting_for(&module) < 1 {
                    thread::yield_now();
                }
                panic!("on purpose")
            });
        });
        let second = scope.spawn(|| {
            while first_has_not_begun(&insertions, &module) {
                thread::yield_now();
            }
            matches!(
                insertions.share(&module, || Ok(StepOutcome::Loaded)),
                Ok(Shared::Own(StepOutcome::Loaded))
            )
        });
        assert!(first.join().is_err());
        assert!(second.join().expect("no panic"));
    });
}

fn first_has_not_begun(insertions: &Insertions, module: &BString) -> bool {
    !insertions.is_running(module)
}
