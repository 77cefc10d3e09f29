//! The spans of an execution, found in its events.
//!
//! Owns: which span an event opens or closes, and which one it lies in. They are the spans that a node exports (see
//! docs/operations.md, Traces), but for those of workers, which the history does not know.

use serde_json::Value;
use std::collections::HashMap;

/// A part of an execution that took time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// State, task or iteration.
    pub name: String,
    /// How deep it lies; 0 for the execution.
    pub depth: usize,
    /// Milliseconds since the execution began.
    pub from_ms: i64,
    /// The same; `None` while it runs.
    pub to_ms: Option<i64>,
    /// `error: cause` if it went wrong.
    pub problem: Option<String>,
    parent: usize,
    /// What it ends with.
    ends: Ends,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ends {
    /// With the execution.
    Execution,
    /// When the state of this name is left.
    State(String),
    /// With the outcome of a task.
    Task,
    /// With the outcome of the iteration.
    Iteration,
}

/// Spans in the order in which they began; the execution's own is the first.
#[derive(Debug)]
pub struct Spans {
    /// See above.
    pub list: Vec<Span>,
    /// The moment now, milliseconds since the execution began.
    pub now_ms: i64,
    begun_ms: i64,
    /// The span that each event lies in, by its id: where whatever follows it is.
    at: HashMap<u64, usize>,
}

impl Span {
    /// When it ended, or the moment now; milliseconds since the execution began.
    pub fn until_ms(&self, now_ms: i64) -> i64 {
        self.to_ms.unwrap_or(now_ms).max(self.from_ms)
    }
}

impl Spans {
    /// The spans in the events of an execution, each as GetExecutionHistory shows it; `now_ms` since the epoch.
    pub fn of(name: &str, events: &[Value], now_ms: i64) -> Self {
        let begun_ms = events.first().map_or(0, time_ms);
        let whole = Span {
            name: name.to_owned(),
            depth: 0,
            from_ms: 0,
            to_ms: None,
            problem: None,
            parent: 0,
            ends: Ends::Execution,
        };
        let mut spans = Self {
            list: vec![whole],
            now_ms: now_ms - begun_ms,
            begun_ms,
            at: HashMap::new(),
        };
        for event in events {
            spans.take(event);
        }
        spans
    }

    fn take(&mut self, event: &Value) {
        let id = |field: &str| event[field].as_u64().unwrap_or_default();
        let inside = self.at.get(&id("previousEventId")).copied().unwrap_or(0);
        let kind = event["type"].as_str().unwrap_or_default();
        let at_ms = time_ms(event) - self.begun_ms;
        let now_inside = match kind {
            "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => {
                self.end_all(at_ms, reason(event));
                0
            }
            _ if kind.ends_with("StateEntered") => {
                let name = text(&event["stateEnteredEventDetails"]["name"]);
                self.begin(inside, name.clone(), at_ms, Ends::State(name))
            }
            _ if kind.ends_with("StateExited") => {
                let name = text(&event["stateExitedEventDetails"]["name"]);
                self.end(inside, &Ends::State(name), at_ms, None)
            }
            "MapIterationStarted" => {
                let index = &event["mapIterationStartedEventDetails"]["index"];
                self.begin(inside, format!("iteration {index}"), at_ms, Ends::Iteration)
            }
            _ if kind.starts_with("MapIteration") => {
                self.end(inside, &Ends::Iteration, at_ms, reason(event))
            }
            "TaskScheduled" | "LambdaFunctionScheduled" | "ActivityScheduled" => self.begin(
                inside,
                format!("task of {}", resource(event)),
                at_ms,
                Ends::Task,
            ),
            "TaskSucceeded"
            | "TaskFailed"
            | "TaskTimedOut"
            | "LambdaFunctionSucceeded"
            | "LambdaFunctionFailed"
            | "LambdaFunctionTimedOut"
            | "ActivitySucceeded"
            | "ActivityFailed"
            | "ActivityTimedOut" => self.end(inside, &Ends::Task, at_ms, reason(event)),
            _ => inside,
        };
        self.at.insert(id("id"), now_inside);
    }

    fn begin(&mut self, parent: usize, name: String, from_ms: i64, ends: Ends) -> usize {
        self.list.push(Span {
            name,
            depth: self.list[parent].depth + 1,
            from_ms,
            to_ms: None,
            problem: None,
            parent,
            ends,
        });
        self.list.len() - 1
    }

    /// Ends the innermost span around `inside` that ends so, and whatever lies in it (branches that were given up have no
    /// end of their own); returns what lies around it.
    fn end(&mut self, inside: usize, ends: &Ends, to_ms: i64, problem: Option<String>) -> usize {
        let mut around = inside;
        while around != 0 && self.list[around].ends != *ends {
            around = self.list[around].parent;
        }
        if around == 0 {
            return inside;
        }
        self.list[around].to_ms = Some(to_ms);
        self.list[around].problem = problem;
        for span in around + 1..self.list.len() {
            if self.list[span].to_ms.is_none() && self.lies_in(span, around) {
                self.list[span].to_ms = Some(to_ms);
            }
        }
        self.list[around].parent
    }

    fn lies_in(&self, mut span: usize, around: usize) -> bool {
        while span > around {
            span = self.list[span].parent;
        }
        span == around
    }

    fn end_all(&mut self, to_ms: i64, problem: Option<String>) {
        for span in &mut self.list {
            span.to_ms.get_or_insert(to_ms);
        }
        self.list[0].problem = problem;
    }
}

/// What a task calls: the queue of Baton's own tasks, else what AWS calls it.
fn resource(event: &Value) -> String {
    let details = event
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, _)| name.ends_with("ScheduledEventDetails"));
    let Some((_, details)) = details else {
        return String::new();
    };
    let resource = text(&details["resource"]);
    let short = resource.rsplit(':').next().unwrap_or(&resource);
    short.strip_prefix("task.").unwrap_or(short).to_owned()
}

fn reason(event: &Value) -> Option<String> {
    let kind = event["type"].as_str().unwrap_or_default();
    if kind.ends_with("Succeeded") {
        return None;
    }
    let details = event
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.ends_with("EventDetails"));
    let fields = details.flat_map(|(_, details)| [&details["error"], &details["cause"]]);
    let said: Vec<&str> = fields
        .filter_map(Value::as_str)
        .filter(|said| !said.is_empty())
        .collect();
    Some(if said.is_empty() {
        crate::lines::outcome(kind).unwrap_or("ABORTED").to_owned()
    } else {
        said.join(": ")
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time_ms(event: &Value) -> i64 {
    let time = event["timestamp"].as_str().unwrap_or_default();
    baton_schemas::time::parse_rfc3339(time).unwrap_or_default()
}
