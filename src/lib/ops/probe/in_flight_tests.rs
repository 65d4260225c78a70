//! Tests of callers that wait for each other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bstr::BString;

use super::{InFlight, Shared};
use crate::ops::ModuleError;
use crate::ops::insert::Insertion;
use crate::ops::probe::{StepOutcome, StepResult};

/// One caller works, seven wait for it and get its result, whatever that is.
fn eight(answer: &StepResult) -> (usize, usize, usize) {
    let (in_flight, module) = (InFlight::default(), BString::from("m"));
    let [began, worked, others, failed] = [const { AtomicUsize::new(0) }; 4];
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let shared = in_flight.share(&module, || {
                    began.fetch_add(1, Ordering::Relaxed);
                    while in_flight.waiting_for(&module) < 7 {
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
fn a_caller_that_comes_meanwhile_gets_the_same_answer() {
    for done in [
        StepOutcome::Inserted(Insertion::Direct),
        StepOutcome::Loaded,
        StepOutcome::Installed,
        StepOutcome::BuiltIn,
    ] {
        assert_eq!(eight(&Ok(done)), (1, 7, 0));
    }
    assert_eq!(
        eight(&Err(ModuleError::Kernel { errno: libc::ENODEV, module: "m".into(), path: None })),
        (0, 0, 8)
    );
}

#[test]
fn a_caller_that_comes_later_begins_a_new_attempt() {
    let (in_flight, module) = (InFlight::default(), BString::from("m"));
    for _ in 0..2 {
        assert_eq!(
            in_flight.share(&module, || Ok(StepOutcome::Loaded)).ok(),
            Some(Shared::Own(StepOutcome::Loaded))
        );
    }
    let refusal = ModuleError::NotFound { name: module.clone() };
    assert!(in_flight.share(&module, || Err(refusal)).is_err());
    assert_eq!(
        in_flight.share(&module, || Ok(StepOutcome::Loaded)).ok(),
        Some(Shared::Own(StepOutcome::Loaded))
    );
}

/// A panic in one thread does not leave others waiting forever.
#[test]
fn an_abandoned_insertion_is_taken_up() {
    let (in_flight, module) = (InFlight::default(), BString::from("m"));
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let _ = in_flight.share(&module, || -> StepResult {
                while in_flight.waiting_for(&module) < 1 {
                    thread::yield_now();
                }
                panic!("on purpose")
            });
        });
        let second = scope.spawn(|| {
            while first_has_not_begun(&in_flight, &module) {
                thread::yield_now();
            }
            matches!(
                in_flight.share(&module, || Ok(StepOutcome::Loaded)),
                Ok(Shared::Own(StepOutcome::Loaded))
            )
        });
        assert!(first.join().is_err());
        assert!(second.join().expect("no panic"));
    });
}

fn first_has_not_begun(in_flight: &InFlight, module: &BString) -> bool {
    !in_flight.is_open(module)
}
