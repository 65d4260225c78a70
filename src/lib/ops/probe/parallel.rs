//! Parallel execution of several plans: their steps are executed by several threads, each as soon as the
//! steps that it waits for have ended, and the results are returned in the order of the plans.
//!
//! This module owns the schedule. If two plans have steps for the same module, the second step waits for
//! the first, and then finds the module loaded or tries again after a failure, as if the requests had been
//! sequential. A failure stops the steps that depend on it in the same plan; all others continue.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, ByteSlice};

use super::plan::Step;
use super::result::StepResult;
use super::wait::{Prerequisite, Scheduled};
use crate::lock::{Condvar, Mutex};
use crate::sys::parallel;

/// Executes the steps of `plans` by `execute` on at most `jobs` threads. `watch` runs meanwhile in the calling
/// thread and receives the results. Steps that were loaded when the plan was made are not executed.
pub(super) fn in_parallel<T>(
    plans: &[Scheduled<'_>],
    jobs: usize,
    execute: Execute<'_>,
    watch: impl FnOnce(&mut Results<'_>) -> T,
) -> T {
    let schedule = Schedule::new(plans);
    let threads = jobs.min(schedule.nodes.len());
    let work = || while schedule.execute_one(execute) {};
    // Where no thread can be started, the calling one does it all.
    parallel::with_workers(threads, work, |started| {
        watch(&mut Results { schedule: &schedule, execute, next: 0, alone: !matches!(started, Ok(1..)) })
    })
}

/// Executes one step.
pub(super) type Execute<'e> = &'e (dyn Fn(&Step) -> StepResult + Sync);

/// The results in the order of the plans and their steps.
pub(super) struct Results<'a> {
    schedule: &'a Schedule<'a>,
    execute: Execute<'a>,
    next: usize,
    /// Whether the calling thread has to do the work.
    alone: bool,
}

impl Results<'_> {
    /// Waits for the result of the next step. `None` for a step that was not executed, because its module
    /// was already loaded or it depends on a step that failed, and after the last step.
    pub(super) fn wait(&mut self) -> Option<StepResult> {
        let node = self.next;
        self.next += 1;
        while self.alone && !self.schedule.is_over(node) && self.schedule.execute_one(self.execute) {}
        let mut state = self.schedule.state.lock();
        loop {
            match state.outcomes.get_mut(node)? {
                Outcome::Open => state = self.schedule.changed.wait(state),
                over => return std::mem::replace(over, Outcome::Passed).result(),
            }
        }
    }
}

/// A step of the schedule.
#[derive(Debug)]
struct Node<'s> {
    step: &'s Step,
    needs: Vec<Prerequisite>,
}

#[derive(Debug)]
struct Schedule<'s> {
    nodes: Vec<Node<'s>>,
    /// The nodes that wait for each node.
    waiting: Vec<Vec<usize>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The number of nodes that each node still waits for.
    open_needs: Vec<usize>,
    ready: BTreeSet<usize>,
    outcomes: Vec<Outcome>,
    /// Whether a node prevents its dependents from being executed: it is required and failed, or was itself
    /// stopped.
    stops: Vec<bool>,
    left: usize,
}

#[derive(Debug)]
enum Outcome {
    Open,
    Over(StepResult),
    Passed,
}

impl Outcome {
    fn result(self) -> Option<StepResult> {
        match self {
            Self::Over(result) => Some(result),
            Self::Open | Self::Passed => None,
        }
    }
}

impl<'s> Schedule<'s> {
    fn new(plans: &[Scheduled<'s>]) -> Self {
        let mut nodes: Vec<Node<'s>> = Vec::new();
        // For each node, the step of an earlier plan for the same module.
        let mut twins: Vec<Option<usize>> = Vec::new();
        let mut last: BTreeMap<&BStr, usize> = BTreeMap::new();
        for Scheduled { steps, needs, .. } in plans {
            let first = nodes.len();
            let mut own: BTreeMap<&BStr, usize> = BTreeMap::new();
            for (index, step) in steps.iter().enumerate() {
                let needs = needs.get(index).into_iter().flatten();
                let needs = needs.map(|need| Prerequisite { step: first + need.step, ..*need }).collect();
                twins.push(last.get(step.module.as_bstr()).copied());
                own.insert(step.module.as_bstr(), first + index);
                nodes.push(Node { step, needs });
            }
            last.extend(own);
        }
        let mut waiting = vec![Vec::new(); nodes.len()];
        for (index, (node, twin)) in nodes.iter().zip(twins).enumerate() {
            for need in node.needs.iter().map(|need| need.step).chain(twin) {
                waiting[need].push(index);
            }
        }
        let mut open_needs = vec![0; nodes.len()];
        waiting.iter().flatten().for_each(|&index: &usize| open_needs[index] += 1);
        let state = Mutex::new(State::new(open_needs));
        Self { nodes, waiting, state, changed: Condvar::new() }
    }

    /// Executes the first step that is ready, or waits for one. `false` when nothing is left to do.
    fn execute_one(&self, execute: Execute<'_>) -> bool {
        let mut state = self.state.lock();
        let index = loop {
            if state.left == 0 {
                return false;
            }
            match state.ready.pop_first() {
                Some(index) => break index,
                None => state = self.changed.wait(state),
            }
        };
        let Some(node) = self.nodes.get(index) else { return false };
        let stopped = node.needs.iter().any(|need| need.hard && state.stops[need.step]);
        drop(state);
        let result = (!stopped && !node.step.loaded).then(|| execute(node.step));
        self.end(index, result, stopped);
        true
    }

    fn end(&self, index: usize, result: Option<StepResult>, stopped: bool) {
        let mut state = self.state.lock();
        let required = self.nodes[index].step.required;
        state.stops[index] = stopped || (required && matches!(result, Some(Err(_))));
        state.outcomes[index] = result.map_or(Outcome::Passed, Outcome::Over);
        state.left -= 1;
        for &waiting in &self.waiting[index] {
            state.open_needs[waiting] -= 1;
            if state.open_needs[waiting] == 0 {
                state.ready.insert(waiting);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn is_over(&self, node: usize) -> bool {
        !matches!(self.state.lock().outcomes.get(node), Some(Outcome::Open))
    }
}

impl State {
    fn new(open_needs: Vec<usize>) -> Self {
        let len = open_needs.len();
        let ready = open_needs.iter().enumerate().filter(|(_, open)| **open == 0).map(|(index, _)| index);
        Self {
            ready: ready.collect(),
            outcomes: std::iter::repeat_with(|| Outcome::Open).take(len).collect(),
            stops: vec![false; len],
            left: len,
            open_needs,
        }
    }
}
