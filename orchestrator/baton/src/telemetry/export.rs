//! Sends spans to a collector: OTLP over HTTP, protobuf.
//!
//! Owns: whether there is an exporter (OpenTelemetry's environment variables, or the setting), batches, and what happens
//! to spans that the collector does not take. Blocks while it sends: for the recorder's thread alone.

use super::recorder::Counters;
use crate::config::Error;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Most spans of one request.
const BATCH_MAX: usize = 512;
/// Most spans that wait for a collector that takes none; past it the oldest are given up and counted.
const WAITING_MAX: usize = 8_192;
/// First and longest pause after a request that failed.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where spans go.
pub struct Exporter(SpanExporter);

/// What is known of the exporter before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Base URL of the collector, without `/v1/traces`; `None`: as OpenTelemetry's environment variables say.
    pub endpoint: Option<String>,
    /// Name of this node.
    pub node: Arc<str>,
}

impl Target {
    /// Where to export to, if anybody said so: the setting, or OpenTelemetry's variables. `OTEL_SDK_DISABLED=true` and
    /// `OTEL_TRACES_EXPORTER=none` switch it off (OpenTelemetry, general SDK configuration).
    pub fn new(
        endpoint: Option<String>,
        node: Arc<str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let says =
            |name: &str, value: &str| variable(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
        if says("OTEL_SDK_DISABLED", "true") || says("OTEL_TRACES_EXPORTER", "none") {
            return None;
        }
        let named = [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ];
        let named = named
            .iter()
            .any(|name| variable(name).is_some_and(|v| !v.is_empty()));
        (endpoint.is_some() || named).then_some(Self { endpoint, node })
    }

    /// Makes the exporter. Not within an asynchronous runtime.
    ///
    /// # Errors
    /// What can't be used.
    pub fn exporter(self) -> Result<Exporter, Error> {
        let builder = SpanExporter::builder().with_http();
        let builder = match &self.endpoint {
            Some(base) => {
                builder.with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/')))
            }
            None => builder,
        };
        let mut exporter = builder
            .build()
            .map_err(|e| Error(format!("traces can't be exported: {e}")))?;
        let resource = Resource::builder_empty()
            .with_service_name("baton")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", self.node));
        // The environment's word comes last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES count.
        let resource = resource.with_detector(Box::new(
            opentelemetry_sdk::resource::EnvResourceDetector::new(),
        ));
        let resource = match std::env::var("OTEL_SERVICE_NAME")
            .ok()
            .filter(|name| !name.is_empty())
        {
            Some(name) => resource.with_service_name(name),
            None => resource,
        };
        exporter.set_resource(&resource.build());
        Ok(Exporter(exporter))
    }
}

/// Spans on their way to the collector.
pub struct Spans {
    exporter: Exporter,
    counters: Arc<Counters>,
    waiting: VecDeque<SpanData>,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// Not before this time, after a request that failed, and how long that pause was.
    paused: Option<(Instant, Duration)>,
}

impl Spans {
    /// None yet.
    pub fn new(exporter: Exporter, counters: Arc<Counters>) -> Self {
        Self {
            exporter,
            counters,
            waiting: VecDeque::new(),
            since: None,
            paused: None,
        }
    }

    /// Adds spans that have ended.
    pub fn add(&mut self, ended: Vec<SpanData>) {
        if ended.is_empty() {
            return;
        }
        self.waiting.extend(ended);
        self.since.get_or_insert_with(Instant::now);
        let over = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..over);
        self.counters
            .refused
            .fetch_add(over as u64, Ordering::Relaxed);
    }

    /// When they are to be sent, if there are any: `every` after the first came, or when the pause is over.
    pub fn due(&self, every: Duration) -> Option<Instant> {
        let since = self.since?;
        Some(self.paused.map_or(since + every, |(until, _)| until))
    }

    /// Whether they are to be sent now: it is time, or there are many.
    pub fn is_due(&self, every: Duration) -> bool {
        let now = Instant::now();
        let full = self.waiting.len() >= BATCH_MAX && self.paused.is_none();
        full || self.due(every).is_some_and(|at| at <= now)
    }

    /// Sends one batch, and all others if there are more.
    pub fn export(&mut self) {
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH_MAX);
            let batch: Vec<SpanData> = self.waiting.range(..count).cloned().collect();
            if let Err(error) = futures::executor::block_on(self.exporter.0.export(batch)) {
                self.pause(&error.to_string());
                return;
            }
            self.waiting.drain(..count);
            self.counters
                .exported
                .fetch_add(count as u64, Ordering::Relaxed);
            if self.paused.take().is_some() {
                tracing::info!("the trace collector takes spans again");
            }
        }
        self.since = None;
    }

    /// Sends what there is, once; what is not taken is given up.
    pub fn export_all(&mut self) {
        self.export();
        self.counters
            .refused
            .fetch_add(self.waiting.len() as u64, Ordering::Relaxed);
    }

    fn pause(&mut self, error: &str) {
        let pause = match self.paused {
            None => {
                tracing::warn!(
                    error,
                    "the trace collector takes no spans; it is asked again"
                );
                PAUSE.0
            }
            Some((_, last)) => (2 * last).min(PAUSE.1),
        };
        self.paused = Some((Instant::now() + pause, pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Option<Target> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name)?;
            Some(found.1.to_owned())
        };
        Target::new(endpoint.map(str::to_owned), "n".into(), variable)
    }

    #[test]
    fn nothing_is_exported_unless_somebody_says_so() {
        let otel = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        assert_eq!(target(None, &[]), None);
        assert_eq!(target(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
        assert!(target(None, &[otel]).is_some());
        assert!(target(Some("http://c:4318"), &[]).is_some());
        assert_eq!(
            target(Some("http://c:4318"), &[("OTEL_SDK_DISABLED", "TRUE")]),
            None
        );
        assert_eq!(
            target(None, &[otel, ("OTEL_TRACES_EXPORTER", "none")]),
            None
        );
    }
}
