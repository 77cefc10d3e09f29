//! Spans of one execution, from its history.
//!
//! Owns: which events begin and end a span, its parent and its attributes. Ids and times follow from ARN and history
//! alone, so whoever works a history through finds the very same spans. Pure. Must not: read a clock or send anything.
//!
//! | span | from | to | parent |
//! |---|---|---|---|
//! | execution | `ExecutionStarted` | the event that closes it | the context given at the start |
//! | state | `StateEntered` | `StateExited`, or the end of what it is in | the execution, or the Parallel or Map around it |
//! | task | `TaskScheduled` | `TaskSucceeded`, `TaskFailed`, `TaskTimedOut` | its state; workers' spans are its children |

use baton_schemas::TraceContext;
use baton_schemas::history::{Event, EventKind, Failure, StateType, TaskScheduled};
use baton_schemas::trace::event_span;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What is known of an execution's spans after some of its events.
pub struct Tracker {
    arn: Arc<str>,
    context: TraceContext,
    machine: Arc<str>,
    root: Option<Open>,
    frames: BTreeMap<u32, FrameSpans>,
    /// Event id -> span of the Parallel or Map whose frames begin with it, and the iteration's number.
    forks: BTreeMap<u64, (u64, Option<u64>)>,
    /// Id of the last event.
    last: u64,
}

/// The open spans of one frame: a frame is in one state at a time and waits for one task at a time.
struct FrameSpans {
    /// What its states are children of.
    parent: u64,
    /// Number of the Map iteration.
    index: Option<u64>,
    state: Option<(Open, StateType)>,
    task: Option<Open>,
}

/// A span that has not ended.
struct Open {
    id: u64,
    parent: u64,
    name: Arc<str>,
    kind: SpanKind,
    begun_ms: i64,
    attributes: Vec<KeyValue>,
}

impl Tracker {
    /// A tracker before the first event.
    pub fn new(arn: Arc<str>) -> Self {
        Self {
            context: TraceContext::of_execution(&arn, None),
            arn,
            machine: "".into(),
            root: None,
            frames: BTreeMap::new(),
            forks: BTreeMap::new(),
            last: 0,
        }
    }

    /// Whether events up to here have been worked in, so that one with id `next` follows.
    pub fn is_before(&self, next: u64) -> bool {
        self.last + 1 == next
    }

    /// Works in one event of time `now_ms` (milliseconds since the epoch) and adds the spans that it ends. An event that
    /// does not fit, because those before it are not known, changes as much as it can.
    pub fn apply(&mut self, event: &Event, now_ms: i64, ended: &mut Vec<SpanData>) {
        if event.id != 0 {
            self.last = event.id;
        }
        match &event.kind {
            EventKind::ExecutionStarted(started) => {
                self.context =
                    TraceContext::of_execution(&self.arn, started.traceparent.as_deref());
                self.machine = name_of(&started.machine).into();
                self.begin_execution(now_ms, &started.machine, started.revision);
            }
            EventKind::ExecutionSucceeded => self.close("SUCCEEDED", None, now_ms, ended),
            EventKind::ExecutionFailed(why) => self.close("FAILED", Some(why), now_ms, ended),
            EventKind::ExecutionAborted(why) => self.close("ABORTED", Some(why), now_ms, ended),
            EventKind::ExecutionTimedOut(why) => self.close("TIMED_OUT", Some(why), now_ms, ended),
            EventKind::StateEntered { state, name } => self.enter(event, *state, name, now_ms),
            EventKind::StateExited { .. } => self.exit(event.frame, Status::Ok, now_ms, ended),
            EventKind::ParallelStateStarted | EventKind::MapStateStarted { .. } => {
                self.fork(event, None);
            }
            EventKind::MapIterationStarted { index, .. } => self.fork(event, Some(*index)),
            EventKind::TaskScheduled(task)
            | EventKind::LambdaFunctionScheduled(task)
            | EventKind::ActivityScheduled(task) => self.schedule(event, task, now_ms),
            EventKind::TaskSucceeded(_)
            | EventKind::LambdaFunctionSucceeded
            | EventKind::ActivitySucceeded => {
                self.end_task(event.frame, Status::Ok, now_ms, ended);
            }
            EventKind::TaskFailed(_, why)
            | EventKind::TaskTimedOut(_, why)
            | EventKind::LambdaFunctionFailed(why)
            | EventKind::LambdaFunctionTimedOut(why)
            | EventKind::ActivityFailed(why)
            | EventKind::ActivityTimedOut(why) => {
                self.end_task(event.frame, failed(why), now_ms, ended);
            }
            _ => {}
        }
    }

