//! Events as AWS's GetExecutionHistory shows them.
//!
//! Owns: the JSON form (`type`, `<type>EventDetails`, ids, timestamps, text-in-JSON payloads) of an [`Event`]. Internal
//! events have none.

use baton_schemas::Payload;
use baton_schemas::history::{
    Assigned, Event, EventKind, Failure, Resource, Started, StateType, TaskScheduled,
};
use serde_json::{Map, Value, json};

/// The event as GetExecutionHistory returns it (timestamp in seconds since the epoch, as AWS's JSON protocol does);
/// `None` for an internal event. `include_data` false leaves payloads out, as `includeExecutionData` does.
#[must_use]
pub fn to_aws(event: &Event, now_ms: i64, region: &str, include_data: bool) -> Option<Value> {
    if event.kind.is_internal() {
        return None;
    }
    let mut shown = Map::new();
    shown.insert("timestamp".to_owned(), json!(now_ms as f64 / 1_000.0));
    shown.insert("type".to_owned(), Value::from(type_name(&event.kind)));
    shown.insert("id".to_owned(), Value::from(event.id));
    shown.insert("previousEventId".to_owned(), Value::from(event.prev));
    if let Some((key, fields)) = details(event, region, include_data) {
        shown.insert(key.to_owned(), Value::Object(fields.0));
    }
    Some(Value::Object(shown))
}

/// The event's details without their name; empty for events that have none.
pub(crate) fn details_of(event: &Event, region: &str, include_data: bool) -> Map<String, Value> {
    details(event, region, include_data).map_or_else(Map::new, |(_, fields)| fields.0)
}

/// AWS's name of the event's type, such as `PassStateEntered`; internal events have their kind's name.
#[must_use]
pub fn type_name(kind: &EventKind) -> &'static str {
    use EventKind as K;
    match kind {
        K::ExecutionStarted(_) => "ExecutionStarted",
        K::ExecutionSucceeded => "ExecutionSucceeded",
        K::ExecutionFailed(_) => "ExecutionFailed",
        K::ExecutionAborted(_) => "ExecutionAborted",
        K::ExecutionTimedOut(_) => "ExecutionTimedOut",
        K::ExecutionRedriven(_) => "ExecutionRedriven",
        K::StateEntered { state, .. } => entered_name(*state),
        K::StateExited { state, .. } => exited_name(*state),
        K::TaskScheduled(_) => "TaskScheduled",
        K::TaskStarted(_) => "TaskStarted",
        K::TaskSubmitted(_) => "TaskSubmitted",
        K::TaskSucceeded(_) => "TaskSucceeded",
        K::TaskFailed(..) => "TaskFailed",
        K::TaskTimedOut(..) => "TaskTimedOut",
        K::LambdaFunctionScheduled(_) => "LambdaFunctionScheduled",
        K::LambdaFunctionStarted => "LambdaFunctionStarted",
        K::LambdaFunctionSucceeded => "LambdaFunctionSucceeded",
        K::LambdaFunctionFailed(_) => "LambdaFunctionFailed",
        K::LambdaFunctionTimedOut(_) => "LambdaFunctionTimedOut",
        K::ActivityScheduled(_) => "ActivityScheduled",
        K::ActivityStarted { .. } => "ActivityStarted",
        K::ActivitySucceeded => "ActivitySucceeded",
        K::ActivityFailed(_) => "ActivityFailed",
        K::ActivityTimedOut(_) => "ActivityTimedOut",
        K::ParallelStateStarted => "ParallelStateStarted",
        K::ParallelStateSucceeded => "ParallelStateSucceeded",
        K::ParallelStateFailed(_) => "ParallelStateFailed",
        K::ParallelStateAborted => "ParallelStateAborted",
        K::MapStateStarted { .. } => "MapStateStarted",
        K::MapStateSucceeded => "MapStateSucceeded",
        K::MapStateFailed(_) => "MapStateFailed",
        K::MapStateAborted => "MapStateAborted",
        K::MapIterationStarted { .. } => "MapIterationStarted",
        K::MapIterationSucceeded { .. } => "MapIterationSucceeded",
        K::MapIterationFailed { .. } => "MapIterationFailed",
        K::MapIterationAborted { .. } => "MapIterationAborted",
        K::EvaluationFailed { .. } => "EvaluationFailed",
        K::MapRunStarted { .. } => "MapRunStarted",
        K::MapRunSucceeded => "MapRunSucceeded",
        K::MapRunFailed(_) => "MapRunFailed",
        K::TaskStateAborted => "TaskStateAborted",
        K::WaitStateAborted => "WaitStateAborted",
        K::WaitStarted { .. } => "WaitStarted",
        K::RetryScheduled { .. } => "RetryScheduled",
        K::BranchSucceeded { .. } => "BranchSucceeded",
        K::HeartbeatRecorded { .. } => "HeartbeatRecorded",
        K::ExecutionPaused => "ExecutionPaused",
        K::ExecutionResumed => "ExecutionResumed",
        K::CompletionHeld { .. } => "CompletionHeld",
        K::MapRunAsked => "MapRunAsked",
        K::MapRunAnswered => "MapRunAnswered",
        K::MapChildrenStarted { .. } => "MapChildrenStarted",
        K::MapChildEnded { .. } => "MapChildEnded",
        K::MapRunChanged => "MapRunChanged",
        K::CompletionIgnored { .. } => "CompletionIgnored",
    }
}

