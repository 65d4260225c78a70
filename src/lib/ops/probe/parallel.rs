//! Several requests at once: steps are taken by several threads, each as soon as what it waits for is
//! done, and the answers are handed out in the order of the plans.
//!
//! Owns the schedule. Of two requests' steps for one module the second waits for the first, and finds
//! the module loaded, or tries again what has failed: as if one request had come after the other. A
//! failure stops what cannot do without it, in its own request; the rest goes on.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use bstr::{BStr, ByteSlice};

use super::execute::{Answer, Means};
use super::plan::Step;
use super::wait::{Need, Scheduled};

/// Takes the steps of `plans` by at most `jobs` threads. `watch` runs meanwhile in the calling thread
/// and takes the answers; when it returns, no further step is begun. Steps that were loaded when the
/// plan was made are not taken.
pub fn in_parallel<T>(
    plans: &[Scheduled],
    jobs: usize,
    means: &Means<'_>,
    watch: impl FnOnce(&mut Answers<'_>) -> T,
) -> T {
    let schedule = Schedule::new(plans);
    thread::scope(|scope| {
        let work = || while schedule.take_one(means) {};
        let threads = jobs.min(schedule.nodes.len());
        // Where no thread is to be had, the calling one does it all.
        let started =
            (0..threads).take_while(|_| thread::Builder::new().spawn_scoped(scope, work).is_ok()).count();
        let watched = watch(&mut Answers { schedule: &schedule, means, next: 0, alone: started == 0 });
        schedule.lock().halted = true;
        schedule.changed.notify_all();
        watched
    })
}

/// The answers in the order of the plans and their steps.
#[derive(Debug)]
pub struct Answers<'a> {
    schedule: &'a Schedule<'a>,
    means: &'a Means<'a>,
    next: usize,
    /// There are no threads but the calling one.
    alone: bool,
}

impl Answers<'_> {
    /// Waits for what the next step came to. `None` for one that was not taken, because it was loaded before
    /// or could not do without one that failed; and behind the last one.
    pub fn wait(&mut self) -> Option<Answer> {
        let node = self.next;
        self.next += 1;
        while self.alone && !self.schedule.is_over(node) && self.schedule.take_one(self.means) {}
        let mut state = self.schedule.lock();
        loop {
            match state.outcomes.get_mut(node)? {
                Outcome::Open => {
                    state = self.schedule.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                over => return std::mem::replace(over, Outcome::Passed).answer(),
            }
        }
    }
}

/// A step among those of all requests.
#[derive(Debug)]
struct Node<'s> {
    step: &'s Step,
    needs: Vec<Need>,
}

#[derive(Debug)]
struct Schedule<'s> {
    nodes: Vec<Node<'s>>,
    /// Who waits for each node.
    waiting: Vec<Vec<usize>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many nodes each one still waits for.
    open_needs: Vec<usize>,
    ready: BTreeSet<usize>,
    outcomes: Vec<Outcome>,
    /// What must keep others from being taken: it failed though required, or was kept itself.
    stops: Vec<bool>,
    left: usize,
    halted: bool,
}

#[derive(Debug)]
enum Outcome {
    Open,
    Over(Answer),
    Passed,
}

impl Outcome {
    fn answer(self) -> Option<Answer> {
        match self {
            Self::Over(answer) => Some(answer),
            Self::Open | Self::Passed => None,
        }
    }
}

impl<'s> Schedule<'s> {
    fn new(plans: &'s [Scheduled]) -> Self {
        let mut nodes: Vec<Node<'s>> = Vec::new();
        // For each node the step of an earlier request for the same module.
        let mut twins: Vec<Option<usize>> = Vec::new();
        let mut last: HashMap<&BStr, usize> = HashMap::new();
        for Scheduled { steps, needs, .. } in plans {
            let first = nodes.len();
            let mut own: HashMap<&BStr, usize> = HashMap::new();
            for (index, step) in steps.iter().enumerate() {
                let needs = needs.get(index).into_iter().flatten();
                let needs = needs.map(|need| Need { step: first + need.step, ..*need }).collect();
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

    /// Takes the first step that is ready, or waits for one. `false` when nothing is left to do.
    fn take_one(&self, means: &Means<'_>) -> bool {
        let mut state = self.lock();
        let index = loop {
            if state.halted || state.left == 0 {
                return false;
            }
            match state.ready.pop_first() {
                Some(index) => break index,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        let Some(node) = self.nodes.get(index) else { return false };
        let stopped = node.needs.iter().any(|need| need.hard && state.stops[need.step]);
        drop(state);
        let take = || node.step.overtaken(means).unwrap_or_else(|| node.step.take(means));
        let answer = (!stopped && !node.step.loaded).then(take);
        self.end(index, answer, stopped);
        true
    }

    fn end(&self, index: usize, answer: Option<Answer>, stopped: bool) {
        let mut state = self.lock();
        let required = self.nodes[index].step.required;
        state.stops[index] = stopped || (required && matches!(answer, Some(Err(_))));
        state.outcomes[index] = answer.map_or(Outcome::Passed, Outcome::Over);
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
        !matches!(self.lock().outcomes.get(node), Some(Outcome::Open))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            halted: false,
        }
    }
}