    fn begin_execution(&mut self, now_ms: i64, machine: &Arc<str>, revision: u64) {
        let parent = if self.context.is_begun() {
            0
        } else {
            self.context.span
        };
        self.root = Some(Open {
            id: self.context.execution_span(&self.arn),
            parent,
            name: self.machine.clone(),
            kind: SpanKind::Server,
            begun_ms: now_ms,
            attributes: vec![
                KeyValue::new("execution.id", self.arn.clone()),
                KeyValue::new("state_machine.id", machine.clone()),
                KeyValue::new(
                    "state_machine.revision",
                    i64::try_from(revision).unwrap_or(0),
                ),
            ],
        });
    }

    fn enter(&mut self, event: &Event, state: StateType, name: &Arc<str>, now_ms: i64) {
        let root = self.context.execution_span(&self.arn);
        let (parent, index) = self.forks.get(&event.prev).copied().unwrap_or((root, None));
        let frame = self.frames.entry(event.frame).or_insert(FrameSpans {
            parent,
            index,
            state: None,
            task: None,
        });
        let mut attributes = vec![
            KeyValue::new("execution.id", self.arn.clone()),
            KeyValue::new("state.name", name.clone()),
            KeyValue::new("state.type", format!("{state:?}")),
        ];
        if let Some(index) = frame.index.and_then(|index| i64::try_from(index).ok()) {
            attributes.push(KeyValue::new("map.index", index));
        }
        let open = Open {
            id: event_span(&self.arn, event.id),
            parent: frame.parent,
            name: name.clone(),
            kind: SpanKind::Internal,
            begun_ms: now_ms,
            attributes,
        };
        frame.state = Some((open, state));
    }

    fn schedule(&mut self, event: &Event, task: &TaskScheduled, now_ms: i64) {
        let root = self.context.execution_span(&self.arn);
        let Some(frame) = self.frames.get_mut(&event.frame) else {
            return;
        };
        let state = frame.state.as_ref();
        frame.task = Some(Open {
            id: event_span(&self.arn, event.id),
            parent: state.map_or(root, |(open, _)| open.id),
            name: format!("{} send", task.queue).into(),
            kind: SpanKind::Producer,
            begun_ms: now_ms,
            attributes: vec![
                KeyValue::new("execution.id", self.arn.clone()),
                KeyValue::new(
                    "state.name",
                    state.map_or("".into(), |(open, _)| open.name.clone()),
                ),
                KeyValue::new("task.queue", task.queue.clone()),
                KeyValue::new("task.attempt", i64::from(task.attempt)),
            ],
        });
    }

    /// Frames that begin with this event belong to the state that its frame is in.
    fn fork(&mut self, event: &Event, index: Option<u64>) {
        let around = self
            .frames
            .get(&event.frame)
            .and_then(|frame| frame.state.as_ref());
        if let Some((state, _)) = around {
            self.forks.insert(event.id, (state.id, index));
        }
    }

    fn end_task(&mut self, frame: u32, status: Status, now_ms: i64, ended: &mut Vec<SpanData>) {
        let open = self
            .frames
            .get_mut(&frame)
            .and_then(|frame| frame.task.take());
        self.end(open, status, now_ms, ended);
    }

    fn exit(&mut self, frame: u32, status: Status, now_ms: i64, ended: &mut Vec<SpanData>) {
        self.end_task(frame, Status::Unset, now_ms, ended);
        let Some((open, kind)) = self
            .frames
            .get_mut(&frame)
            .and_then(|frame| frame.state.take())
        else {
            return;
        };
        if matches!(kind, StateType::Parallel | StateType::Map) {
            self.end_within(open.id, now_ms, ended);
        }
        self.end(Some(open), status, now_ms, ended);
    }

