//! `baton trace`: where the time of an execution went, without a collector.
//!
//! Owns: how spans are drawn, a line each with a bar. Must not: ask anybody.

mod spans;

use serde_json::Value;
use spans::{Span, Spans};

/// Characters of the widest bar.
const BAR: usize = 40;
/// Most characters of a name, with its indent.
const NAME_MAX: usize = 44;
/// Eighths of a character, from one to seven.
const LEFT_EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// The lines for an execution: `described` as `GET /v1/executions/{execution}` says it, `events` those of its history.
/// What still runs reaches up to `now_ms` (milliseconds since the epoch).
pub fn draw(described: &Value, events: &[Value], now_ms: i64) -> Vec<String> {
    let text = |field: &str| described[field].as_str().unwrap_or_default();
    let spans = Spans::of(&crate::lines::short(text("executionArn")), events, now_ms);
    let traceparent = text("traceparent");
    let trace = traceparent.split('-').nth(1).unwrap_or("-");
    let whole_ms = spans.list[0].until_ms(spans.now_ms).max(1);
    let names = spans.list.iter().map(|span| name_of(span).chars().count());
    let width = names.max().unwrap_or(0);
    let mut lines = vec![format!("trace {trace}  {}", text("status"))];
    for span in &spans.list {
        let until_ms = span.until_ms(spans.now_ms);
        let bar = bar(span.from_ms, until_ms, whole_ms);
        let lasted = lasted(until_ms - span.from_ms);
        let more = match (&span.problem, span.to_ms) {
            (Some(problem), _) => format!("  {}", problem.replace('\n', " ")),
            (None, None) => "  runs".to_owned(),
            (None, Some(_)) => String::new(),
        };
        let line = format!("{:width$}  {lasted:>9}  {bar:BAR$}{more}", name_of(span));
        lines.push(line.trim_end().to_owned());
    }
    lines
}

fn name_of(span: &Span) -> String {
    let indented = format!("{:indent$}{}", "", span.name, indent = span.depth * 2);
    if indented.chars().count() <= NAME_MAX {
        return indented;
    }
    indented.chars().take(NAME_MAX - 1).chain(['…']).collect()
}

/// A bar from `from_ms` to `to_ms` where the whole width stands for `whole_ms`.
fn bar(from_ms: i64, to_ms: i64, whole_ms: i64) -> String {
    let eighths = |ms: i64| {
        let eighths = ms.max(0) as u128 * (BAR * 8) as u128 / whole_ms as u128;
        usize::try_from(eighths).unwrap_or(0).min(BAR * 8)
    };
    let begin = (eighths(from_ms) / 8).min(BAR - 1);
    let length = eighths(to_ms).saturating_sub(begin * 8).max(1);
    let rest = length % 8;
    let end = (rest > 0).then(|| LEFT_EIGHTHS[rest.clamp(1, 7) - 1]);
    let spaces = " ".repeat(begin);
    spaces
        .chars()
        .chain("█".repeat(length / 8).chars())
        .chain(end)
        .collect()
}

