//! An execution in memory and the machine's public door.
//!
//! Owns: the state that events fold into, and what may be asked of it. It changes by `apply` alone.

use crate::decide::Decider;
use crate::effect::{Effect, Status, Step, TaskCommand};
use crate::frame::{Fork, Frame, OpenTask, seconds_to_ms};
use crate::interventions::Interventions;
use crate::limits;
use crate::map_run::MapRunStatus;
use crate::states;
use crate::stimulus::Stimulus;
use crate::timers::Timers;
use baton_language::Program;
use baton_language::program::{StateId, StateKind};
use baton_language::resource::{INSIDE, MAP_IO};
use baton_schemas::Payload;
use baton_schemas::history::{Event, Resource, Started};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Configurable bounds; defaults in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload, bytes.
    pub payload_bytes: usize,
    /// Most events in a history.
    pub history_events: u64,
}

/// What a new execution is.
#[derive(Clone, Debug)]
pub struct Start {
    /// ARN of the execution.
    pub arn: Arc<str>,
    /// Facts for the first event.
    pub started: Started,
    /// Input.
    pub input: Payload,
}

/// One execution in memory.
#[derive(Clone, Debug)]
pub struct Execution {
    pub(crate) program: Arc<Program>,
    pub(crate) arn: Arc<str>,
    pub(crate) limits: Limits,
    pub(crate) started: Box<Started>,
    /// When the first event was decided, milliseconds since the epoch.
    pub(crate) started_ms: i64,
    /// Input of the execution, for `$$.Execution.Input`.
    pub(crate) input: Payload,
    pub(crate) status: Status,
    /// Id of the last event.
    pub(crate) last_id: u64,
    /// Frame 0.
    pub(crate) main: Frame,
    /// Branches and iterations; `None` where there never were any.
    pub(crate) others: Option<Box<Others>>,
    pub(crate) timers: Timers,
    /// TestState: what the state sees as its context object.
    pub(crate) context: Option<Arc<Value>>,
    /// Sum of all variables of all frames, bytes.
    pub(crate) variable_bytes: usize,
    /// What operators did to it; `None` for most.
    pub(crate) interventions: Option<Box<Interventions>>,
}

/// Frames but for frame 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Others {
    /// Id of the frame made last.
    pub last: u32,
    /// The frames.
    pub frames: BTreeMap<u32, Frame>,
    /// Frames by the id of their open task.
    pub tasks: BTreeMap<u64, u32>,
    /// What a failing Parallel or Map left, until a Catch or Retry takes the failure, or for ever: a redrive goes on there.
    pub fallen: Option<Box<Fallen>>,
}

/// Branches and iterations that ended with the state that made them, and how far that state was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fallen {
    /// Frames by id.
    pub frames: BTreeMap<u32, Frame>,
    /// Forks by the id of the frame that waited for them.
    pub forks: BTreeMap<u32, Fork>,
}

impl PartialEq for Execution {
    /// The same program (in memory), and everything else equal.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.program, &other.program)
            && self.arn == other.arn
            && self.limits == other.limits
            && self.started == other.started
            && self.started_ms == other.started_ms
            && self.input == other.input
            && self.status == other.status
            && self.last_id == other.last_id
            && self.main == other.main
            && self.others == other.others
            && self.timers == other.timers
            && self.context == other.context
            && self.variable_bytes == other.variable_bytes
            && self.interventions == other.interventions
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: limits::PAYLOAD_BYTES_MAX,
            history_events: limits::HISTORY_EVENTS_MAX,
        }
    }
}

impl Execution {
    /// Begins an execution: ExecutionStarted and everything up to where it must wait.
    #[must_use]
    pub fn start(program: Arc<Program>, start: Start, now_ms: i64, limits: Limits) -> (Self, Step) {
        let mut execution = Self::empty(program, start.arn, limits);
        let program = execution.program.clone();
        let step = Decider::new(&mut execution, &program, now_ms).start(start.started, start.input);
        (execution, step)
    }

    /// The same with a context object of the caller's (TestState).
    pub(crate) fn start_in(
        program: Arc<Program>,
        start: Start,
        now_ms: i64,
        context: Value,
    ) -> (Self, Step) {
        let mut execution = Self::empty(program, start.arn, Limits::default());
        execution.context = Some(Arc::new(context));
        let program = execution.program.clone();
        let step = Decider::new(&mut execution, &program, now_ms).start(start.started, start.input);
        (execution, step)
    }

