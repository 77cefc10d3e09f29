//! Names of the figures of engine and store in `/metrics`. Those of HTTP are in `baton_api::metrics`.

use baton_api::{Gauge, GaugeKind};
use baton_kafka::metrics::Snapshot;
use baton_store::Store;

/// Figures of the engine.
pub fn engine(now: &Snapshot) -> Vec<Gauge> {
    vec![
        counter(
            "baton_engine_batches_total",
            "Batches of the engine's thread.",
            now.batches,
        ),
        counter(
            "baton_engine_inputs_total",
            "Records of input topics given to owners.",
            now.inputs,
        ),
        counter(
            "baton_engine_calls_total",
            "Calls given to owners.",
            now.calls,
        ),
        counter(
            "baton_engine_calls_throttled_total",
            "Calls refused because too many waited.",
            now.calls_throttled,
        ),
        counter(
            "baton_history_appends_total",
            "Records appended to the history.",
            now.appends,
        ),
        counter(
            "baton_history_append_failures_total",
            "Appends that failed or whose outcome is unknown.",
            now.append_failures,
        ),
        counter(
            "baton_effects_sent_total",
            "Commands and other effects sent.",
            now.sends,
        ),
        counter(
            "baton_effect_failures_total",
            "Effects that their topic refused for good.",
            now.send_failures,
        ),
        counter(
            "baton_history_applied_total",
            "Effective history records given to the views.",
            now.applied,
        ),
        counter(
            "baton_partition_halts_total",
            "Times that a partition halted until somebody looks.",
            now.halts,
        ),
        gauge(
            "baton_open_executions",
            "Open executions of this node's partitions.",
            now.open_executions as f64,
        ),
        gauge(
            "baton_owned_partitions",
            "Partitions that this node owns and serves.",
            now.owned_partitions as f64,
        ),
    ]
}

/// Figures of the local store.
pub fn store(store: &Store) -> Vec<Gauge> {
    vec![
        gauge(
            "baton_store_pending_records",
            "Records that wait to be written to the local store.",
            store.pending_records() as f64,
        ),
        gauge(
            "baton_store_pending_bytes",
            "Bytes that wait to be written to the local store.",
            store.pending_bytes() as f64,
        ),
        gauge(
            "baton_store_disk_bytes",
            "Size of the local store on disk.",
            store.disk_bytes() as f64,
        ),
    ]
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Gauge {
    Gauge {
        name,
        help,
        kind: GaugeKind::Counter,
        value: value as f64,
    }
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Gauge {
    Gauge {
        name,
        help,
        kind: GaugeKind::Gauge,
        value,
    }
}
