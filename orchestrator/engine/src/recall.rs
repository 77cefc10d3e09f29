//! Finding the history of a closed execution again.
//!
//! Owns: which records of a history partition are an execution's, by the rules of the fold (R2), for whoever reads the log
//! because the views lack it. Memory keeps only the name of what has closed. Must not: read anything itself.

use baton_schemas::history::{Event, EventKind, HistoryRecord, Restated, Step};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A search through the log, from its start or from any claim.
#[derive(Debug)]
pub struct Recall {
    arn: String,
    epoch: Option<i64>,
    seq: u64,
    steps: Vec<Step>,
    /// Parts of a statement that is not complete.
    gathering: Vec<Step>,
}

impl Recall {
    /// Looks for the execution with this ARN.
    #[must_use]
    pub fn new(arn: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            epoch: None,
            seq: 0,
            steps: Vec::new(),
            gathering: Vec::new(),
        }
    }

    /// Takes the next record of the log.
    pub fn record(&mut self, offset: i64, json: &[u8]) {
        // Only the frame of most records is looked at: they are other executions'.
        match serde_json::from_slice::<Envelope>(json).map(|envelope| envelope.r) {
            Ok(Head::Claim(_)) => {
                (self.epoch, self.seq) = (Some(offset), 0);
                self.gathering.clear();
            }
            Ok(Head::Transition(place) | Head::Mark(place) | Head::Restatement(place))
                if self.epoch == Some(place.epoch) && place.seq == self.seq + 1 =>
            {
                self.seq = place.seq;
                let is_named = std::str::from_utf8(json).is_ok_and(|text| text.contains(&self.arn));
                if is_named && let Ok(record) = HistoryRecord::from_json(json) {
                    self.accepted(record);
                }
            }
            _ => {}
        }
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Step>> {
        (!self.steps.is_empty()).then_some(self.steps)
    }

    fn accepted(&mut self, record: HistoryRecord) {
        match record {
            HistoryRecord::Transition(t) if *t.execution == *self.arn && !t.events.is_empty() => {
                let step = Step {
                    now: t.now,
                    events: t.events,
                };
                match step.events.first().map(|event| &event.kind) {
                    Some(EventKind::ExecutionStarted(_)) => self.steps = vec![step],
                    Some(EventKind::ExecutionRedriven(_)) => {
                        self.steps = std::mem::take(&mut self.gathering);
                        self.steps.push(step);
                    }
                    // Without what came before it is of no use.
                    _ if self.steps.is_empty() => {}
                    _ => self.steps.push(step),
                }
            }
            HistoryRecord::Restatement { state, .. } => self.restated(state),
            _ => {}
        }
    }

    fn restated(&mut self, state: Restated) {
        match state {
            Restated::Execution {
                execution,
                transitions,
                part,
                more,
            } if *execution == *self.arn => {
                self.gather(transitions, part);
                if !more {
                    self.steps = std::mem::take(&mut self.gathering);
                }
            }
            Restated::Recalled {
                execution,
                transitions,
                part,
            } if *execution == *self.arn => self.gather(transitions, part),
            _ => {}
        }
    }

    fn gather(&mut self, transitions: Vec<Step>, part: u32) {
        if part == 0 {
            self.gathering.clear();
        }
        self.gathering.extend(transitions);
    }
}

/// The steps in an execution's history records, as [`crate::Views::history`] gives them.
///
/// # Errors
/// When one can't be read.
pub fn steps_of(records: &[impl AsRef<[u8]>]) -> Result<Vec<Step>, serde_json::Error> {
    let mut steps = Vec::with_capacity(records.len());
    for json in records {
        steps.extend(steps_in(json.as_ref())?);
    }
    Ok(steps)
}

/// The events in one of them, each with the time of its decision.
///
/// # Errors
/// When it can't be read.
pub fn events_of(json: &[u8]) -> Result<Vec<(i64, Event)>, serde_json::Error> {
    let timed = |step: Step| step.events.into_iter().map(move |event| (step.now, event));
    Ok(steps_in(json)?.into_iter().flat_map(timed).collect())
}

fn steps_in(json: &[u8]) -> Result<Vec<Step>, serde_json::Error> {
    Ok(match HistoryRecord::from_json(json)? {
        HistoryRecord::Transition(t) => vec![Step {
            now: t.now,
            events: t.events,
        }],
        HistoryRecord::Restatement {
            state: Restated::Execution { transitions, .. } | Restated::Recalled { transitions, .. },
            ..
        } => transitions,
        HistoryRecord::Claim { .. }
        | HistoryRecord::Mark { .. }
        | HistoryRecord::Restatement { .. } => Vec::new(),
    })
}

#[derive(Deserialize)]
struct Envelope {
    r: Head,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    Claim(IgnoredAny),
    Transition(Place),
    Mark(Place),
    Restatement(Place),
}

#[derive(Deserialize)]
struct Place {
    epoch: i64,
    seq: u64,
}