    /// An execution before its first event, for replay: the first event applied must be ExecutionStarted.
    #[must_use]
    pub fn empty(program: Arc<Program>, arn: Arc<str>, limits: Limits) -> Self {
        let nothing: Arc<str> = Arc::from("");
        let started = Started {
            machine: nothing.clone(),
            revision: 0,
            role_arn: nothing,
            traceparent: None,
            reply_to: None,
            qualifier: None,
            express: None,
            parent: None,
        };
        let input = Payload::empty_object();
        Self {
            program,
            arn,
            limits,
            started: Box::new(started),
            started_ms: 0,
            input: input.clone(),
            status: Status::Running,
            last_id: 0,
            main: Frame::new(0, input, None),
            others: None,
            timers: Timers::default(),
            context: None,
            variable_bytes: 0,
            interventions: None,
        }
    }

    /// Decides what a stimulus leads to and applies it. A stimulus for a task that is not open yields one
    /// `CompletionIgnored` event; a tick with nothing due yields no event.
    pub fn handle(&mut self, stimulus: Stimulus, now_ms: i64) -> Step {
        let program = self.program.clone();
        Decider::new(self, &program, now_ms).handle(stimulus)
    }

    /// Changes the state by one event, decided at `now_ms`, and adds the effects it has. Total: an event that does not
    /// fit changes as much as it can and nothing else.
    pub fn apply(&mut self, event: &Event, now_ms: i64, effects: &mut Vec<Effect>) {
        crate::apply::apply(self, event, now_ms, effects);
    }