    /// What is still open within the state `around` ends with it.
    fn end_within(&mut self, around: u64, now_ms: i64, ended: &mut Vec<SpanData>) {
        let within = self
            .frames
            .iter()
            .filter(|(_, frame)| frame.parent == around);
        let within: Vec<u32> = within.map(|(id, _)| *id).collect();
        for frame in within {
            self.exit(frame, Status::Unset, now_ms, ended);
            self.frames.remove(&frame);
        }
        self.forks.retain(|_, (span, _)| *span != around);
    }

    fn close(
        &mut self,
        status: &'static str,
        why: Option<&Failure>,
        now_ms: i64,
        ended: &mut Vec<SpanData>,
    ) {
        let told = why.map_or(Status::Ok, failed);
        // The states that the execution was in did not end by themselves: they share its fate.
        if let Some(id) = self.frames.keys().next().copied() {
            self.exit(id, told.clone(), now_ms, ended);
        }
        for id in self.frames.keys().copied().collect::<Vec<_>>() {
            self.exit(id, Status::Unset, now_ms, ended);
        }
        let mut root = self.root.take();
        if let Some(root) = &mut root {
            root.attributes
                .push(KeyValue::new("execution.status", status));
        }
        self.end(root, told, now_ms, ended);
    }

    fn end(&self, open: Option<Open>, status: Status, now_ms: i64, ended: &mut Vec<SpanData>) {
        if let Some(open) = open.filter(|_| self.context.is_sampled()) {
            ended.push(open.into_data(&self.context, status, now_ms));
        }
    }
}

