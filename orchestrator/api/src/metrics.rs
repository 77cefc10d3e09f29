//! Metrics in Prometheus' text form.
//!
//! Owns: the names of what the API counts. Base units; no ids as labels, so the number of series is bounded by the
//! number of operations and errors. Names of other crates' figures come with them ([`crate::Figure`]).

use crate::http::Outcome;
use crate::ports::{Figure, FigureKind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Requests answered, by protocol, operation and result (`ok` or the error's name).
pub const REQUESTS_TOTAL: &str = "baton_http_requests_total";
/// How long answers took, by operation.
pub const REQUEST_DURATION_SECONDS: &str = "baton_http_request_duration_seconds";
/// Requests refused because too many were under way.
pub const THROTTLED_TOTAL: &str = "baton_http_throttled_total";
/// Whether the node is ready, 0 or 1.
pub const READY: &str = "baton_ready";

/// Upper bounds of the duration histogram, seconds.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// What the API counts.
#[derive(Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
    throttled: AtomicU64,
}

#[derive(Default)]
struct Counts {
    /// By protocol, operation, result.
    requests: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// By operation.
    durations: BTreeMap<&'static str, Durations>,
}

#[derive(Default)]
struct Durations {
    /// For each bucket, answers that took no longer than its bound and longer than the one before.
    buckets: [u64; BUCKETS.len()],
    count: u64,
    seconds: f64,
}

impl Metrics {
    /// An answer was given.
    pub fn answered(&self, outcome: Outcome, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (outcome.protocol, outcome.operation, outcome.result);
        *counts.requests.entry(key).or_default() += 1;
        let durations = counts.durations.entry(outcome.operation).or_default();
        let seconds = took.as_secs_f64();
        durations.count += 1;
        durations.seconds += seconds;
        if let Some(i) = BUCKETS.iter().position(|bound| seconds <= *bound) {
            durations.buckets[i] += 1;
        }
    }

    /// A request was refused at the door.
    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything as text, with the figures of others.
    pub fn render(&self, ready: bool, others: Vec<Figure>) -> String {
        let mut out = String::new();
        let throttled = self.throttled.load(Ordering::Relaxed);
        let mut own = self.requests();
        own.push(Figure::counter(
            THROTTLED_TOTAL,
            "Requests refused because too many were under way.",
            throttled,
        ));
        own.push(Figure::gauge(
            READY,
            "Whether the node is ready.",
            f64::from(u8::from(ready)),
        ));
        for figure in own.iter().chain(&others) {
            write(&mut out, figure);
        }
        out
    }

    fn requests(&self) -> Vec<Figure> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = counts.requests.iter();
        let answered = answered.map(|((protocol, operation, result), count)| {
            let labels = [
                ("protocol", protocol),
                ("operation", operation),
                ("result", result),
            ];
            (
                labels
                    .map(|(name, value)| (name, (*value).to_owned()))
                    .to_vec(),
                *count as f64,
            )
        });
        let requests = Figure::labelled(
            REQUESTS_TOTAL,
            "Requests answered.",
            FigureKind::Counter,
            answered,
        );
        let mut took = Figure::histogram(REQUEST_DURATION_SECONDS, "How long answers took.");
        for (operation, durations) in &counts.durations {
            let labels = [("operation", (*operation).to_owned())];
            let buckets = (&BUCKETS[..], &durations.buckets[..]);
            took = took.with(&labels, buckets, durations.count, durations.seconds);
        }
        vec![requests, took]
    }
}

/// Prometheus' text format, version 0.0.4.
fn write(out: &mut String, figure: &Figure) {
    let name = figure.name;
    let kind = match figure.kind {
        FigureKind::Gauge => "gauge",
        FigureKind::Counter => "counter",
        FigureKind::Histogram => "histogram",
    };
    line(out, format_args!("# HELP {name} {}", figure.help));
    line(out, format_args!("# TYPE {name} {kind}"));
    for sample in &figure.samples {
        let labels: Vec<String> = sample.labels.iter().map(label).collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            some => format!("{{{}}}", some.join(",")),
        };
        line(
            out,
            format_args!("{name}{}{labels} {}", sample.suffix, sample.value),
        );
    }
}

/// A label with its value escaped.
fn label((name, value): &(&'static str, String)) -> String {
    let value = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_prometheus() {
        let metrics = Metrics::default();
        let outcome = Outcome {
            protocol: "aws",
            operation: "StartExecution",
            result: "ok",
        };
        metrics.answered(outcome, Duration::from_millis(3));
        metrics.answered(outcome, Duration::from_secs(60));
        let open = Figure::gauge("baton_open_executions", "Open executions.", 2.0);
        let of_queue = vec![("queue", "a \"b\"\\".to_owned())];
        let tasks = Figure::labelled(
            "baton_tasks",
            "Tasks.",
            FigureKind::Gauge,
            [(of_queue, 1.0)],
        );
        insta::assert_snapshot!(metrics.render(true, vec![open, tasks]));
    }
}
