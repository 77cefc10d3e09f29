//! Names of the figures of engine, store, traces and process in `/metrics`. Those of HTTP are in `baton_api::metrics`.
//!
//! Each is described in docs/operations.md; `./tests/run observability` compares the two.

use crate::process;
use crate::telemetry::recorder::Counters;
use baton_api::{Figure, FigureKind};
use baton_kafka::Readiness;
use baton_kafka::measures::{Durations, Measured};
use baton_kafka::metrics::Snapshot;
use baton_store::Store;
use std::sync::atomic::Ordering;

/// Figures of the engine.
pub fn engine(now: &Snapshot) -> Vec<Figure> {
    vec![
        Figure::counter(
            "baton_engine_batches_total",
            "Batches of the engine's thread.",
            now.batches,
        ),
        Figure::counter(
            "baton_engine_inputs_total",
            "Records of input topics given to owners.",
            now.inputs,
        ),
        Figure::counter(
            "baton_engine_calls_total",
            "Calls given to owners.",
            now.calls,
        ),
        Figure::counter(
            "baton_engine_calls_throttled_total",
            "Calls refused because too many waited.",
            now.calls_throttled,
        ),
        Figure::counter(
            "baton_history_appends_total",
            "Records appended to the history.",
            now.appends,
        ),
        Figure::counter(
            "baton_history_append_failures_total",
            "Appends that failed or whose outcome is unknown.",
            now.append_failures,
        ),
        Figure::counter(
            "baton_effects_sent_total",
            "Commands and other effects sent.",
            now.sends,
        ),
        Figure::counter(
            "baton_effect_failures_total",
            "Effects that their topic refused for good.",
            now.send_failures,
        ),
        Figure::counter(
            "baton_history_applied_total",
            "Effective history records given to the views.",
            now.applied,
        ),
        Figure::counter(
            "baton_partition_halts_total",
            "Times that a partition halted until somebody looks.",
            now.halts,
        ),
        Figure::counter(
            "baton_unusable_records_total",
            "Records on the topics registry and nodes that no node wrote, or not this version; passed over.",
            now.unusable,
        ),
        Figure::gauge(
            "baton_open_executions",
            "Open executions of this node's partitions.",
            now.open_executions as f64,
        ),
        Figure::gauge(
            "baton_owned_partitions",
            "Partitions that this node owns and serves.",
            now.owned_partitions as f64,
        ),
    ]
}

/// Figures of the local store.
pub fn store(store: &Store) -> Vec<Figure> {
    vec![
        Figure::gauge(
            "baton_store_pending_records",
            "Records that wait to be written to the local store.",
            store.pending_records() as f64,
        ),
        Figure::gauge(
            "baton_store_pending_bytes",
            "Bytes that wait to be written to the local store.",
            store.pending_bytes() as f64,
        ),
        Figure::gauge(
            "baton_store_lag_seconds",
            "How long the oldest record has waited that is to be written to the local store.",
            store.lag().as_secs_f64(),
        ),
        Figure::gauge(
            "baton_store_disk_bytes",
            "Size of the local store on disk.",
            store.disk_bytes() as f64,
        ),
    ]
}

