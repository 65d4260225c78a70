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

/// Executes the steps of `plans` with `execute` on at most `jobs` threads. `watch` runs in the calling thread at the same
/// time and receives the results. Steps whose module was loaded when the plan was made are not executed.
pub(super) fn in_parallel<T>(
    plans: &[Scheduled<'_>],
    jobs: usize,
    execute: Execute<'_>,
    watch: impl FnOnce(&mut Results<'_>) -> T,
) -> T {
    let schedule = Schedule::new(plans);
    let threads = jobs.min(schedule.nodes.len());
    let work = || while schedule.execute_one(execute) {};
    // If no thread can be started, the calling thread executes all steps.
    parallel::with_workers(threads, work, |started| {
        watch(&mut Results { schedule: &schedule, execute, next: 0, no_workers: !matches!(started, Ok(1..)) })
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
    no_workers: bool,
}

impl Results<'_> {
    /// Waits for the result of the next step. `None` for a step that was not executed, because its module
    /// was already loaded or it depends on a step that failed, and after the last step.
    pub(super) fn wait(&mut self) -> Option<StepResult> {
        let node = self.next;
        self.next += 1;
        while self.no_workers && !self.schedule.is_finished(node) && self.schedule.execute_one(self.execute) {
        }
        let mut state = self.schedule.state.lock();
        loop {
            match state.outcomes.get_mut(node)? {
                Outcome::Pending => state = self.schedule.changed.wait(state),
                over => return std::mem::replace(over, Outcome::Skipped).result(),
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
    pending_needs: Vec<usize>,
    ready: BTreeSet<usize>,
    outcomes: Vec<Outcome>,
    /// Whether a node prevents its dependents from being executed: it is required and failed, or was itself
    /// stopped.
    stops: Vec<bool>,
    remaining: usize,
}

#[derive(Debug)]
enum Outcome {
    Pending,
    Finished(StepResult),
    Skipped,
}

impl Outcome {
    fn result(self) -> Option<StepResult> {
        match self {
            Self::Finished(result) => Some(result),
            Self::Pending | Self::Skipped => None,
        }
    }
}

impl<'s> Schedule<'s> {
    fn new(plans: &[Scheduled<'s>]) -> Self {
        let mut nodes: Vec<Node<'s>> = Vec::new();
        // For each node, the step of an earlier plan for the same module.
        let mut previous_steps: Vec<Option<usize>> = Vec::new();
        let mut last: BTreeMap<&BStr, usize> = BTreeMap::new();
        for Scheduled { steps, needs, .. } in plans {
            let first = nodes.len();
            for (index, step) in steps.iter().enumerate() {
                let needs = needs.get(index).into_iter().flatten();
                let needs = needs.map(|need| Prerequisite { step: first + need.step, ..*need }).collect();
                previous_steps.push(last.get(step.module.as_bstr()).copied());
                nodes.push(Node { step, needs });
            }
            for (index, step) in steps.iter().enumerate() {
                last.insert(step.module.as_bstr(), first + index);
            }
        }
        let mut waiting = vec![Vec::new(); nodes.len()];
        for (index, (node, previous)) in nodes.iter().zip(previous_steps).enumerate() {
            for need in node.needs.iter().map(|need| need.step).chain(previous) {
                waiting[need].push(index);
            }
        }
        let mut pending_needs = vec![0; nodes.len()];
        waiting.iter().flatten().for_each(|&index: &usize| pending_needs[index] += 1);
        let state = Mutex::new(State::new(pending_needs));
        Self { nodes, waiting, state, changed: Condvar::new() }
    }

    /// Executes the first step that is ready, or waits for one; false if no steps remain.
    fn execute_one(&self, execute: Execute<'_>) -> bool {
        let mut state = self.state.lock();
        let index = loop {
            if state.remaining == 0 {
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
        state.outcomes[index] = result.map_or(Outcome::Skipped, Outcome::Finished);
        state.remaining -= 1;
        for &waiting in &self.waiting[index] {
            state.pending_needs[waiting] -= 1;
            if state.pending_needs[waiting] == 0 {
                state.ready.insert(waiting);
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn is_finished(&self, node: usize) -> bool {
        !matches!(self.state.lock().outcomes.get(node), Some(Outcome::Pending))
    }
}

impl State {
    fn new(pending_needs: Vec<usize>) -> Self {
        let len = pending_needs.len();
        // Not `collect`, which would sort them although they are in order, and adds much code.
        let mut ready = BTreeSet::new();
        ready
            .extend(pending_needs.iter().enumerate().filter(|(_, open)| **open == 0).map(|(index, _)| index));
        Self {
            ready,
            outcomes: std::iter::repeat_with(|| Outcome::Pending).take(len).collect(),
            stops: vec![false; len],
            remaining: len,
            pending_needs,
        }
    }
}