fn entered_name(state: StateType) -> &'static str {
    match state {
        StateType::Pass => "PassStateEntered",
        StateType::Task => "TaskStateEntered",
        StateType::Choice => "ChoiceStateEntered",
        StateType::Wait => "WaitStateEntered",
        StateType::Succeed => "SucceedStateEntered",
        StateType::Fail => "FailStateEntered",
        StateType::Parallel => "ParallelStateEntered",
        StateType::Map => "MapStateEntered",
    }
}

fn exited_name(state: StateType) -> &'static str {
    match state {
        StateType::Pass => "PassStateExited",
        StateType::Task => "TaskStateExited",
        StateType::Choice => "ChoiceStateExited",
        StateType::Wait => "WaitStateExited",
        StateType::Succeed => "SucceedStateExited",
        StateType::Fail => "FailStateExited",
        StateType::Parallel => "ParallelStateExited",
        StateType::Map => "MapStateExited",
    }
}

/// Details in the making.
struct Fields(Map<String, Value>);

impl Fields {
    fn new() -> Self {
        Self(Map::new())
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn data(self, name: &str, data: Option<&Payload>) -> Self {
        match data {
            Some(data) => self
                .with(name, data.as_str())
                .with(&format!("{name}Details"), json!({ "truncated": false })),
            None => self,
        }
    }

    fn failure(self, failure: &Failure) -> Self {
        self.with_some("error", failure.error.as_deref())
            .with_some("cause", failure.cause.as_deref())
    }

    /// Variables as AWS shows them: each value as JSON text.
    fn assigned(self, assigned: Option<&Assigned>) -> Self {
        match assigned {
            Some(assigned) => {
                let shown: Map<String, Value> = assigned
                    .iter()
                    .map(|(name, value)| (name.to_string(), Value::from(value.as_str())))
                    .collect();
                self.with("assignedVariables", shown)
                    .with("assignedVariablesDetails", json!({ "truncated": false }))
            }
            None => self,
        }
    }

    fn resource(self, resource: &Resource) -> Self {
        self.with("resourceType", &*resource.kind)
            .with("resource", &*resource.name)
    }

    fn seconds(self, task: &TaskScheduled) -> Self {
        self.with_some("timeoutInSeconds", task.timeout_s)
            .with_some("heartbeatInSeconds", task.heartbeat_s)
            .with_some(
                "taskCredentials",
                task.role_arn
                    .as_deref()
                    .map(|role| json!({ "roleArn": role })),
            )
    }
}

fn details(event: &Event, region: &str, include_data: bool) -> Option<(&'static str, Fields)> {
    use EventKind as K;
    let data = event.data.as_ref().filter(|_| include_data);
    let fields = Fields::new();
    Some(match &event.kind {
        K::ExecutionStarted(s) => (
            "executionStartedEventDetails",
            with_qualifier(fields.data("input", data).with("roleArn", &*s.role_arn), s),
        ),
        K::ExecutionSucceeded => (
            "executionSucceededEventDetails",
            fields.data("output", data),
        ),
        K::ExecutionFailed(f) => ("executionFailedEventDetails", fields.failure(f)),
        K::ExecutionAborted(f) => ("executionAbortedEventDetails", fields.failure(f)),
        K::ExecutionTimedOut(f) => ("executionTimedOutEventDetails", fields.failure(f)),
        K::ExecutionRedriven(redriven) => (
            "executionRedrivenEventDetails",
            fields.with("redriveCount", redriven.count),
        ),
        K::StateEntered { name, .. } => (
            "stateEnteredEventDetails",
            fields.with("name", &**name).data("input", data),
        ),
        K::StateExited { name, assigned, .. } => (
            "stateExitedEventDetails",
            fields
                .with("name", &**name)
                .data("output", data)
                .assigned(assigned.as_deref().filter(|_| include_data)),
        ),
        K::EvaluationFailed {
            state,
            location,
            failure,
        } => (
            "evaluationFailedEventDetails",
            fields
                .with("state", &**state)
                .with_some("location", location.as_deref())
                .failure(failure),
        ),
        K::MapRunStarted { arn } => (
            "mapRunStartedEventDetails",
            fields.with("mapRunArn", &**arn),
        ),
        K::MapRunFailed(f) => ("mapRunFailedEventDetails", fields.failure(f)),
        K::MapStateStarted { length } => (
            "mapStateStartedEventDetails",
            fields.with("length", *length),
        ),
        K::MapIterationStarted { name, index } => {
            ("mapIterationStartedEventDetails", iteration(name, *index))
        }
        K::MapIterationSucceeded { name, index } => {
            ("mapIterationSucceededEventDetails", iteration(name, *index))
        }
        K::MapIterationFailed { name, index } => {
            ("mapIterationFailedEventDetails", iteration(name, *index))
        }
        K::MapIterationAborted { name, index } => {
            ("mapIterationAbortedEventDetails", iteration(name, *index))
        }
        other => return task_details(other, data, region),
    })
}

fn task_details(
    kind: &EventKind,
    data: Option<&Payload>,
    region: &str,
) -> Option<(&'static str, Fields)> {
    use EventKind as K;
    let fields = Fields::new();
    Some(match kind {
        K::TaskScheduled(t) => {
            let fields = fields.resource(&t.resource).with("region", region);
            (
                "taskScheduledEventDetails",
                fields
                    .with_some("parameters", data.map(Payload::as_str))
                    .seconds(t),
            )
        }
        K::TaskStarted(r) => ("taskStartedEventDetails", fields.resource(r)),
        K::TaskSubmitted(r) => (
            "taskSubmittedEventDetails",
            fields.resource(r).data("output", data),
        ),
        K::TaskSucceeded(r) => (
            "taskSucceededEventDetails",
            fields.resource(r).data("output", data),
        ),
        K::TaskFailed(r, f) => ("taskFailedEventDetails", fields.resource(r).failure(f)),
        K::TaskTimedOut(r, f) => ("taskTimedOutEventDetails", fields.resource(r).failure(f)),
        K::LambdaFunctionScheduled(t) => {
            let fields = fields
                .with("resource", &*t.resource.name)
                .data("input", data);
            ("lambdaFunctionScheduledEventDetails", fields.seconds(t))
        }
        K::LambdaFunctionSucceeded => (
            "lambdaFunctionSucceededEventDetails",
            fields.data("output", data),
        ),
        K::LambdaFunctionFailed(f) => ("lambdaFunctionFailedEventDetails", fields.failure(f)),
        K::LambdaFunctionTimedOut(f) => ("lambdaFunctionTimedOutEventDetails", fields.failure(f)),
        K::ActivityScheduled(t) => {
            let fields = fields
                .with("resource", &*t.resource.name)
                .data("input", data);
            ("activityScheduledEventDetails", fields.seconds(t))
        }
        K::ActivityStarted { worker } => (
            "activityStartedEventDetails",
            fields.with_some("workerName", worker.as_deref()),
        ),
        K::ActivitySucceeded => ("activitySucceededEventDetails", fields.data("output", data)),
        K::ActivityFailed(f) => ("activityFailedEventDetails", fields.failure(f)),
        K::ActivityTimedOut(f) => ("activityTimedOutEventDetails", fields.failure(f)),
        _ => return None,
    })
}

/// The version and alias that were named at the start.
fn with_qualifier(fields: Fields, started: &Started) -> Fields {
    let (alias, version) = started.alias_and_version();
    fields
        .with_some("stateMachineAliasArn", alias)
        .with_some("stateMachineVersionArn", version)
}

fn iteration(name: &str, index: u64) -> Fields {
    Fields::new().with("name", name).with("index", index)
}