fn lasted(ms: i64) -> String {
    match ms {
        ..10_000 => format!("{ms} ms"),
        10_000..600_000 => format!("{:.1} s", ms as f64 / 1e3),
        600_000..36_000_000 => format!("{:.1} min", ms as f64 / 6e4),
        _ => format!("{:.1} h", ms as f64 / 3.6e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TRACE: &str = "685428e5bb53974d9d83ecbb034c9187";

    fn event(id: u64, previous: u64, ms: u32, kind: &str, details: Value) -> Value {
        let mut event = json!({"id": id, "previousEventId": previous, "type": kind,
            "timestamp": format!("2026-01-31T12:00:00.{ms:03}Z")});
        for (name, value) in details.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    }

    fn entered(name: &str) -> Value {
        json!({"stateEnteredEventDetails": {"name": name}})
    }

    fn exited(name: &str) -> Value {
        json!({"stateExitedEventDetails": {"name": name}})
    }

    fn scheduled(queue: &str) -> Value {
        json!({"taskScheduledEventDetails": {"resource": format!("task.{queue}"), "resourceType": "baton"}})
    }

    fn drawn(status: &str, events: &[Value]) -> String {
        let described = json!({"executionArn": "arn:aws:states:us-east-1:000000000000:execution:m:e",
            "status": status, "traceparent": format!("00-{TRACE}-cb45986fbf7e2ca9-01")});
        let now_ms = baton_schemas::time::parse_rfc3339("2026-01-31T12:00:00.800Z").unwrap();
        draw(&described, events, now_ms).join("\n")
    }

    #[test]
    fn a_retried_task_shows_both_attempts_and_why() {
        let failed = json!({"taskFailedEventDetails": {"error": "Busy", "cause": "try\nagain"}});
        let none = json!({});
        let expected = "\
trace 685428e5bb53974d9d83ecbb034c9187  SUCCEEDED
m:e                                              400 ms  ████████████████████████████████████████
  Greet                                          400 ms  ████████████████████████████████████████
    task of hello                                100 ms  ██████████                                Busy: try again
    task of hello                                100 ms                                ██████████
  A state with a name that is longer than t…       0 ms                                         █";
        assert_eq!(
            drawn(
                "SUCCEEDED",
                &[
                    event(1, 0, 0, "ExecutionStarted", none.clone()),
                    event(2, 0, 0, "TaskStateEntered", entered("Greet")),
                    event(3, 2, 0, "TaskScheduled", scheduled("hello")),
                    event(4, 3, 0, "TaskStarted", none.clone()),
                    event(5, 4, 100, "TaskFailed", failed),
                    event(6, 5, 300, "TaskScheduled", scheduled("hello")),
                    event(7, 6, 300, "TaskStarted", none.clone()),
                    event(8, 7, 400, "TaskSucceeded", none.clone()),
                    event(9, 8, 400, "TaskStateExited", exited("Greet")),
                    event(
                        10,
                        9,
                        400,
                        "PassStateEntered",
                        entered("A state with a name that is longer than the column")
                    ),
                    event(
                        11,
                        10,
                        400,
                        "PassStateExited",
                        exited("A state with a name that is longer than the column")
                    ),
                    event(12, 11, 400, "ExecutionSucceeded", none),
                ]
            ),
            expected
        );
    }

    #[test]
    fn branches_lie_in_their_state_and_what_runs_says_so() {
        let none = json!({});
        let expected = "\
trace 685428e5bb53974d9d83ecbb034c9187  RUNNING
m:e                      800 ms  ████████████████████████████████████████  runs
  Both                   400 ms  ████████████████████
    Left                 400 ms  ████████████████████
      task of left       400 ms  ████████████████████
    Right                200 ms  ██████████
  Each                   400 ms                      ████████████████████  runs
    iteration 0          400 ms                      ████████████████████  runs
      Left               400 ms                      ████████████████████  runs
        task of left     300 ms                           ███████████████  runs";
        assert_eq!(
            drawn(
                "RUNNING",
                &[
                    event(1, 0, 0, "ExecutionStarted", none.clone()),
                    event(2, 0, 0, "ParallelStateEntered", entered("Both")),
                    event(3, 2, 0, "ParallelStateStarted", none.clone()),
                    event(4, 3, 0, "TaskStateEntered", entered("Left")),
                    event(5, 4, 0, "TaskScheduled", scheduled("left")),
                    event(6, 3, 0, "WaitStateEntered", entered("Right")),
                    event(7, 6, 200, "WaitStateExited", exited("Right")),
                    event(8, 5, 400, "TaskSucceeded", none.clone()),
                    event(9, 8, 400, "TaskStateExited", exited("Left")),
                    event(10, 9, 400, "ParallelStateSucceeded", none.clone()),
                    event(11, 10, 400, "ParallelStateExited", exited("Both")),
                    event(12, 11, 400, "MapStateEntered", entered("Each")),
                    event(13, 12, 400, "MapStateStarted", none),
                    event(
                        14,
                        13,
                        400,
                        "MapIterationStarted",
                        json!({"mapIterationStartedEventDetails": {"index": 0}})
                    ),
                    event(15, 14, 400, "TaskStateEntered", entered("Left")),
                    event(16, 15, 500, "TaskScheduled", scheduled("left")),
                ]
            ),
            expected
        );
    }

    #[test]
    fn what_is_given_up_ends_with_what_it_lies_in() {
        let none = json!({});
        let expected = "\
trace 685428e5bb53974d9d83ecbb034c9187  FAILED
m:e          100 ms  ████████████████████████████████████████  E: c
  Both       100 ms  ████████████████████████████████████████
    Long     100 ms  ████████████████████████████████████████
    Bad      100 ms  ████████████████████████████████████████";
        assert_eq!(
            drawn(
                "FAILED",
                &[
                    event(1, 0, 0, "ExecutionStarted", none.clone()),
                    event(2, 0, 0, "ParallelStateEntered", entered("Both")),
                    event(3, 2, 0, "ParallelStateStarted", none.clone()),
                    event(4, 3, 0, "WaitStateEntered", entered("Long")),
                    event(5, 3, 0, "FailStateEntered", entered("Bad")),
                    event(6, 5, 100, "ParallelStateFailed", none),
                    event(
                        7,
                        6,
                        100,
                        "ExecutionFailed",
                        json!({"executionFailedEventDetails": {"error": "E", "cause": "c"}})
                    ),
                ]
            ),
            expected
        );
    }

    #[test]
    fn bars_fit_whatever_the_times() {
        for (from, to, whole) in [
            (0, 0, 1),
            (5, 4, 4),
            (0, i64::MAX, i64::MAX),
            (-9, 3, 7),
            (1, 2, 1_000_000),
        ] {
            let length = bar(from, to, whole).chars().count();
            assert!((1..=BAR).contains(&length), "{from} {to} {whole}: {length}");
        }
    }
}
