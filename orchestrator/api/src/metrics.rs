//! Metrics in Prometheus' text form.
//!
//! Owns: the names of what the API counts. Base units; no ids as labels, so the number of series is bounded by the
//! number of operations and errors. Names of other crates' figures come with them ([`crate::Gauge`]).

use crate::http::Outcome;
use crate::ports::{Gauge, GaugeKind};
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

    /// Everything as text.
    pub fn render(&self, ready: bool, gauges: &[Gauge]) -> String {
        let mut out = String::new();
        self.requests(&mut out);
        let own = [
            Gauge {
                name: THROTTLED_TOTAL,
                help: "Requests refused because too many were under way.",
                kind: GaugeKind::Counter,
                value: self.throttled.load(Ordering::Relaxed) as f64,
            },
            Gauge {
                name: READY,
                help: "Whether the node is ready.",
                kind: GaugeKind::Gauge,
                value: f64::from(u8::from(ready)),
            },
        ];
        for gauge in own.iter().chain(gauges) {
            let kind = match gauge.kind {
                GaugeKind::Gauge => "gauge",
                GaugeKind::Counter => "counter",
            };
            head(&mut out, gauge.name, gauge.help, kind);
            line(&mut out, format_args!("{} {}", gauge.name, gauge.value));
        }
        out
    }

    fn requests(&self, out: &mut String) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, REQUESTS_TOTAL, "Requests answered.", "counter");
        for ((protocol, operation, result), count) in &counts.requests {
            line(
                out,
                format_args!(
                    "{REQUESTS_TOTAL}{{protocol=\"{protocol}\",operation=\"{operation}\",result=\"{result}\"}} {count}"
                ),
            );
        }
        let name = REQUEST_DURATION_SECONDS;
        head(out, name, "How long answers took.", "histogram");
        for (operation, durations) in &counts.durations {
            let mut sum = 0;
            for (bound, count) in BUCKETS.iter().zip(durations.buckets) {
                sum += count;
                line(
                    out,
                    format_args!("{name}_bucket{{operation=\"{operation}\",le=\"{bound}\"}} {sum}"),
                );
            }
            let (count, seconds) = (durations.count, durations.seconds);
            line(
                out,
                format_args!("{name}_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {count}"),
            );
            line(
                out,
                format_args!("{name}_sum{{operation=\"{operation}\"}} {seconds}"),
            );
            line(
                out,
                format_args!("{name}_count{{operation=\"{operation}\"}} {count}"),
            );
        }
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
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
        let gauge = Gauge {
            name: "baton_open_executions",
            help: "Open executions.",
            kind: GaugeKind::Gauge,
            value: 2.0,
        };
        insta::assert_snapshot!(metrics.render(true, &[gauge]));
    }
}
