//! Runs a scenario with our tools and with the reference kmod, and compares the answers.
//!
//! `KMOD_UNDER_TEST` = `ours`, `theirs` or `both` (the default) selects the sides. A run of one side has
//! nothing to compare with, so tests must also assert what they expect.

use std::fmt::Debug;

use crate::run::Side;

/// Returns the sides to test.
///
/// # Panics
/// If `KMOD_UNDER_TEST` has another value.
pub fn sides() -> &'static [Side] {
    match std::env::var("KMOD_UNDER_TEST").as_deref() {
        Ok("ours") => &[Side::Ours],
        Ok("theirs") => &[Side::Theirs],
        Ok("both") | Err(_) => &[Side::Ours, Side::Theirs],
        Ok(other) => panic!("KMOD_UNDER_TEST={other}: neither ours, theirs nor both"),
    }
}

/// Runs the scenario on each side and returns the answers. A scenario that writes must create its files
/// itself, since it runs once per side.
pub fn each<T>(scenario: impl Fn(Side) -> T) -> Vec<(Side, T)> {
    sides().iter().map(|&side| (side, scenario(side))).collect()
}

/// Runs the scenario on each side, asserts that the answers are equal, and returns one of them.
///
/// # Panics
/// If the answers differ.
#[track_caller]
pub fn same<T: PartialEq + Debug>(scenario: impl Fn(Side) -> T) -> T {
    let mut answers = each(scenario).into_iter();
    let Some((_, first)) = answers.next() else { panic!("no side to test") };
    for (side, other) in answers {
        assert!(first == other, "the sides differ\nours: {first:?}\n{side:?}: {other:?}");
    }
    first
}

/// Runs the scenario on each side and asserts that each gives its own expected answer. `why` is the item of
/// oxmod-differences(7) that documents the difference.
///
/// # Panics
/// If an answer is not the expected one, or if both expected answers are equal.
#[track_caller]
pub fn differs_because<T: PartialEq + Debug>(why: &str, ours: &T, theirs: &T, scenario: impl Fn(Side) -> T) {
    assert!(ours != theirs, "no difference: {why}");
    for (side, answer) in each(scenario) {
        let expected = if side == Side::Ours { ours } else { theirs };
        assert!(&answer == expected, "{side:?} ({why})\nexpected: {expected:?}\nanswered: {answer:?}");
    }
}