impl Open {
    fn into_data(self, context: &TraceContext, status: Status, now_ms: i64) -> SpanData {
        let mut attributes = self.attributes;
        if let Status::Error { description } = &status {
            attributes.push(KeyValue::new("error.type", description.to_string()));
        }
        SpanData {
            span_context: SpanContext::new(
                context.trace.into(),
                self.id.into(),
                TraceFlags::new(context.flags),
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent.into(),
            parent_span_is_remote: self.kind == SpanKind::Server && self.parent != 0,
            span_kind: self.kind,
            name: self.name.to_string().into(),
            start_time: at(self.begun_ms),
            end_time: at(now_ms.max(self.begun_ms)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("baton").build(),
        }
    }
}

fn failed(why: &Failure) -> Status {
    Status::error(why.error.as_deref().unwrap_or("failed").to_owned())
}

/// The last part of an ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn at(ms: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::history::{Resource, Started};

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:greet:e";
    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn event(id: u64, prev: u64, frame: u32, kind: EventKind) -> Event {
        Event {
            id,
            prev,
            frame,
            kind,
            data: None,
        }
    }

    fn started(traceparent: Option<&str>) -> EventKind {
        EventKind::ExecutionStarted(Box::new(Started {
            machine: "arn:aws:states:us-east-1:000000000000:stateMachine:greet".into(),
            revision: 3,
            role_arn: "".into(),
            traceparent: traceparent.map(Into::into),
            reply_to: None,
            qualifier: None,
            express: None,
            parent: None,
        }))
    }

    fn entered(state: StateType, name: &str) -> EventKind {
        EventKind::StateEntered {
            state,
            name: name.into(),
        }
    }

    fn exited(state: StateType, name: &str) -> EventKind {
        EventKind::StateExited {
            state,
            name: name.into(),
            assigned: None,
        }
    }

    fn resource() -> Resource {
        Resource {
            kind: "baton".into(),
            name: "task.hello".into(),
        }
    }

    fn scheduled(queue: &str) -> EventKind {
        EventKind::TaskScheduled(Box::new(TaskScheduled {
            resource: resource(),
            queue: queue.into(),
            attempt: 0,
            timeout_s: None,
            heartbeat_s: None,
            role_arn: None,
        }))
    }

    /// Each event 10 ms after the one before; `(name, span, parent)` of what ended, in order.
    fn spans(events: &[Event]) -> Vec<(String, u64, u64)> {
        let mut tracker = Tracker::new(ARN.into());
        let mut ended = Vec::new();
        for (i, event) in events.iter().enumerate() {
            tracker.apply(event, 10 * i as i64, &mut ended);
        }
        let id = |bytes: [u8; 8]| u64::from_be_bytes(bytes);
        ended
            .iter()
            .map(|span| {
                (
                    span.name.to_string(),
                    id(span.span_context.span_id().to_bytes()),
                    id(span.parent_span_id.to_bytes()),
                )
            })
            .collect()
    }

    #[test]
    fn a_task_is_within_its_state_and_that_within_the_execution() {
        let events = [
            event(1, 0, 0, started(Some(GIVEN))),
            event(2, 0, 0, entered(StateType::Task, "Greet")),
            event(3, 2, 0, scheduled("hello")),
            event(4, 3, 0, EventKind::TaskStarted(resource())),
            event(5, 4, 0, EventKind::TaskSucceeded(resource())),
            event(6, 5, 0, exited(StateType::Task, "Greet")),
            event(7, 6, 0, EventKind::ExecutionSucceeded),
        ];
        let (root, state, task) = (event_span(ARN, 1), event_span(ARN, 2), event_span(ARN, 3));
        let expected = [
            ("hello send".to_owned(), task, state),
            ("Greet".to_owned(), state, root),
            ("greet".to_owned(), root, 0xb7ad_6b71_6920_3331),
        ];
        assert_eq!(spans(&events), expected);
    }

    #[test]
    fn a_trace_that_began_here_has_a_root_without_parent() {
        let begun = TraceContext::begun(77);
        let events = [
            event(1, 0, 0, started(Some(&begun.to_header()))),
            event(2, 1, 0, EventKind::ExecutionSucceeded),
        ];
        assert_eq!(spans(&events), [("greet".to_owned(), begun.span, 0)]);
    }

    #[test]
    fn branches_are_within_their_parallel_and_end_with_it() {
        let failure = || Failure {
            error: Some("Boom".into()),
            cause: None,
        };
        let events = [
            event(1, 0, 0, started(None)),
            event(2, 0, 0, entered(StateType::Parallel, "Both")),
            event(3, 2, 0, EventKind::ParallelStateStarted),
            event(4, 3, 1, entered(StateType::Task, "Left")),
            event(5, 4, 1, scheduled("left")),
            event(6, 3, 2, entered(StateType::Task, "Right")),
            event(7, 6, 2, scheduled("right")),
            event(8, 7, 2, EventKind::TaskFailed(resource(), failure())),
            event(9, 8, 0, EventKind::ParallelStateFailed(failure())),
            event(10, 9, 0, exited(StateType::Parallel, "Both")),
            event(11, 10, 0, EventKind::ExecutionSucceeded),
        ];
        let both = event_span(ARN, 2);
        let ended = spans(&events);
        let names: Vec<&str> = ended.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(
            names,
            ["right send", "left send", "Left", "Right", "Both", "greet"]
        );
        assert!(ended[2].2 == both && ended[3].2 == both);
    }

    #[test]
    fn a_failed_execution_ends_what_it_was_in_and_says_why() {
        let failure = Failure {
            error: Some("Boom".into()),
            cause: None,
        };
        let events = [
            event(1, 0, 0, started(None)),
            event(2, 0, 0, entered(StateType::Fail, "Stop")),
            event(3, 2, 0, EventKind::ExecutionFailed(failure)),
        ];
        let (mut tracker, mut ended) = (Tracker::new(ARN.into()), Vec::new());
        events
            .iter()
            .for_each(|event| tracker.apply(event, 5, &mut ended));
        assert_eq!(ended.len(), 2);
        assert!(
            ended
                .iter()
                .all(|span| span.status == Status::error("Boom"))
        );
    }

    #[test]
    fn a_trace_that_is_not_recorded_has_no_spans() {
        let events = [
            event(1, 0, 0, started(Some(&GIVEN.replace("-01", "-00")))),
            event(2, 1, 0, EventKind::ExecutionSucceeded),
        ];
        assert_eq!(spans(&events), []);
    }
}
