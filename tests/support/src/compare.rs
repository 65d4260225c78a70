//! Runs a scenario on ours and on the reference and judges the answers.
//!
//! `KMOD_UNDER_TEST` = `ours`, `theirs` or `both` (the default) chooses the sides. With one side
//! alone there is nothing to compare with, so a test also states what it expects.

use std::fmt::Debug;

use crate::run::Side;

/// The sides to test.
///
/// # Panics
/// When `KMOD_UNDER_TEST` has another value.
pub fn sides() -> &'static [Side] {
    match std::env::var("KMOD_UNDER_TEST").as_deref() {
        Ok("ours") => &[Side::Ours],
        Ok("theirs") => &[Side::Theirs],
        Ok("both") | Err(_) => &[Side::Ours, Side::Theirs],
        Ok(other) => panic!("KMOD_UNDER_TEST={other}: neither ours, theirs nor both"),
    }
}

/// Runs the scenario on each side and returns the answers. A scenario that writes makes its files
/// anew each time.
pub fn each<T>(scenario: impl Fn(Side) -> T) -> Vec<(Side, T)> {
    sides().iter().map(|&side| (side, scenario(side))).collect()
}

/// Runs the scenario on each side, demands equal answers, and returns one.
///
/// # Panics
/// When the answers differ.
#[track_caller]
pub fn same<T: PartialEq + Debug>(scenario: impl Fn(Side) -> T) -> T {
    let mut answers = each(scenario).into_iter();
    let Some((_, first)) = answers.next() else { panic!("no side to test") };
    for (side, other) in answers {
        assert!(first == other, "the sides differ\nours: {first:?}\n{side:?}: {other:?}");
    }
    first
}

/// Runs the scenario on each side and demands of each its own answer; `why` is the line of
/// oxmod-differences(7) that admits to it.
///
/// # Panics
/// When an answer is not the expected one, or both sides are expected to answer alike.
#[track_caller]
pub fn differs_because<T: PartialEq + Debug>(why: &str, ours: &T, theirs: &T, scenario: impl Fn(Side) -> T) {
    assert!(ours != theirs, "no difference: {why}");
    for (side, answer) in each(scenario) {
        let expected = if side == Side::Ours { ours } else { theirs };
        assert!(&answer == expected, "{side:?} ({why})\nexpected: {expected:?}\nanswered: {answer:?}");
    }
}
