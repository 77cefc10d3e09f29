//! Deciding: one stimulus in, events out.
//!
//! Owns: writing events (each applied at once), the loop over frames that can go on, timers, and the bounds of a step
//! and of a history. What states do is in `states`; how they end, in `flow` and `failing`.

use crate::effect::{Status, Step};
use crate::errors;
use crate::execution::Execution;
use crate::frame::{Frame, Phase, Ready};
use crate::limits::EVENTS_PER_STEP_MAX;
use crate::states;
use crate::stimulus::Stimulus;
use baton_language::Program;
use baton_schemas::Payload;
use baton_schemas::history::{Event, EventKind, Failure, Started};
use std::sync::Arc;

/// Why deciding had to stop; the execution fails with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The history is full.
    HistoryFull,
    /// The step wrote too many events without waiting.
    StepTooLong,
}

/// Goes on, or the whole execution must fail.
pub(crate) type Flow<T = ()> = Result<T, Halt>;

/// One step in the making.
pub(crate) struct Decider<'a> {
    pub execution: &'a mut Execution,
    pub program: &'a Program,
    /// Time of the decision, milliseconds since the epoch.
    pub now_ms: i64,
    /// Frames that enter a state next, in order.
    pub ready: Ready,
    step: Step,
}

impl<'a> Decider<'a> {
    /// A step of `execution`, which runs `program`.
    pub fn new(execution: &'a mut Execution, program: &'a Program, now_ms: i64) -> Self {
        Self {
            execution,
            program,
            now_ms,
            ready: Ready::new(),
            step: Step::default(),
        }
    }

    /// The first step.
    pub fn start(mut self, started: Started, input: Payload) -> Step {
        let start = self.execution.start_of(&started);
        let first = EventKind::ExecutionStarted(Box::new(started));
        let done = self.emit(0, first, Some(input.clone())).and_then(|_| {
            self.ready.push_back((0, start, input));
            self.run()
        });
        self.conclude(done)
    }

    /// Any later step.
    pub fn handle(mut self, stimulus: Stimulus) -> Step {
        self.step.events.reserve(5);
        let done = if let Stimulus::Redrive { token } = stimulus {
            self.redrive(token)
        } else if self.is_closed() {
            self.refuse(&stimulus)
        } else {
            self.dispatch(stimulus)
        };
        self.conclude(done)
    }

    /// Writes an event of `frame` after the frame's last one; returns its id.
    pub fn emit(&mut self, frame: u32, kind: EventKind, data: Option<Payload>) -> Flow<u64> {
        let prev = self.execution.frame(frame).map_or(0, |frame| frame.prev);
        self.emit_after(prev, frame, kind, data)
    }

    /// Writes an event that names `prev` as the previous one.
    pub fn emit_after(
        &mut self,
        prev: u64,
        frame: u32,
        kind: EventKind,
        data: Option<Payload>,
    ) -> Flow<u64> {
        let closes = kind.closes();
        if !closes && self.step.events.len() >= EVENTS_PER_STEP_MAX {
            return Err(Halt::StepTooLong);
        }
        let mut id = 0;
        if !kind.is_internal() {
            id = self.next_id();
            if !closes && id >= self.execution.limits.history_events {
                return Err(Halt::HistoryFull);
            }
        }
        let event = Event {
            id,
            prev,
            frame,
            kind,
            data,
        };
        self.execution
            .apply(&event, self.now_ms, &mut self.step.effects);
        self.step.events.push(event);
        Ok(id)
    }

    /// The id that the next event will have.
    pub fn next_id(&self) -> u64 {
        self.execution.last_id + 1
    }

    /// Lets every frame that can go on do so until all wait or the execution is closed.
    pub fn run(&mut self) -> Flow {
        while let Some((frame, state, input)) = self.ready.pop_front() {
            if self.execution.frame(frame).is_some() {
                states::enter(self, frame, state, input)?;
            }
            if self.is_closed() {
                self.ready.clear();
            }
        }
        Ok(())
    }

    fn is_map_run(&self, frame: u32) -> bool {
        let frame = self.execution.frame(frame);
        frame.is_some_and(|frame| frame.map_run().is_some())
    }

    /// Whether what a task said waits for the resumption. A map run notes what it hears, and goes on later.
    fn holds(&self, task: u64) -> bool {
        let frame = self.execution.frame_of(task);
        self.is_paused() && !frame.is_some_and(|frame| self.is_map_run(frame))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.execution.status != Status::Running
    }

    fn conclude(mut self, done: Flow) -> Step {
        if let Err(halt) = done {
            let failure = halt.failure(self.execution.limits.history_events);
            let last = self.execution.last_id;
            self.emit_after(last, 0, EventKind::ExecutionFailed(failure), None)
                .expect("closing events are never refused");
        }
        self.step
    }

