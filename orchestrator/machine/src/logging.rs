//! Logged execution events, as AWS writes them to CloudWatch Logs.
//!
//! Owns: which events a log level takes, and the form of a log record: the event's type, details and ids as text, and the
//! execution. Source: AWS Step Functions Developer Guide, "Log levels for Step Functions execution events"; recorded
//! answers. Must not: send anything.

use crate::aws_history::{details_of, type_name};
use baton_schemas::history::{Event, EventKind, StateType};
use serde_json::{Value, json};

/// What of an execution is logged: `loggingConfiguration` of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// Which events.
    pub level: Level,
    /// Whether with inputs, outputs and parameters.
    pub include_data: bool,
}

/// A log level; each takes what the ones before it take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    #[default]
    Off,
    /// That an execution ended without success.
    Fatal,
    /// Every failure, timeout and abortion, and Fail states.
    Error,
    /// Every event.
    All,
}

impl Logging {
    /// As a machine's `loggingConfiguration` says; nothing if it says nothing.
    #[must_use]
    pub fn of(configuration: &Value) -> Self {
        let level = match configuration["level"].as_str() {
            Some("ALL") => Level::All,
            Some("ERROR") => Level::Error,
            Some("FATAL") => Level::Fatal,
            _ => Level::Off,
        };
        Self {
            level,
            include_data: configuration["includeExecutionData"] == Value::Bool(true),
        }
    }

    /// The log record of an event, decided at `now_ms`; `None` if the level does not take it, or AWS does not show it.
    #[must_use]
    pub fn record(
        &self,
        event: &Event,
        now_ms: i64,
        execution: &str,
        region: &str,
        redrives: u32,
    ) -> Option<Value> {
        if event.kind.is_internal() || level_of(&event.kind) > self.level {
            return None;
        }
        Some(json!({
            "id": event.id.to_string(),
            "type": type_name(&event.kind),
            "details": details_of(event, region, self.include_data),
            "previous_event_id": event.prev.to_string(),
            "event_timestamp": now_ms.to_string(),
            "execution_arn": execution,
            "redrive_count": redrives.to_string(),
        }))
    }
}

/// The lowest level that takes events of this kind.
fn level_of(kind: &EventKind) -> Level {
    use EventKind as K;
    match kind {
        K::ExecutionFailed(_) | K::ExecutionAborted(_) | K::ExecutionTimedOut(_) => Level::Fatal,
        K::StateEntered {
            state: StateType::Fail,
            ..
        } => Level::Error,
        other => {
            let name = type_name(other);
            let ends = ["Failed", "TimedOut", "Aborted"];
            if ends.iter().any(|end| name.ends_with(end)) {
                Level::Error
            } else {
                Level::All
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_schemas::Payload;
    use baton_schemas::history::{Failure, Resource};

    fn event(kind: EventKind) -> Event {
        let data = Payload::from_text(r#"{"a":1}"#).ok();
        Event {
            id: 5,
            prev: 4,
            frame: 0,
            kind,
            data,
        }
    }

    fn logged(level: &str, kind: EventKind) -> Option<Value> {
        let logging = Logging::of(&json!({ "level": level }));
        logging.record(&event(kind), 1_500, "arn", "eu-west-1", 0)
    }

    #[test]
    fn each_level_takes_what_aws_says() {
        let failed = EventKind::ExecutionFailed(Failure::default());
        let resource = Resource {
            kind: "baton".into(),
            name: "task.a".into(),
        };
        let task = EventKind::TaskFailed(resource, Failure::default());
        let takes = |level| {
            [failed.clone(), task.clone(), EventKind::ExecutionSucceeded]
                .map(|kind| logged(level, kind).is_some())
        };
        assert_eq!(takes("ALL"), [true, true, true]);
        assert_eq!(takes("ERROR"), [true, true, false]);
        assert_eq!(takes("FATAL"), [true, false, false]);
        assert_eq!(takes("OFF"), [false, false, false]);
        assert_eq!(logged("ALL", EventKind::ExecutionPaused), None);
    }

    #[test]
    fn a_record_has_texts_for_ids_and_no_payload_unless_asked_for() {
        let shown = logged("ALL", EventKind::ExecutionSucceeded).unwrap_or_default();
        let expected = json!({"id": "5", "type": "ExecutionSucceeded", "details": {}, "previous_event_id": "4",
            "event_timestamp": "1500", "execution_arn": "arn", "redrive_count": "0"});
        assert_eq!(shown, expected);
        let logging = Logging::of(&json!({"level": "ALL", "includeExecutionData": true}));
        let event = event(EventKind::ExecutionSucceeded);
        let shown = logging.record(&event, 0, "arn", "r", 2).unwrap_or_default();
        let details = json!({"output": "{\"a\":1}", "outputDetails": {"truncated": false}});
        assert_eq!(
            (&shown["details"], &shown["redrive_count"]),
            (&details, &json!("2"))
        );
    }
}
