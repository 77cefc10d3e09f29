//! Events of a history as lines for people: what `baton dev` and `baton watch` print.

use baton_schemas::arn::ExecutionArn;
use serde_json::Value;

/// Width of the column with the execution's name; longer ones push the rest to the right.
const NAME_WIDTH: usize = 34;
/// Most characters of a cause that are shown.
const CAUSE_CHARS_MAX: usize = 200;

/// What happened, for the events that change an execution's state; `None` for the others. `event` is as
/// GetExecutionHistory shows it.
#[must_use]
pub fn change(event: &Value) -> Option<String> {
    let kind = event["type"].as_str()?;
    if let Some(outcome) = outcome(kind) {
        return Some(with_reason(outcome, event));
    }
    let name = |details: &str| event[details]["name"].as_str().map(str::to_owned);
    match kind {
        "ExecutionStarted" => Some("started".to_owned()),
        _ if kind.ends_with("StateEntered") => name("stateEnteredEventDetails"),
        _ if kind.ends_with("StateExited") => {
            Some(format!("{} done", name("stateExitedEventDetails")?))
        }
        _ if kind.ends_with("Failed") || kind.ends_with("TimedOut") => {
            Some(with_reason(&spaced(kind), event))
        }
        _ if kind.ends_with("Aborted") => Some(spaced(kind)),
        _ => None,
    }
}

/// The status that an event leaves an execution in, if it closes it.
#[must_use]
pub fn outcome(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "ExecutionSucceeded" => "SUCCEEDED",
        "ExecutionFailed" => "FAILED",
        "ExecutionTimedOut" => "TIMED_OUT",
        "ExecutionAborted" => "ABORTED",
        _ => return None,
    })
}

/// One line: time of day (UTC), execution, what happened.
#[must_use]
pub fn line(time: &str, execution: &str, change: &str) -> String {
    let time = time.get(11..23).unwrap_or(time);
    let name = short(execution);
    format!("{time}  {name:NAME_WIDTH$}  {change}")
}

/// `MACHINE:NAME` of an execution's ARN.
#[must_use]
pub fn short(execution: &str) -> String {
    ExecutionArn::parse(execution).map_or_else(
        || execution.to_owned(),
        |arn| format!("{}:{}", arn.machine, arn.name),
    )
}

/// `TaskFailed` as `task failed`.
fn spaced(kind: &str) -> String {
    let mut words = String::with_capacity(kind.len() + 4);
    for c in kind.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

fn with_reason(what: &str, event: &Value) -> String {
    let details = event.as_object().into_iter().flatten();
    let found = details.filter(|(name, _)| name.ends_with("EventDetails"));
    let mut text = what.to_owned();
    for (_, details) in found {
        for field in ["error", "cause"] {
            if let Some(reason) = details[field].as_str().filter(|reason| !reason.is_empty()) {
                let reason: String = reason.chars().take(CAUSE_CHARS_MAX).collect();
                text.push_str(": ");
                text.push_str(&reason.replace('\n', " "));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_of_state_have_a_line_and_nothing_else_has() {
        let shown = |event: Value| change(&event);
        assert_eq!(
            shown(json!({"type": "ExecutionStarted"})).as_deref(),
            Some("started")
        );
        let entered =
            json!({"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Resize"}});
        assert_eq!(shown(entered).as_deref(), Some("Resize"));
        let exited =
            json!({"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Resize"}});
        assert_eq!(shown(exited).as_deref(), Some("Resize done"));
        let failed = json!({"type": "TaskFailed", "taskFailedEventDetails": {"error": "E", "cause": "a\nb"}});
        assert_eq!(shown(failed).as_deref(), Some("task failed: E: a b"));
        let closed =
            json!({"type": "ExecutionFailed", "executionFailedEventDetails": {"error": "E"}});
        assert_eq!(shown(closed).as_deref(), Some("FAILED: E"));
        for kind in [
            "TaskScheduled",
            "TaskStarted",
            "TaskSucceeded",
            "ParallelStateStarted",
        ] {
            assert_eq!(shown(json!({"type": kind})), None, "{kind}");
        }
    }

    #[test]
    fn a_line_has_time_execution_and_change() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:m:e";
        let line = line("2026-01-31T12:00:01.250Z", arn, "started");
        assert_eq!(line, format!("12:00:01.250  {:34}  started", "m:e"));
    }
}