    fn dispatch(&mut self, stimulus: Stimulus) -> Flow {
        match stimulus {
            Stimulus::Tick {
                heartbeats_since_ms,
            } => return self.fire(heartbeats_since_ms),
            Stimulus::Stop(failure) => {
                let aborted = EventKind::ExecutionAborted(errors::bounded(failure));
                self.emit_after(0, 0, aborted, None)?;
            }
            Stimulus::Fail(failure) => {
                let last = self.execution.last_id;
                let failed = EventKind::ExecutionFailed(errors::bounded(failure));
                self.emit_after(last, 0, failed, None)?;
            }
            Stimulus::TimeOut => {
                let timed_out = EventKind::ExecutionTimedOut(errors::timeout());
                self.emit_after(0, 0, timed_out, None)?;
            }
            Stimulus::Pause => return self.pause(),
            Stimulus::Resume => self.resume()?,
            Stimulus::TaskSucceeded { task, output } if self.holds(task) => {
                self.hold(task, Ok(output))?;
            }
            Stimulus::TaskFailed { task, failure } if self.holds(task) => {
                self.hold(task, Err(errors::bounded(failure)))?;
            }
            Stimulus::Redrive { .. } => {} // Taken by `handle`: an open execution can't be redriven.
            Stimulus::TaskStarted { task, worker } => match self.execution.frame_of(task) {
                Some(frame) => states::task::started(self, frame, worker)?,
                None => self.ignore(task, "no open task has this id")?,
            },
            Stimulus::TaskSubmitted { task, output } => match self.execution.frame_of(task) {
                Some(frame) => states::task::submitted(self, frame, output)?,
                None => self.ignore(task, "no open task has this id")?,
            },
            Stimulus::TaskSucceeded { task, output } => match self.execution.frame_of(task) {
                Some(frame) if self.is_map_run(frame) => {
                    states::map_run::answered(self, frame, output)?
                }
                Some(frame) => states::task::succeeded(self, frame, output)?,
                None => self.ignore(task, "no open task has this id")?,
            },
            Stimulus::TaskFailed { task, failure } => match self.execution.frame_of(task) {
                Some(frame) if self.is_map_run(frame) => {
                    states::map_run::refused(self, frame, errors::bounded(failure))?
                }
                Some(frame) => states::task::failed(self, frame, errors::bounded(failure))?,
                None => self.ignore(task, "no open task has this id")?,
            },
            Stimulus::ChangeMapRun { run, bounds } => match self.execution.map_run_frame(&run) {
                Some(frame) => states::map_run::changed(self, frame, &bounds)?,
                None => self.ignore(0, "no map run has this ARN")?,
            },
            Stimulus::Heartbeat { task } => match self.execution.frame_of(task) {
                Some(frame) => self
                    .emit(frame, EventKind::HeartbeatRecorded { task }, None)
                    .map(drop)?,
                None => self.ignore(task, "no open task has this id")?,
            },
        }
        self.run()
    }

    fn refuse(&mut self, stimulus: &Stimulus) -> Flow {
        let task = match stimulus {
            Stimulus::Tick { .. }
            | Stimulus::Pause
            | Stimulus::Resume
            | Stimulus::Redrive { .. } => return Ok(()),
            Stimulus::Stop(_)
            | Stimulus::Fail(_)
            | Stimulus::TimeOut
            | Stimulus::ChangeMapRun { .. } => 0,
            Stimulus::TaskStarted { task, .. }
            | Stimulus::TaskSubmitted { task, .. }
            | Stimulus::TaskSucceeded { task, .. }
            | Stimulus::TaskFailed { task, .. }
            | Stimulus::Heartbeat { task } => *task,
        };
        self.ignore(task, "the execution is closed")
    }

    /// Writes an internal event of `frame`.
    pub fn emit_internal(&mut self, frame: u32, kind: EventKind, data: Option<Payload>) -> Flow {
        debug_assert!(kind.is_internal());
        self.emit_after(0, frame, kind, data).map(drop)
    }

    /// Notes that what came for `task` changes nothing.
    pub fn ignore(&mut self, task: u64, reason: &str) -> Flow {
        let ignored = EventKind::CompletionIgnored {
            task,
            reason: Arc::from(reason),
        };
        self.emit_after(0, 0, ignored, None).map(drop)
    }

    /// Fires all due timers, earliest first.
    fn fire(&mut self, heartbeats_since_ms: i64) -> Flow {
        while !self.is_closed() && !self.is_paused() {
            let first = self
                .execution
                .timers
                .first(heartbeats_since_ms)
                .filter(|due| due.at_ms <= self.now_ms);
            let times_out = self
                .execution
                .times_out_ms()
                .filter(|at_ms| *at_ms <= self.now_ms);
            match (first, times_out) {
                (None, None) => return Ok(()),
                (Some(due), end) if end.is_none_or(|at_ms| due.at_ms < at_ms) => {
                    let written = self.step.events.len();
                    self.fire_one(due.frame, due.heartbeat)?;
                    self.run()?;
                    if self.step.events.len() == written {
                        return Ok(()); // The history is of another program: nothing here can act on the timer.
                    }
                }
                _ => {
                    self.emit_after(0, 0, EventKind::ExecutionTimedOut(errors::timeout()), None)?;
                }
            }
        }
        Ok(())
    }

    fn fire_one(&mut self, id: u32, heartbeat: bool) -> Flow {
        let frame: Option<&Frame> = self.execution.frame(id);
        match frame.map(|frame| &frame.phase) {
            Some(Phase::Waiting { .. }) => states::wait::finish(self, id),
            Some(Phase::Retrying { .. }) => states::again(self, id),
            Some(Phase::Task(_)) => states::task::timed_out(self, id, heartbeat),
            Some(Phase::MapRun(_)) => states::map_run::go_on(self, id),
            Some(Phase::Idle | Phase::Held(_) | Phase::Forked(_)) | None => Ok(()),
        }
    }
}

impl Halt {
    /// The failure of the execution, worded as AWS words the first.
    fn failure(self, history_events: u64) -> Failure {
        let cause = match self {
            Self::HistoryFull => {
                format!(
                    "The execution reached the maximum number of history events ({history_events})."
                )
            }
            Self::StepTooLong => format!(
                "The execution wrote {EVENTS_PER_STEP_MAX} events without waiting for anything. Add a Wait or Task state to the loop."
            ),
        };
        errors::failure(errors::RUNTIME, &cause)
    }
}
