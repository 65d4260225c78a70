//! Tests of the schedule. The steps run commands instead of inserting modules; the lines that the commands append to a
//! file show the order.

use std::path::{Path, PathBuf};

use bstr::BString;

use super::execute::Executor;
use super::parallel::{Results, in_parallel};
use super::plan::{Action, Step};
use super::result::{StepOutcome, StepResult};
use super::wait::{Prerequisite, Scheduled};
use crate::ops::ModuleError;

/// A step that runs a command, and the steps that it waits for, each with whether that step must succeed.
struct Piece<'p>(&'p str, &'p [(usize, bool)]);

fn step(index: usize, command: &str, dir: &Path, required: bool) -> Step {
    Step {
        module: format!("m{index}").into(),
        action: Action::Install(format!("cd {}; {command}", dir.display()).into()),
        options: BString::default(),
        required,
        requested: false,
        loaded: false,
    }
}

/// The steps of a plan, and what each of them waits for.
struct Planned {
    steps: Vec<Step>,
    needs: Vec<Vec<Prerequisite>>,
}

fn planned(dir: &Path, pieces: &[Piece<'_>]) -> Planned {
    let steps = pieces.iter().enumerate().map(|(index, piece)| step(index, piece.0, dir, true)).collect();
    let needs = |piece: &Piece<'_>| piece.1.iter().map(|&(step, hard)| Prerequisite { step, hard }).collect();
    Planned { steps, needs: pieces.iter().map(needs).collect() }
}

fn run(plans: &[Planned], jobs: usize) -> Vec<Option<StepResult>> {
    let count = plans.iter().map(|plan| plan.steps.len()).sum();
    let scheduled: Vec<_> =
        plans.iter().map(|plan| Scheduled { steps: &plan.steps, needs: plan.needs.clone() }).collect();
    let executor = Executor::default();
    let watch = |results: &mut Results<'_>| (0..count).map(|_| results.wait()).collect();
    in_parallel(&scheduled, jobs, &|step| executor.execute_unless_loaded(step), watch)
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    (dir, path)
}

fn outcome(result: Option<&StepResult>) -> &'static str {
    match result {
        None => "skipped",
        Some(Ok(StepOutcome::Installed)) => "ran",
        Some(Err(ModuleError::Command { .. })) => "failed",
        other => panic!("{other:?}"),
    }
}

fn outcomes(results: &[Option<StepResult>]) -> Vec<&'static str> {
    results.iter().map(|result| outcome(result.as_ref())).collect()
}

#[test]
fn a_step_waits_for_its_prerequisites() {
    let chain = [
        Piece("sleep 0.05; echo 0 >>log", &[]),
        Piece("echo 1 >>log", &[(0, true)]),
        Piece("echo 2 >>log", &[(1, false)]),
        Piece("sleep 0.05; echo 3 >>other", &[]),
        Piece("cat log other >all", &[(2, true), (3, true)]),
    ];
    // With zero jobs, the calling thread does the work.
    for jobs in [0, 1, 2, 8] {
        let (_keep, dir) = temporary();
        assert_eq!(outcomes(&run(&[planned(&dir, &chain)], jobs)), ["ran"; 5]);
        assert_eq!(std::fs::read(dir.join("all")).unwrap(), b"0\n1\n2\n3\n", "{jobs} jobs");
    }
}

#[test]
fn independent_steps_run_in_parallel() {
    // Each command ends only after the other has started.
    let pair = [
        Piece("echo >a; until test -e b; do sleep 0.01; done", &[]),
        Piece("echo >b; until test -e a; do sleep 0.01; done", &[]),
    ];
    let (_keep, dir) = temporary();
    assert_eq!(outcomes(&run(&[planned(&dir, &pair)], 2)), ["ran"; 2]);
}

#[test]
fn a_failure_stops_dependent_steps() {
    let pieces = [
        Piece("false", &[]),
        Piece("true", &[(0, true)]),
        Piece("true", &[(1, true)]),
        Piece("true", &[(0, false)]),
        Piece("true", &[(1, false), (3, true)]),
        Piece("true", &[]),
    ];
    for jobs in [0, 1, 3] {
        let (_keep, dir) = temporary();
        let answers = run(&[planned(&dir, &pieces)], jobs);
        assert_eq!(outcomes(&answers), ["failed", "skipped", "skipped", "ran", "ran", "ran"], "{jobs} jobs");
    }
}

#[test]
fn a_failure_of_an_optional_step_stops_nothing() {
    let (_keep, dir) = temporary();
    let mut plan = planned(&dir, &[Piece("false", &[]), Piece("true", &[(0, true)])]);
    plan.steps[0].required = false;
    assert_eq!(outcomes(&run(&[plan], 2)), ["failed", "ran"]);
}

#[test]
fn a_second_request_for_a_module_waits_and_tries_again() {
    let (_keep, dir) = temporary();
    // The first run fails slowly; the second one succeeds.
    let command = "test -e tried && exit; sleep 0.05; echo >tried; false";
    let first = planned(&dir, &[Piece(command, &[]), Piece("true", &[(0, true)])]);
    let second = planned(&dir, &[Piece(command, &[])]);
    assert_eq!(outcomes(&run(&[first, second], 4)), ["failed", "skipped", "ran"]);
}

#[test]
fn steps_of_loaded_modules_are_skipped() {
    let (_keep, dir) = temporary();
    let mut plan = planned(&dir, &[Piece("false", &[]), Piece("true", &[(0, true)])]);
    plan.steps[0].loaded = true;
    assert_eq!(outcomes(&run(&[plan], 2)), ["skipped", "ran"]);
}
