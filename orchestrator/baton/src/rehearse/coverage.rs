//! Which states, retriers and catchers of a machine its tests reached.

use baton_language::Program;
use baton_schemas::history::{Event, EventKind, Failure};
use std::collections::{BTreeMap, BTreeSet};

/// What was reached.
#[derive(Debug, Default)]
pub struct Coverage {
    states: BTreeSet<String>,
    /// `(state, number)` from 0.
    retriers: BTreeSet<(String, usize)>,
    catchers: BTreeSet<(String, usize)>,
}

/// Reached, of how many, and what was not.
#[derive(Debug, PartialEq)]
pub struct Part {
    /// `states`, `retries`, `catches`.
    pub name: &'static str,
    /// How many were reached.
    pub reached: usize,
    /// Of so many.
    pub all: usize,
    /// The others.
    pub missed: Vec<String>,
}

impl Coverage {
    /// Adds what an execution did.
    pub fn add(&mut self, program: &Program, events: &[Event]) {
        // By frame: the state that it is in, and the error that the state is dealing with.
        let mut inside: BTreeMap<u32, &str> = BTreeMap::new();
        let mut failed: BTreeMap<u32, (&str, &Failure)> = BTreeMap::new();
        let mut left: BTreeMap<u32, (&str, &Failure)> = BTreeMap::new();
        for event in events {
            match &event.kind {
                EventKind::StateEntered { name, .. } => {
                    if let Some((state, failure)) = left.remove(&event.frame) {
                        self.caught(program, state, failure, name);
                    }
                    self.states.insert(name.to_string());
                    inside.insert(event.frame, name);
                    failed.remove(&event.frame);
                }
                EventKind::RetryScheduled { retrier, .. } => {
                    if let Some(state) = inside.get(&event.frame) {
                        self.retriers
                            .insert(((*state).to_owned(), *retrier as usize));
                    }
                    failed.remove(&event.frame);
                }
                EventKind::StateExited { .. } => {
                    if let Some(failure) = failed.remove(&event.frame) {
                        left.insert(event.frame, failure);
                    }
                }
                kind => {
                    if let (Some(failure), Some(state)) = (failure(kind), inside.get(&event.frame))
                    {
                        failed.insert(event.frame, (*state, failure));
                    }
                }
            }
        }
    }

    /// The catcher that led from a state that failed to the next one.
    fn caught(&mut self, program: &Program, state: &str, failure: &Failure, next: &str) {
        let Some(found) = program.states.iter().find(|other| &*other.name == state) else {
            return;
        };
        let error = failure.error.as_deref().unwrap_or_default();
        let leads = |next_name: &str| next_name == next;
        let names = |errors: &[std::sync::Arc<str>]| {
            let any = ["States.ALL", "States.TaskFailed"];
            errors
                .iter()
                .any(|name| **name == *error || any.contains(&&**name))
        };
        let mut all = found.catch.iter().enumerate();
        let catcher = all.find(|(_, catcher)| {
            leads(&program.state(catcher.next).name) && names(&catcher.errors)
        });
        if let Some((number, _)) = catcher {
            self.catchers.insert((state.to_owned(), number));
        }
    }

    /// What was reached of the program, part by part.
    pub fn parts(&self, program: &Program) -> Vec<Part> {
        let mut parts = [part("states"), part("retries"), part("catches")];
        for state in &program.states {
            let name = &*state.name;
            count(&mut parts[0], self.states.contains(name), || {
                name.to_owned()
            });
            for number in 0..state.retry.len() {
                let reached = self.retriers.contains(&(name.to_owned(), number));
                count(&mut parts[1], reached, || format!("{name} #{}", number + 1));
            }
            for number in 0..state.catch.len() {
                let reached = self.catchers.contains(&(name.to_owned(), number));
                count(&mut parts[2], reached, || format!("{name} #{}", number + 1));
            }
        }
        parts.into()
    }
}

/// All that was reached of all that there is, percent.
pub fn percent(parts: &[Part]) -> f64 {
    let (reached, all) = parts.iter().fold((0, 0), |(reached, all), part| {
        (reached + part.reached, all + part.all)
    });
    100.0 * reached as f64 / all.max(1) as f64
}

fn part(name: &'static str) -> Part {
    Part {
        name,
        reached: 0,
        all: 0,
        missed: Vec::new(),
    }
}

fn count(part: &mut Part, reached: bool, name: impl FnOnce() -> String) {
    part.all += 1;
    match reached {
        true => part.reached += 1,
        false => part.missed.push(name()),
    }
}

/// The failure of what a state was doing.
fn failure(kind: &EventKind) -> Option<&Failure> {
    match kind {
        EventKind::TaskFailed(_, failure)
        | EventKind::TaskTimedOut(_, failure)
        | EventKind::LambdaFunctionFailed(failure)
        | EventKind::LambdaFunctionTimedOut(failure)
        | EventKind::ActivityFailed(failure)
        | EventKind::ActivityTimedOut(failure)
        | EventKind::ParallelStateFailed(failure)
        | EventKind::MapStateFailed(failure)
        | EventKind::MapRunFailed(failure)
        | EventKind::EvaluationFailed { failure, .. } => Some(failure),
        _ => None,
    }
}