/// What the engine measures.
pub fn measured(now: &Measured) -> Vec<Figure> {
    let closed = now
        .closed
        .iter()
        .map(|(status, n)| (vec![("status", (*status).to_owned())], *n as f64));
    let lags = now.lags.iter().map(|(topic, partition, lag)| {
        (
            vec![
                ("topic", (*topic).to_owned()),
                ("partition", partition.to_string()),
            ],
            *lag as f64,
        )
    });
    let mut tasks = Figure::histogram(
        "baton_task_duration_seconds",
        "Time from the scheduling of a task to its completion, by task queue.",
    );
    for (queue, took) in &now.tasks {
        tasks = with(tasks, &[("queue", queue.to_string())], took);
    }
    vec![
        Figure::counter(
            "baton_executions_started_total",
            "Executions started.",
            now.started,
        ),
        Figure::labelled(
            "baton_executions_closed_total",
            "Executions closed, by status.",
            FigureKind::Counter,
            closed,
        ),
        durations(
            "baton_execution_duration_seconds",
            "Time from the start of an execution to its close.",
            &now.executions,
        ),
        tasks,
        durations(
            "baton_history_append_duration_seconds",
            "Time from an append to the history to its acknowledgement; one at a time of each partition is measured.",
            &now.appends,
        ),
        Figure::gauge(
            "baton_history_appends_in_flight",
            "History records not yet acknowledged.",
            now.in_flight as f64,
        ),
        Figure::gauge(
            "baton_outbox_effects",
            "Effects sent and not yet acknowledged.",
            now.outbox as f64,
        ),
        Figure::counter(
            "baton_dead_letters_total",
            "Records sent to the dead-letter topic.",
            now.dead_letters,
        ),
        Figure::labelled(
            "baton_input_lag_records",
            "Records that wait in an input partition.",
            FigureKind::Gauge,
            lags,
        ),
        Figure::counter(
            "baton_partition_claims_total",
            "Claims of partitions by this node.",
            now.claims,
        ),
        durations(
            "baton_partition_recovery_duration_seconds",
            "Time from the assignment of a partition, or the loss of its memory, until it serves.",
            &now.recoveries,
        ),
    ]
}

/// Who owns what.
pub fn ownership(readiness: &Readiness) -> Vec<Figure> {
    let owned = readiness.assigned.iter().map(|partition| {
        let serves = readiness.serving.contains(partition);
        (
            vec![("partition", partition.to_string())],
            f64::from(u8::from(serves)),
        )
    });
    vec![Figure::labelled(
        "baton_partition_serving",
        "For each partition that the group gave to this node, whether it serves.",
        FigureKind::Gauge,
        owned,
    )]
}

/// What became of spans; all zero without export.
pub fn traces(counters: Option<&Counters>) -> Vec<Figure> {
    let get = |figure: fn(&Counters) -> &std::sync::atomic::AtomicU64| {
        counters.map_or(0, |counters| figure(counters).load(Ordering::Relaxed))
    };
    vec![
        Figure::counter(
            "baton_spans_exported_total",
            "Spans that the trace collector took.",
            get(|c| &c.exported),
        ),
        Figure::counter(
            "baton_spans_refused_total",
            "Spans given up because the trace collector did not take them.",
            get(|c| &c.refused),
        ),
        Figure::counter(
            "baton_spans_skipped_records_total",
            "History records without spans because too many waited.",
            get(|c| &c.skipped),
        ),
    ]
}

/// Figures of the process, named as Prometheus' own client libraries do.
pub fn process() -> Vec<Figure> {
    let now = process::now();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    vec![
        Figure::labelled(
            "baton_build_info",
            "1; the label says which version runs.",
            FigureKind::Gauge,
            [(version, 1.0)],
        ),
        Figure::gauge(
            "process_resident_memory_bytes",
            "Resident memory.",
            now.resident_bytes as f64,
        ),
        Figure::labelled(
            "process_cpu_seconds_total",
            "CPU time used, user and system.",
            FigureKind::Counter,
            [(Vec::new(), now.cpu_s)],
        ),
        Figure::gauge(
            "process_open_fds",
            "Open file descriptors.",
            now.open_files as f64,
        ),
        Figure::gauge(
            "process_start_time_seconds",
            "When the process started, seconds since the epoch.",
            now.started_s,
        ),
    ]
}

fn durations(name: &'static str, help: &'static str, durations: &Durations) -> Figure {
    with(Figure::histogram(name, help), &[], durations)
}

fn with(figure: Figure, labels: &[(&'static str, String)], durations: &Durations) -> Figure {
    let buckets = (&durations.bounds[..], &durations.counts[..]);
    figure.with(labels, buckets, durations.count, durations.seconds)
}