    /// When the next timer is due (wait, timeout, heartbeat, retry, execution timeout), milliseconds since the epoch.
    #[must_use]
    pub fn next_due_ms(&self, heartbeats_since_ms: i64) -> Option<i64> {
        if self.status != Status::Running || self.is_paused() {
            return None;
        }
        let first = self.timers.first(heartbeats_since_ms).map(|due| due.at_ms);
        match (first, self.times_out_ms()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// `RUNNING` until a closing event was applied.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Commands of all open tasks, to be sent again, in the order of their frames.
    #[must_use]
    pub fn open_commands(&self) -> Vec<TaskCommand> {
        let others = self.others.iter().flat_map(|others| others.frames.values());
        std::iter::once(&self.main)
            .chain(others)
            .filter_map(|frame| self.command_of(frame))
            .collect()
    }

    /// The command of the task of this event id, if it is open.
    #[must_use]
    pub fn open_command(&self, task: u64) -> Option<TaskCommand> {
        self.command_of(self.frame(self.frame_of(task)?)?)
    }

    /// The command that a frame waits for: of its task, or of its map run. A nested start is none.
    fn command_of(&self, frame: &Frame) -> Option<TaskCommand> {
        let task = frame.task().filter(|task| &*task.queue != INSIDE);
        task.map(|task| self.command(frame, task))
            .or_else(|| self.map_command(frame))
    }

    /// Task queue of the task of this event id, and when it was scheduled (milliseconds since the epoch), if it is open.
    #[must_use]
    pub fn open_task(&self, task: u64) -> Option<(&Arc<str>, i64)> {
        let open = self.frame(self.frame_of(task)?)?.task()?;
        Some((&open.queue, open.scheduled_ms))
    }

    /// Whether the task of this event id is open.
    #[must_use]
    pub fn is_open(&self, task: u64) -> bool {
        self.frame_of(task).is_some()
    }

    /// Facts of the first event.
    #[must_use]
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// The program it runs.
    #[must_use]
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// When the execution as a whole times out, milliseconds since the epoch; counted anew by a redrive.
    pub(crate) fn times_out_ms(&self) -> Option<i64> {
        let since_ms = self
            .last_redrive()
            .map_or(self.started_ms, |redrive| redrive.at_ms);
        // A Map's child ends with its parent; one of Express type after five minutes.
        let parent = self.started.parent.as_ref();
        let timeout_s = match parent.and_then(|parent| parent.item.as_ref()) {
            None => self.program.timeout_s,
            Some(item) => item.express.then_some(limits::EXPRESS_SECONDS_MAX),
        };
        timeout_s.map(|s| since_ms.saturating_add(seconds_to_ms(s)))
    }

    /// The frame that waits for this task.
    pub(crate) fn frame_of(&self, task: u64) -> Option<u32> {
        if self.main.awaits() == Some(task) {
            return Some(0);
        }
        self.others.as_ref()?.tasks.get(&task).copied()
    }

    /// The frame with this id, if it has not ended.
    pub(crate) fn frame(&self, id: u32) -> Option<&Frame> {
        if id == 0 {
            Some(&self.main)
        } else {
            self.others.as_ref()?.frames.get(&id)
        }
    }

    /// The same, to change it.
    pub(crate) fn frame_mut(&mut self, id: u32) -> Option<&mut Frame> {
        if id == 0 {
            Some(&mut self.main)
        } else {
            self.others.as_mut()?.frames.get_mut(&id)
        }
    }

    /// The variable as a state of `frame` sees it.
    pub(crate) fn variable<'a>(&'a self, frame: &'a Frame, name: &str) -> Option<&'a Payload> {
        let mut frame = frame;
        loop {
            let own = frame.variables.as_ref();
            if let Some(value) = own.and_then(|variables| variables.get(name)) {
                return Some(value);
            }
            frame = self.frame(frame.origin?.parent)?;
        }
    }

    /// Frames that this frame made and that have not ended, in order.
    pub(crate) fn children(&self, parent: u32) -> Vec<u32> {
        let frames = self.others.iter().flat_map(|others| others.frames.iter());
        frames
            .filter(|(_, frame)| frame.origin.is_some_and(|o| o.parent == parent))
            .map(|(id, _)| *id)
            .collect()
    }

    /// All frames that have not ended, in order.
    pub(crate) fn frame_ids(&self) -> Vec<u32> {
        let others = self.others.iter().flat_map(|others| others.frames.keys());
        std::iter::once(0).chain(others.copied()).collect()
    }

    /// Where the execution begins: a Map's child with the Map's processor.
    pub(crate) fn start_of(&self, started: &Started) -> StateId {
        let item = started.parent.as_ref().and_then(|p| p.item.as_ref());
        let map = item.and_then(|item| self.program.find(&item.state));
        match map.map(|id| &self.program.state(id).kind) {
            Some(StateKind::Map(map)) => map.processor,
            _ => self.program.start,
        }
    }

    /// What the map run of a frame asked for and waits for.
    pub(crate) fn map_command(&self, frame: &Frame) -> Option<TaskCommand> {
        let run = frame.map_run()?;
        let input = states::map_run::request(self, frame, run)?;
        Some(TaskCommand {
            task: run.id,
            queue: MAP_IO.into(),
            state: self.program.state(frame.state?).name.clone(),
            attempt: 0,
            scheduled_ms: run.started_ms,
            deadline_ms: None,
            heartbeat_s: None,
            resource: None,
            input,
        })
    }

    /// The frame that waits for this map run.
    pub(crate) fn map_run_frame(&self, run: &str) -> Option<u32> {
        let is_it = |frame: &Frame| frame.map_run().is_some_and(|found| &*found.arn == run);
        if is_it(&self.main) {
            return Some(0);
        }
        let mut frames = self.others.iter().flat_map(|others| others.frames.iter());
        frames.find(|(_, frame)| is_it(frame)).map(|(id, _)| *id)
    }

    /// The map runs that are under way.
    #[must_use]
    pub fn map_runs(&self) -> Vec<MapRunStatus> {
        let others = self.others.iter().flat_map(|others| others.frames.values());
        let frames = std::iter::once(&self.main).chain(others);
        let runs = frames.filter_map(Frame::map_run);
        runs.map(MapRunStatus::of).collect()
    }

    /// The command of an open task.
    pub(crate) fn command(&self, frame: &Frame, task: &OpenTask) -> TaskCommand {
        let state = frame
            .state
            .map_or_else(|| Arc::from(""), |id| self.program.state(id).name.clone());
        TaskCommand {
            task: task.id,
            queue: task.queue.clone(),
            state,
            attempt: task.attempt,
            scheduled_ms: task.scheduled_ms,
            deadline_ms: task.deadline_ms,
            heartbeat_s: task.heartbeat_s,
            resource: called(&task.resource, &task.queue),
            input: task.input.clone(),
        }
    }
}

/// The ARN in a state's `Resource`, as the worker needs it to know what is wanted of it. A plain task queue says all by
/// itself, so its commands, by far the most, carry nothing more.
fn called(resource: &Resource, queue: &str) -> Option<Arc<str>> {
    let plain =
        resource.kind.as_ref() == "baton" && resource.name.strip_prefix("task.") == Some(queue);
    match (plain, resource.kind.as_ref()) {
        (true, _) => None,
        (false, "") => Some(resource.name.clone()),
        (false, kind) => Some(format!("arn:aws:states:::{kind}:{}", resource.name).into()),
    }
}
